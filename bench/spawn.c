// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long a command takes from before it is started until it has ended.
 *
 *     spawn COUNT COMMAND [ARGUMENT]...
 *
 * Runs it so many times, one after the other, and prints the nanoseconds of each. A command that
 * fails ends it with a message.
 */
#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: spawn COUNT COMMAND [ARGUMENT]...");
	for (int i = 0; i < atoi(argv[1]); i++) {
		uint64_t began = nsec();
		int status;
		pid_t pid;

		errno = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
		if (errno)
			err(1, "%s", argv[2]);
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				err(1, "waitpid");
		if (status)
			errx(1, "%s: wait status %#x", argv[2], (unsigned int)status);
		printf("%s%ju", i ? " " : "", (uintmax_t)(nsec() - began));
	}
	puts("");
	return 0;
}
