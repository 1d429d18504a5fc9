// SPDX-License-Identifier: GPL-2.0-or-later
/* The report of `reseat observe`; see observe.h. */
#include "cli/observe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/message.h"

/*
 * The file anew, under the name of the one that is open, so that whoever reads it meanwhile has the whole of one of the
 * two. Return: 0 or a negative errno; nothing is left behind then.
 */
static int observe_replace(const char *path, int old, const char *text, size_t size)
{
	_cleanup_free_ char *real = realpath(path, NULL), *temporary = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct stat was, is;
	int r;

	/* Only what is a file still, and the same. */
	if (!real || fstat(old, &was) < 0 || stat(real, &is) < 0)
		return -errno;
	if (!S_ISREG(was.st_mode) || was.st_dev != is.st_dev || was.st_ino != is.st_ino || was.st_nlink != 1)
		return -ESTALE;
	if (asprintf(&temporary, "%s.XXXXXX", real) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fchown(fd, was.st_uid, was.st_gid) < 0 || fchmod(fd, was.st_mode & 07777) < 0 ? -errno : 0;
	if (r == 0)
		r = fd_write_all(fd, text, size);
	if (r == 0 && rename(temporary, real) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

/* The second report in place of the first; a FIFO or terminal gets both. Return: 0 or a negative errno. */
static int observe_write(const struct session *session, const char *text, size_t size)
{
	int fd = session->report;

	if (lseek(fd, 0, SEEK_CUR) <= 0)
		return fd_write_all(fd, text, size);
	if (observe_replace(session->options->report_output, fd, text, size) == 0)
		return 0;
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return fd_write_all(fd, text, size);
}

void observe_report(const struct session *session, struct supervisor *supervisor, long left)
{
	const struct report_options options = {
		.format = session->options->report,
		.command = session->command_name,
		.left = left,
	};
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	/* In one piece, so that lines of others do not come between. */
	FILE *memory = open_memstream(&text, &size);
	int r = -ENOMEM;

	if (memory) {
		r = supervisor_report(supervisor, &options, memory);
		if (fclose(memory) != 0 && r == 0)
			r = -ENOMEM;
	}
	if (r == 0)
		r = session->report < 0 ? fd_write_all(session->messages, text, size)
					: observe_write(session, text, size);
	/* The status is COMMAND's. */
	if (r < 0)
		message(session->messages, "cannot write the report: %s", strerror(-r));
}

struct observe_process {
	pid_t pid, parent;
	bool ended;
	bool below; /* the process in question */
};

/* Of /proc/PID/stat; proc_pid_stat(5). */
static bool observe_read(const char *name, struct observe_process *ret)
{
	char path[300], line[512], state;
	_cleanup_close_ int fd = -EBADF;
	const char *after;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/stat", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return false;
	line[n] = '\0';
	after = strrchr(line, ')');
	if (!after || sscanf(after + 1, " %c %d", &state, &ret->parent) != 2)
		return false;
	ret->pid = atoi(name);
	ret->ended = state == 'Z' || state == 'X';
	return true;
}

static size_t observe_list(struct observe_process **ret)
{
	DIR *folder = opendir("/proc");
	size_t count = 0, room = 0;
	struct dirent *entry;

	*ret = NULL;
	while (folder && (entry = readdir(folder))) {
		struct observe_process one = {0};

		if (atoi(entry->d_name) <= 0 || !observe_read(entry->d_name, &one))
			continue;
		if (count == room) {
			struct observe_process *grown;

			room = room ? 2 * room : 256;
			grown = reallocarray(*ret, room, sizeof(**ret));
			if (!grown)
				break;
			*ret = grown;
		}
		(*ret)[count++] = one;
	}
	if (folder)
		closedir(folder);
	return count;
}

long observe_left(pid_t except, pid_t except2)
{
	_cleanup_free_ struct observe_process *list = NULL;
	size_t count = observe_list(&list);
	pid_t self = getpid();
	bool grown = true;
	long left = 0;

	if (count == 0)
		return -1;
	while (grown) {
		grown = false;
		for (size_t i = 0; i < count; i++) {
			if (list[i].below)
				continue;
			for (size_t j = 0; j < count && !list[i].below; j++)
				list[i].below = list[i].parent == self ||
						(list[j].below && list[j].pid == list[i].parent);
			grown |= list[i].below;
		}
	}
	for (size_t i = 0; i < count; i++)
		left += list[i].below && !list[i].ended && list[i].pid != except &&
			list[i].pid != except2;
	return left;
}

void observe_wait(int reported, int signals)
{
	struct pollfd fds[] = {
		{.fd = reported, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};

	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		struct signalfd_siginfo got;

		/* Nothing is ever written there: its end. */
		if (fds[0].revents)
			return;
		/* Whoever has had enough of waiting for a reader of the report. */
		if (fds[1].revents && read(signals, &got, sizeof(got)) == sizeof(got) &&
		    got.ssi_signo != SIGCHLD && got.ssi_signo != SIGCONT)
			return;
	}
}
