// SPDX-License-Identifier: LGPL-2.1-or-later
/* Processes that may have what the caller had; see procfs_relatives.h. */
#include "watch/procfs_relatives.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/numbers.h"
#include "target/thread.h"

/* Of one process that are looked at; in a deeper tree all are taken for ours. */
#define GENERATIONS_MAX 64

/* The number that was given away last: the end of the line. Return: 0 where it cannot be read. */
static pid_t latest(struct relatives *relatives)
{
	char text[128];
	const char *word;
	ssize_t n;

	if (relatives->loadavg < 0) {
		int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return 0;
		relatives->loadavg = fd;
		numbers_own(&relatives->loadavg);
	}
	n = pread(relatives->loadavg, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	word = strrchr(text, ' ');
	return word ? atoi(word + 1) : 0;
}

static void add(struct relatives *relatives, pid_t pid)
{
	for (size_t i = 0; i < relatives->count; i++)
		if (relatives->pids[i] == pid)
			return;
	if (relatives->count < RELATIVES_MAX)
		relatives->pids[relatives->count++] = pid;
	else
		relatives->crowded = true;
}

/* The greatest number that is given away, after which they begin again from below. Return: 0 where it cannot be read. */
static pid_t greatest(void)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/pid_max", O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return atoi(text) - 1;
}

/* All of a process's ancestors, or none where they are too many, or come to an end that is out of sight. */
static void find_ancestors(struct relatives *relatives, pid_t pid)
{
	size_t count = 0;

	while (pid != 1 && count < ANCESTORS_MAX) {
		pid = thread_parent(pid);
		if (pid < 0)
			return;
		relatives->ancestors[count++] = pid;
		/* Outside of our PID namespace; the same is told of all who are forked there. */
		if (pid == 0)
			break;
	}
	if (pid <= 1)
		relatives->ancestor_count = count;
}

/* Whether a process under as many filters may be under ours. */
static bool may_descend(const struct relatives *relatives, pid_t pid)
{
	for (int i = 0; relatives->ancestor_count && i < GENERATIONS_MAX; i++) {
		int filters;

		pid = thread_parent(pid);
		filters = pid > 0 ? thread_seccomp_filters(pid) : -1;
		/* Its end is no proof. */
		if (filters < 0)
			return true;
		if (filters > relatives->ours)
			continue;
		for (size_t j = 0; j < relatives->ancestor_count; j++)
			if (relatives->ancestors[j] == pid)
				return true;
		return false;
	}
	return true;
}

/* Look at one number, if it is anybody's. Return: whether it is. */
static bool visit(struct relatives *relatives, pid_t pid)
{
	int filters = thread_seccomp_filters(pid);

	if (relatives->ours < 0)
		relatives->ours = thread_seccomp_filters(gettid());
	/* Our filter is one that we are not under ourselves; and threads have numbers as well. */
	if (filters > relatives->ours && thread_tgid(pid) == pid && may_descend(relatives, pid))
		add(relatives, pid);
	return filters >= 0;
}

/* Look at every process that there is. Return: false, where that are too many. */
static bool visit_all(struct relatives *relatives)
{
	DIR *proc = opendir("/proc");
	unsigned int there = 0;
	struct dirent *entry;
	bool all = false;

	if (!proc)
		return false;
	while (there < LISTED_MAX) {
		entry = readdir(proc);
		all = !entry;
		if (all)
			break;
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			there += visit(relatives, atoi(entry->d_name));
	}
	closedir(proc);
	return all;
}

void relatives_begin(struct relatives *relatives, pid_t first)
{
	/* Whoever is forked by it has a later number than we have, who were there before it had the filter. */
	*relatives = (struct relatives){.loadavg = -EBADF, .ours = -1, .first = getpid() + 1};
	relatives->next = relatives->first;
	if (first > 0) {
		add(relatives, first);
		find_ancestors(relatives, first);
	}
}

void relatives_update(struct relatives *relatives)
{
	pid_t last = latest(relatives);
	unsigned int numbers = 0, there = 0;
	bool again;

	relatives->partial = true;
	if (last == 0)
		return;
	/* There is room again for those that were left out, and not for the next one alone. */
	if (relatives->crowded && relatives->count <= RELATIVES_MAX / 2) {
		relatives->crowded = false;
		relatives->next = relatives->first;
	}
	again = last < relatives->next - 1;
	/* The list of those that are there is shorter than that of all numbers, and has whoever came up to now. */
	if ((again || last - relatives->next >= NUMBERS_MAX) && visit_all(relatives)) {
		if (again)
			relatives->first = 1;
		relatives->next = last + 1;
		relatives->partial = relatives->crowded;
		return;
	}
	if (again)
		last = greatest();
	for (; relatives->next <= last && numbers < NUMBERS_MAX && there < NEW_MAX; numbers++)
		there += visit(relatives, relatives->next++);
	relatives->partial = relatives->crowded || again || relatives->next <= last;
	/* Whoever is forked from then on may have any number. */
	if (again && relatives->next > last)
		relatives->first = relatives->next = 1;
}

void relatives_drop(struct relatives *relatives, size_t index)
{
	relatives->pids[index] = relatives->pids[--relatives->count];
}
