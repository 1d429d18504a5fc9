// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `reseat check`: what works here, and what the rest costs.
 *
 * After the single features `reseat run` itself is tried, by running this program again: the
 * features may all be there and something between them still be forbidden.
 */
#include "cli/check.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/message.h"
#include "cli/probe.h"
#include "cli/usage.h"

#define EXIT_USAGE 2

/*
 * Run `reseat run -- reseat --version` with a rule for an address that nobody uses (RFC 5737).
 * @ret_why: receives the last line that it said, without "reseat: "
 *
 * Return: whether it worked.
 */
static bool check_run(char *ret_why, size_t size)
{
	static const char program[] = "/proc/self/exe";
	_cleanup_close_ int in = -EBADF;
	char text[1024];
	size_t used = 0;
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;
	char *line;

	snprintf(ret_why, size, "cannot start a process");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return false;
	in = pipe_fds[0];
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		dup2(pipe_fds[1], STDERR_FILENO);
		execl(program, "reseat", "run", "--pass", "192.0.2.1", "--", program, "--version",
		      NULL);
		_exit(1);
	}
	fd_close(pipe_fds[1]);
	if (pid < 0)
		return false;
	while (used < sizeof(text) - 1 && (n = read(in, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	while (used > 0 && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (strncmp(line, "reseat: ", 8) == 0)
		line += 8;
	snprintf(ret_why, size, "%s", *line ? line : "it ended without a word");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int check(void)
{
	const struct probe *missing = NULL;
	char why[1024];

	for (size_t i = 0; i < probe_count; i++) {
		char word[128] = "";
		bool found = probes[i].try(word, sizeof(word));

		printf("%-34s %s", probes[i].name, found ? "yes" : "no");
		if (*word)
			printf(" (%s)", word);
		if (!found)
			printf("; %s", probes[i].cost);
		putchar('\n');
		if (!found && probes[i].required && !missing)
			missing = &probes[i];
	}
	fflush(stdout);
	if (missing) {
		printf("reseat run does not work here: %s: %s\n", missing->name, missing->cost);
		return 1;
	}
	if (!check_run(why, sizeof(why))) {
		printf("reseat run does not work here: %s\n", why);
		return 1;
	}
	puts("reseat run works here");
	return 0;
}

int check_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"options", no_argument, NULL, 'o'},
		{NULL},
	};
	bool table = false;
	int option;

	argv[0] = (char *)"reseat check";
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h') {
			usage_check(stdout);
			return 0;
		}
		if (option == 'o') {
			table = true;
			continue;
		}
		message(STDERR_FILENO, "try 'reseat check --help'");
		return EXIT_USAGE;
	}
	if (optind < argc) {
		message(STDERR_FILENO, "check takes no argument");
		return EXIT_USAGE;
	}
	if (table) {
		check_options();
		return 0;
	}
	return check();
}
