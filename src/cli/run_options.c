// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of `reseat run`; see run_options.h. */
#include "cli/run_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/message.h"
#include "cli/usage.h"

enum {
	OPTION_HELP = 'h',
	OPTION_MAP = 256,
	OPTION_TO,
	OPTION_NETNS,
	OPTION_REJECT,
	OPTION_PASS,
	OPTION_POLICY,
	OPTION_DEFAULT,
	OPTION_LOCAL,
	OPTION_SETTING, /* and POLICY_SETTING_COUNT of them */
	OPTION_SETTING_LAST = OPTION_SETTING + POLICY_SETTING_COUNT - 1,
	OPTION_TRACE,
	OPTION_TRACE_OUTPUT,
	OPTION_REPORT,
	OPTION_REPORT_OUTPUT,
	OPTION_ORIGINS,
	OPTION_WATCH_BACKEND,
	OPTION_PROCESS_MODEL,
};

static const struct option run_options[] = {
	{"help", no_argument, NULL, OPTION_HELP},
	{"map", required_argument, NULL, OPTION_MAP},
	{"to", required_argument, NULL, OPTION_TO},
	{"netns", required_argument, NULL, OPTION_NETNS},
	{"reject", required_argument, NULL, OPTION_REJECT},
	{"pass", required_argument, NULL, OPTION_PASS},
	{"policy", required_argument, NULL, OPTION_POLICY},
	{"default", required_argument, NULL, OPTION_DEFAULT},
	{"local", required_argument, NULL, OPTION_LOCAL},
	{"landlock", required_argument, NULL, OPTION_SETTING + POLICY_LANDLOCK_SWAP},
	{"io-uring", required_argument, NULL, OPTION_SETTING + POLICY_IO_URING_ALLOW},
	{"shared", required_argument, NULL, OPTION_SETTING + POLICY_SHARED_PASS},
	{"udp-queued", required_argument, NULL, OPTION_SETTING + POLICY_UDP_QUEUED_DROP},
	{"udp-send", required_argument, NULL, OPTION_SETTING + POLICY_UDP_SEND_SWAP},
	{"recvmsg", required_argument, NULL, OPTION_SETTING + POLICY_RECVMSG_TRANSLATE},
	{"trace", optional_argument, NULL, OPTION_TRACE},
	{"trace-output", required_argument, NULL, OPTION_TRACE_OUTPUT},
	{"report", required_argument, NULL, OPTION_REPORT},
	{"report-output", required_argument, NULL, OPTION_REPORT_OUTPUT},
	{"origins", required_argument, NULL, OPTION_ORIGINS},
	{"watch-backend", required_argument, NULL, OPTION_WATCH_BACKEND},
	{"process-model", required_argument, NULL, OPTION_PROCESS_MODEL},
	{NULL},
};

static bool is_setting(int option)
{
	return option >= OPTION_SETTING && option <= OPTION_SETTING_LAST;
}

/* Options that hand their word to the policy. */
static int run_policy_option(struct policy *policy, int option, const char *text,
			     struct policy_error *error)
{
	switch (option) {
	case OPTION_MAP:
		return policy_add(policy, POLICY_MAP, text, error);
	case OPTION_TO:
		return policy_add(policy, POLICY_TO, text, error);
	case OPTION_NETNS:
		return policy_add(policy, POLICY_NETNS, text, error);
	case OPTION_REJECT:
		return policy_add(policy, POLICY_REJECT, text, error);
	case OPTION_PASS:
		return policy_add(policy, POLICY_PASS, text, error);
	case OPTION_POLICY:
		return policy_add_file(policy, text, error);
	case OPTION_DEFAULT:
		return policy_set_default(policy, text, error);
	case OPTION_LOCAL:
		return policy_set_local(policy, text, error);
	default:
		return policy_set(policy, (enum policy_setting)(option - OPTION_SETTING), text, error);
	}
}

static int run_trace_option(const char *text, enum trace_format *ret)
{
	if (!text || strcmp(text, "text") == 0)
		*ret = TRACE_TEXT;
	else if (strcmp(text, "json") == 0)
		*ret = TRACE_JSON;
	else
		return -EINVAL;
	return 0;
}

static int run_report_option(const char *text, enum report_format *ret)
{
	if (strcmp(text, "text") == 0)
		*ret = REPORT_TEXT;
	else if (strcmp(text, "json") == 0)
		*ret = REPORT_JSON;
	else
		return -EINVAL;
	return 0;
}

static int run_model_option(const char *text, enum process_model *ret)
{
	if (strcmp(text, "in-place") == 0)
		*ret = MODEL_IN_PLACE;
	else if (strcmp(text, "front") == 0)
		*ret = MODEL_FRONT;
	else
		return -EINVAL;
	return 0;
}

/* A path from the folder we are in, for whoever opens it from another one. Return: a new string. */
static char *run_absolute(const char *path)
{
	_cleanup_free_ char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
	char *absolute;

	if (!folder || asprintf(&absolute, "%s/%s", folder, path) < 0)
		return strdup(path);
	return absolute;
}

static enum run_parsed run_usage_error(bool observe)
{
	message(STDERR_FILENO, "try 'reseat %s --help'", observe ? "observe" : "run");
	return RUN_USAGE;
}

static void run_warn(void *context, const char *line)
{
	message(STDERR_FILENO, "warning: %s", line);
}

/* Where the user named nothing at all, the network has to say what to do. */
static enum run_parsed run_complete(struct run_options *options, bool named)
{
	struct policy_error error = {0};
	int r;

	if (!named) {
		r = policy_discover(options->policy, &error);
		if (r < 0) {
			message(STDERR_FILENO, "%s", error.text[0] ? error.text : strerror(-r));
			return RUN_USAGE;
		}
	}
	/* Standard error is COMMAND's, unless its user wants to hear of us; policy test always tells. */
	if (options->trace != TRACE_NONE || options->observe)
		policy_warn(options->policy, run_warn, NULL);
	return RUN_PARSED;
}

enum run_parsed run_options_parse(int argc, char **argv, struct run_options *ret)
{
	const char *variable = getenv(WATCH_BACKEND_VARIABLE);
	struct policy_error error = {0};
	bool named = false;
	int option, index, r;

	*ret = (struct run_options){0};
	if (variable && *variable)
		ret->watch_backend = strdup(variable);
	r = policy_new(&ret->policy);
	if (r < 0) {
		message(STDERR_FILENO, "%s", strerror(-r));
		return RUN_USAGE;
	}
	/* getopt_long() names the program by argv[0] in its messages. */
	ret->observe = strcmp(argv[0], "observe") == 0;
	argv[0] = (char *)(ret->observe ? "reseat observe" : "reseat run");
	while ((option = getopt_long(argc, argv, "+h", run_options, &index)) >= 0) {
		switch (option) {
		case OPTION_HELP:
			if (ret->observe)
				usage_observe(stdout);
			else
				usage_run(stdout);
			return RUN_HELP;
		case '?':
			return run_usage_error(ret->observe);
		case OPTION_TRACE:
			if (run_trace_option(optarg, &ret->trace) < 0) {
				message(STDERR_FILENO, "--trace=%s: expected text or json", optarg);
				return run_usage_error(ret->observe);
			}
			break;
		case OPTION_TRACE_OUTPUT:
			ret->trace_output = optarg;
			break;
		case OPTION_REPORT:
		case OPTION_REPORT_OUTPUT:
			if (!ret->observe) {
				message(STDERR_FILENO, "--%s: there is a report from 'reseat observe'",
					run_options[index].name);
				return run_usage_error(false);
			}
			if (option == OPTION_REPORT_OUTPUT) {
				/* It is opened once more in the end. */
				free((char *)ret->report_output);
				ret->report_output = run_absolute(optarg);
			} else if (run_report_option(optarg, &ret->report) < 0) {
				message(STDERR_FILENO, "--report=%s: expected text or json", optarg);
				return run_usage_error(true);
			}
			break;
		case OPTION_ORIGINS:
			if (ret->observe) {
				message(STDERR_FILENO, "--origins: 'reseat observe' changes nothing that "
						       "others could be told of");
				return run_usage_error(true);
			}
			free((char *)ret->origins);
			ret->origins = run_absolute(optarg);
			break;
		case OPTION_WATCH_BACKEND:
			/* Not the argument itself: helper_title(). */
			free((char *)ret->watch_backend);
			ret->watch_backend = strdup(optarg);
			break;
		case OPTION_PROCESS_MODEL:
			if (run_model_option(optarg, &ret->model) < 0) {
				message(STDERR_FILENO,
					"--process-model=%s: expected in-place or front", optarg);
				return run_usage_error(ret->observe);
			}
			break;
		default:
			r = run_policy_option(ret->policy, option, optarg, &error);
			if (r < 0) {
				message(STDERR_FILENO, "--%s %s: %s", run_options[index].name,
					optarg, error.text[0] ? error.text : strerror(-r));
				return RUN_USAGE;
			}
			named |= option != OPTION_LOCAL && !is_setting(option);
			break;
		}
	}
	if (optind >= argc) {
		message(STDERR_FILENO, "no COMMAND");
		return run_usage_error(ret->observe);
	}
	if (ret->trace_output && ret->trace == TRACE_NONE)
		ret->trace = TRACE_TEXT;
	ret->command = argv + optind;
	return run_complete(ret, named);
}

void run_options_free(struct run_options *options)
{
	policy_free(options->policy);
	options->policy = NULL;
	free((char *)options->watch_backend);
	free((char *)options->origins);
	free((char *)options->report_output);
	options->watch_backend = options->origins = options->report_output = NULL;
}
