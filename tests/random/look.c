// SPDX-License-Identifier: GPL-2.0-or-later
/* A program from outside: whether its threads wait, and what its processes have open. /proc, see proc(5). */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

static ssize_t read_file(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (fd >= 0)
		close(fd);
	ret[n > 0 ? n : 0] = '\0';
	return n;
}

enum look look_at(const struct actor *actor)
{
	char path[64], text[512];
	const char *end;
	char state;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", actor->pid, actor->tid);
	if (read_file(path, text, sizeof(text)) <= 0)
		return LOOK_GONE;
	end = strrchr(text, ')');
	state = end ? end[2] : 'X';
	if (state == 'Z' || state == 'X')
		return LOOK_GONE;
	if (state == 'T')
		return LOOK_STOPPED;
	/* What a signal came to, while a supervisor deals with it, sleeps uninterruptibly from then on. */
	if (state != 'S' && state != 'D')
		return LOOK_RUNS;
	/* "0" is on its way; what is in the hands of a supervisor does not wait by itself. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/wchan", actor->pid, actor->tid);
	if (read_file(path, text, sizeof(text)) <= 0 || !strcmp(text, "0") || strstr(text, "ptrace"))
		return LOOK_RUNS;
	if (strstr(text, "seccomp"))
		return LOOK_HELD;
	return state == 'S' ? LOOK_WAITS : LOOK_RUNS;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void look_items(struct result *result, pid_t pid, int number)
{
	char path[64], text[8192];
	char *lines[64], *rest = text, *line;
	size_t count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, number);
	read_file(path, text, sizeof(text));
	while ((line = strsep(&rest, "\n")) && count < ARRAY_SIZE(lines)) {
		int fd;
		unsigned int events;
		unsigned long long data;
		static char items[ARRAY_SIZE(lines)][96];

		if (sscanf(line, "tfd: %d events: %x data: %llx", &fd, &events, &data) != 3)
			continue;
		snprintf(items[count], sizeof(items[count]), " %3d:%llu:%x", fd, data, events);
		lines[count] = items[count];
		count++;
	}
	qsort(lines, count, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < count; i++)
		tell(result, "%s", lines[i]);
}

/* Status flags, and close-on-exec, in octal. */
static void tell_flags(struct result *result, pid_t pid, int number)
{
	char path[64], text[8192];
	const char *flags;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, number);
	if (read_file(path, text, sizeof(text)) <= 0)
		return;
	flags = strstr(text, "flags:\t");
	if (flags)
		tell(result, "%.*s", (int)strcspn(flags + 7, "\n"), flags + 7);
}

void look_open(unsigned int number, pid_t pid)
{
	char path[64], link[128];

	for (int fd = 3; fd < 64; fd++) {
		struct result result = { 0 };
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		/* "socket:[12345]" has a number of its own each time. */
		if (strncmp(link, "anon_inode:", 11) != 0)
			link[strcspn(link, ":")] = '\0';
		tell_flags(&result, pid, fd);
		tell(&result, " %s", link);
		if (strstr(link, "eventpoll"))
			look_items(&result, pid, fd);
		printf("open %u: %d %s\n", number, fd, result.text);
	}
}
