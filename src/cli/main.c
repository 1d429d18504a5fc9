// SPDX-License-Identifier: GPL-2.0-or-later
/* reseat(1): one file for each command; this one chooses. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/helper.h"
#include "cli/message.h"
#include "cli/policy_test.h"
#include "cli/run.h"
#include "cli/usage.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{"run", run_command},
	{"observe", run_command},
	{"check", check_command},
	{"policy", policy_command},
};

static int main_run(int argc, char **argv)
{
	if (argc < 2) {
		usage_reseat(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage_reseat(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("reseat " RESEAT_VERSION);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	message(STDERR_FILENO, "'%s' is not a command; try 'reseat --help'", argv[1]);
	return 2;
}

/* What was printed may not have come anywhere. Return: the status, or 1 where it said that all is well. */
static int main_end(int status)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (fflush(stdout) == 0 && !failed && (close(STDOUT_FILENO) == 0 || errno == EBADF))
		return status;
	message(STDERR_FILENO, "standard output: %s", errno ? strerror(errno) : "cannot be written to");
	return status ? status : 1;
}

int main(int argc, char **argv)
{
	if (argc > 0)
		helper_remember(argc, argv);
	return main_end(main_run(argc, argv));
}
