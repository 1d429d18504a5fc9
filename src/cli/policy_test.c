// SPDX-License-Identifier: GPL-2.0-or-later
/* `reseat policy test`: which rule decides, and what would be done. */
#include "cli/policy_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/message.h"
#include "cli/usage.h"
#include "policy/policy.h"

#define EXIT_POLICY 1
#define EXIT_USAGE 2

static void policy_test_warn(void *context, const char *line)
{
	message(STDERR_FILENO, "warning: %s", line);
}

/* ADDRESS:PORT. Return: 0 or -EINVAL. */
static int policy_test_address(const char *text, struct sockaddr_in *ret)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char host[INET_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	unsigned long port;
	char *end;

	if (!colon || (size_t)(colon - text) >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535 || inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return -EINVAL;
	address.sin_port = htons((uint16_t)port);
	*ret = address;
	return 0;
}

static void policy_test_destination(const struct policy_decision *decision)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (decision->family == AF_INET6) {
		inet_ntop(AF_INET6, &decision->dest.in6.sin6_addr, host, sizeof(host));
		printf(" to [%s]:%u", host, ntohs(decision->dest.in6.sin6_port));
	} else {
		inet_ntop(AF_INET, &decision->dest.in.sin_addr, host, sizeof(host));
		printf(" to %s:%u", host, ntohs(decision->dest.in.sin_port));
	}
}

static void policy_test_print(const struct policy_decision *decision, const char *path)
{
	printf("action: %s", policy_action_name(decision->action));
	switch (decision->action) {
	case POLICY_PASS:
		break;
	case POLICY_MAP:
	case POLICY_TO:
		policy_test_destination(decision);
		break;
	case POLICY_NETNS:
		policy_test_destination(decision);
		printf(" from %s", decision->netns);
		break;
	case POLICY_REJECT:
		printf(" with %s (%s)", strerrorname_np(decision->reject_errno),
		       strerror(decision->reject_errno));
		break;
	}
	if (decision->rule)
		printf("\ndecided by: rule %u of %s: %s\n", decision->rule->index, path,
		       decision->rule->text);
	else
		printf("\ndecided by: the %s\n",
		       strcmp(decision->why, "default") == 0 ? "default action" : decision->why);
}

static int policy_test(const char *path, const struct sockaddr_in *address, enum policy_proto proto)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct policy_error error = {0};
	struct policy_decision decision;
	int r;

	r = policy_new(&policy);
	if (r == 0)
		r = policy_add_file(policy, path, &error);
	if (r < 0) {
		message(STDERR_FILENO, "%s", error.text[0] ? error.text : strerror(-r));
		return EXIT_POLICY;
	}
	policy_warn(policy, policy_test_warn, NULL);
	policy_decide(policy, address, proto, &decision);
	policy_test_print(&decision, path);
	return 0;
}

static int policy_usage_error(void)
{
	message(STDERR_FILENO, "try 'reseat policy --help'");
	return EXIT_USAGE;
}

int policy_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"proto", required_argument, NULL, 'p'},
		{NULL},
	};
	enum policy_proto proto = POLICY_PROTO_TCP;
	struct sockaddr_in address;
	int option;

	argv[0] = (char *)"reseat policy";
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h') {
			usage_policy(stdout);
			return 0;
		}
		if (option == '?')
			return policy_usage_error();
		if (strcmp(optarg, "udp") == 0) {
			proto = POLICY_PROTO_UDP;
		} else if (strcmp(optarg, "tcp") == 0) {
			proto = POLICY_PROTO_TCP;
		} else {
			message(STDERR_FILENO, "--proto %s: expected tcp or udp", optarg);
			return policy_usage_error();
		}
	}
	if (argc - optind != 3 || strcmp(argv[optind], "test") != 0) {
		message(STDERR_FILENO, "expected: reseat policy test POLICY ADDRESS:PORT");
		return policy_usage_error();
	}
	if (policy_test_address(argv[optind + 2], &address) < 0) {
		message(STDERR_FILENO, "'%s': expected an IPv4 address and a port, as 192.0.2.1:80",
			argv[optind + 2]);
		return EXIT_USAGE;
	}
	return policy_test(argv[optind + 1], &address, proto);
}
