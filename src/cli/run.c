// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `reseat run`: from the command line to one of the two process models (session.h).
 *
 * In place is better in everything but one: guard and worker are no ancestors of COMMAND. Where
 * Yama wants them to be, there has to be a front.
 */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/numbers.h"
#include "cli/helper.h"
#include "cli/message.h"
#include "cli/privilege.h"
#include "cli/session.h"

static void run_warn_privileges(const struct session *session)
{
	static const char *const words[] = {
		[FILE_SET_USER] = "is set-user-ID",
		[FILE_SET_GROUP] = "is set-group-ID",
		[FILE_CAPABILITIES] = "has file capabilities",
	};
	const char *command = session->options->command[0];
	enum privilege_file kind;

	if (!session->no_new_privs || privilege_is_confined())
		return;
	kind = privilege_of_command(command);
	if (kind != FILE_PLAIN)
		message(session->messages,
			"warning: '%s' %s; without CAP_SYS_ADMIN reseat has to set no_new_privs, "
			"so it runs without those privileges",
			command, words[kind]);
}

/* The supervisor works for all processes, each of which has the whole time to itself. */
static void run_warn_time(const struct session *session)
{
	struct rlimit time;

	if (getrlimit(RLIMIT_CPU, &time) < 0 || time.rlim_max == RLIM_INFINITY || privilege_has(CAP_SYS_RESOURCE))
		return;
	message(session->messages,
		"warning: there is a limit of %llu s of processor time (ulimit -t), which holds for the "
		"supervisor as well: when it has used that up, '%s' is ended",
		(unsigned long long)time.rlim_max, session->options->command[0]);
}

/* Return: 0, or -EPERM and a message where no model can work. */
static int run_choose_model(const struct session *session, enum process_model *ret)
{
	bool traces = privilege_has(CAP_SYS_PTRACE);
	int scope = privilege_yama();

	if (scope == YAMA_NONE) {
		message(session->messages,
			"kernel.yama.ptrace_scope is 3: no process may look into "
			"another, so reseat cannot work before a reboot");
		return -EPERM;
	}
	if (scope == YAMA_CAPABILITY && !traces) {
		message(session->messages,
			"kernel.yama.ptrace_scope is 2: reseat needs CAP_SYS_PTRACE "
			"(run it as root, or set the scope to 1)");
		return -EPERM;
	}
	if (session->options->model != MODEL_AUTO)
		*ret = session->options->model;
	else if (session->options->observe)
		/* The front can wait for the report, so that it is there when reseat has ended. */
		*ret = MODEL_FRONT;
	else
		*ret = scope == YAMA_DESCENDANTS && !traces ? MODEL_FRONT : MODEL_IN_PLACE;
	return 0;
}

/* The supervisor raises its own limit as far as it can; what starts it has to come so far. Return: 0 or -EMFILE and a message. */
static int run_check_descriptors(struct session *session)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &session->files) < 0)
		return 0;
	raised = session->files;
	if (raised.rlim_max < NUMBERS_NEEDED && !privilege_has(CAP_SYS_RESOURCE)) {
		message(session->messages, "there may be no more than %llu descriptors; " NUMBERS_RAISE_LIMIT,
			(unsigned long long)raised.rlim_max);
		return -EMFILE;
	}
	if (raised.rlim_max < NUMBERS_NEEDED)
		raised.rlim_max = NUMBERS_NEEDED;
	if (raised.rlim_cur < NUMBERS_NEEDED) {
		raised.rlim_cur = NUMBERS_NEEDED;
		setrlimit(RLIMIT_NOFILE, &raised);
	}
	return 0;
}

/*
 * Guard and worker are processes of ours, and in COMMAND's pid namespace. After unshare(CLONE_NEWPID) the next one would be its PID 1,
 * which takes all others with it when it ends. Until then the link names nothing (pidns_for_children_get()). Return: 0, or -EINVAL
 * and a message.
 */
static int run_check_namespace(const struct session *session)
{
	struct stat own, children;

	if (stat("/proc/self/ns/pid", &own) < 0 ||
	    (stat("/proc/self/ns/pid_for_children", &children) == 0 && own.st_ino == children.st_ino && own.st_dev == children.st_dev))
		return 0;
	message(session->messages,
		"what is started from here would be in a new pid namespace, and '%s' would not; start reseat inside: "
		"unshare --pid --fork --mount-proc",
		session->options->command[0]);
	return -EINVAL;
}

/* A file to write to, if one is asked for. Return: 0, or -EINVAL and a message. */
static int run_open(const struct session *session, const char *option, const char *path, int flags,
		    int *ret)
{
	if (!path)
		return 0;
	/* A FIFO that nobody reads says so instead of keeping COMMAND waiting. */
	*ret = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, 0600);
	if (*ret < 0) {
		message(session->messages, "--%s '%s': %s", option, path,
			errno == ENXIO ? "a FIFO that nobody reads" : strerror(errno));
		return -EINVAL;
	}
	fcntl(*ret, F_SETFL, flags);
	return 0;
}

/* Return: 0 or a negative errno and a message. */
static int run_prepare(struct session *session)
{
	const struct run_options *options = session->options;
	void *page;

	if (run_open(session, "trace-output", options->trace_output, O_APPEND, &session->trace) < 0 ||
	    run_open(session, "report-output", options->report_output, O_TRUNC, &session->report) < 0)
		return -EINVAL;
	page = mmap(NULL, sizeof(*session->shared), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (page == MAP_FAILED) {
		message(session->messages, "%s", strerror(errno));
		return -ENOMEM;
	}
	session->shared = page;
	session->command_name = strdup(session->options->command[0]);
	return session->command_name ? 0 : -ENOMEM;
}

static int run_start(const struct run_options *options, bool has_errors)
{
	struct session session = {
		.options = options,
		.no_new_privs = !privilege_has(CAP_SYS_ADMIN),
		.messages = has_errors ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) : -EBADF,
		.trace = -EBADF,
		.report = -EBADF,
		.reported = {-EBADF, -EBADF},
		.channel = {-EBADF, -EBADF},
		.front_pidfd = -EBADF,
		.link = {-EBADF, -EBADF},
		.sentinel = {-EBADF, -EBADF},
	};
	enum process_model model;

	sigprocmask(SIG_SETMASK, NULL, &session.mask);
	if (run_check_descriptors(&session) < 0 || run_check_namespace(&session) < 0 || run_choose_model(&session, &model) < 0 ||
	    run_prepare(&session) < 0)
		return EXIT_RESEAT;
	run_warn_privileges(&session);
	run_warn_time(&session);
	if (model == MODEL_IN_PLACE) {
		in_place_run(&session);
		if (options->model == MODEL_IN_PLACE) {
			message(session.messages,
				"no ptrace access to a process that is no descendant; "
				"the process model in place cannot work here");
			return EXIT_RESEAT;
		}
	}
	front_run(&session);
}

int run_command(int argc, char **argv)
{
	bool has_errors = helper_reserve();
	struct run_options options;
	int status = EXIT_RESEAT;

	switch (run_options_parse(argc, argv, &options)) {
	case RUN_PARSED:
		status = run_start(&options, has_errors);
		break;
	case RUN_HELP:
		status = 0;
		break;
	case RUN_USAGE:
		break;
	}
	run_options_free(&options);
	return status;
}
