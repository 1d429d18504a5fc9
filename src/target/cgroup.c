// SPDX-License-Identifier: LGPL-2.1-or-later
/* Control groups of a target's thread and of ours; see cgroup.h. */
#include "target/cgroup.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* How long an answer is good. */
#define FRESH_USEC 1000000

/* One slot for each remainder of the tid, as in thread.c. */
#define CACHE_SLOTS 64

/* A group's path may be longer than this; then what fits is compared. */
#define TEXT_SIZE 4096

struct cached {
	pid_t tid;
	bool shared;
	uint64_t since;
};

/* A line of /proc/PID/cgroup: "4:memory,net_cls:/path"; version 2 is "0::/path". */
static bool concerns_sockets(const char *line, size_t length)
{
	static const char *const controllers[] = {"memory", "net_cls", "net_prio"};
	const char *list = memchr(line, ':', length), *end;

	if (!list)
		return false;
	list++;
	end = memchr(list, ':', length - (size_t)(list - line));
	if (!end)
		return false;
	if (end == list)
		return true;
	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		size_t size = (size_t)((comma ? comma : end) - list);

		for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
			if (strlen(controllers[i]) == size && memcmp(list, controllers[i], size) == 0)
				return true;
		list += size + 1;
	}
	return false;
}

/* The lines that concern sockets, one after the other. Return: whether they could be read. */
static bool read_groups(const char *path, char ret[TEXT_SIZE])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[TEXT_SIZE];
	size_t used = 0;
	ssize_t n;

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");

		if (concerns_sockets(line, length)) {
			memcpy(ret + used, line, length);
			used += length;
		}
		line += length + (line[length] == '\n');
	}
	ret[used] = '\0';
	return true;
}

static bool look(pid_t tid)
{
	char path[32], theirs[TEXT_SIZE], ours[TEXT_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", tid);
	return !read_groups(path, theirs) || !read_groups("/proc/thread-self/cgroup", ours) ||
	       strcmp(theirs, ours) == 0;
}

bool cgroup_is_shared(pid_t tid)
{
	static struct cached cache[CACHE_SLOTS];
	struct cached *slot = &cache[(unsigned int)tid % CACHE_SLOTS];
	uint64_t now = clock_about_usec();

	if (slot->tid != tid || now - slot->since >= FRESH_USEC)
		*slot = (struct cached){.tid = tid, .shared = look(tid), .since = now};
	return slot->shared;
}
