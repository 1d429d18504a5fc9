// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes beside COMMAND; see helper.h. */
#include "cli/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"

#define HELPER_KEEP_MAX 16

static int helper_compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static char *title;
static size_t title_size;

void helper_remember(int argc, char **argv)
{
	title = argv[0];
	title_size = (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]) + 1;
}

void helper_title(const char *name)
{
	memset(title, 0, title_size);
	snprintf(title, title_size, "%s", name);
}

/* Limits that COMMAND's user set for COMMAND: time and file size would end us, and COMMAND with us. */
static void helper_limits(void)
{
	static const int limited[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK};

	for (size_t i = 0; i < sizeof(limited) / sizeof(*limited); i++) {
		struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

		/* Above the hard limit it takes CAP_SYS_RESOURCE; of RLIMIT_CPU run_warn_time() warns. */
		if (setrlimit(limited[i], &limit) == 0 || getrlimit(limited[i], &limit) < 0)
			continue;
		limit.rlim_cur = limit.rlim_max;
		setrlimit(limited[i], &limit);
	}
}

void helper_detach(const char *name, const int *keep, size_t count)
{
	int sorted[HELPER_KEEP_MAX];
	unsigned int next = 3;
	int null;

	if (count > HELPER_KEEP_MAX)
		abort();
	prctl(PR_SET_NAME, name);
	helper_limits();
	memcpy(sorted, keep, count * sizeof(*keep));
	qsort(sorted, count, sizeof(*sorted), helper_compare);
	for (size_t i = 0; i < count; i++) {
		if (sorted[i] < (int)next)
			continue;
		if (sorted[i] > (int)next)
			close_range(next, (unsigned int)sorted[i] - 1, 0);
		next = (unsigned int)sorted[i] + 1;
	}
	close_range(next, UINT_MAX, 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++) {
		if (null < 0)
			close(fd);
		else
			dup2(null, fd);
	}
	fd_close(null);
	if (chdir("/") < 0)
		return;
}

int helper_reserve(void)
{
	bool open_errors = fcntl(STDERR_FILENO, F_GETFD) >= 0;

	for (;;) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (fd < 0)
			break;
		if (fd > STDERR_FILENO) {
			fd_close(fd);
			break;
		}
	}
	return open_errors;
}
