// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The watchers as /proc tells: every kernel, no privilege beyond ptrace access to the target.
 *
 * One walk over the target's table finds the further numbers of the socket (by the inode in the text of
 * the link, then by kcmp(2)) and the epoll instances. The fdinfo of each instance lists its items with
 * the inode of what they watch, so that an item under a number that was closed since is found as well,
 * which kcmp(KCMP_EPOLL_TFD) would miss. The cost grows with the number of descriptors.
 *
 * An epoll instance under several numbers is read once: kcmp(2) among those that watch the file.
 */
#include "watch/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "target/table.h"

struct procfs {
	struct watch watch;
	char *buffer; /* a page at a time of fdinfo, with room for a line that began in the last */
	size_t size;
	int *epolls; /* the epoll instances that the walk found */
	size_t epoll_count, epoll_room;
};

struct walk {
	struct procfs *procfs;
	const struct caller *caller;
	int number; /* asked about */
	int file;
	uint64_t inode;
	struct watch_report *report;
};

static void procfs_close(struct watch *watch)
{
	struct procfs *procfs = (struct procfs *)watch;

	free(procfs->epolls);
	free(procfs->buffer);
	free(procfs);
}

static int procfs_open(struct watch **ret)
{
	struct procfs *procfs;

	if (access("/proc/thread-self/fdinfo", R_OK) < 0)
		return -errno;
	procfs = calloc(1, sizeof(*procfs));
	if (!procfs)
		return -ENOMEM;
	procfs->size = 65536;
	procfs->buffer = malloc(procfs->size);
	if (!procfs->buffer) {
		procfs_close(&procfs->watch);
		return -ENOMEM;
	}
	*ret = &procfs->watch;
	return 0;
}

static int visit(void *context, int number, enum table_kind kind, uint64_t inode)
{
	struct walk *walk = context;
	struct procfs *procfs = walk->procfs;

	if (kind == TABLE_EPOLL) {
		if (procfs->epoll_count == procfs->epoll_room) {
			size_t room = procfs->epoll_room ? procfs->epoll_room * 2 : 16;
			int *grown = reallocarray(procfs->epolls, room, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			procfs->epolls = grown;
			procfs->epoll_room = room;
		}
		procfs->epolls[procfs->epoll_count++] = number;
		return 0;
	}
	if (kind != TABLE_SOCKET || number == walk->number || inode != walk->inode)
		return 0;
	/* The same socket by its inode; the same open file as well? */
	if (caller_has_file(walk->caller, number, walk->file) != 1)
		return 0;
	return watch_report_duplicate(walk->report, number);
}

/*
 * One line of an epoll file's fdinfo, ep_show_fdinfo() in fs/eventpoll.c:
 *     tfd:       12 events:       19 data:  100000000c  pos:0 ino:2b1f sdev:9
 */
static bool parse_item(const char *line, uint64_t inode, struct watch_item *item)
{
	uint64_t seen;
	const char *ino;

	if (strncmp(line, "tfd:", 4) != 0)
		return false;
	ino = strstr(line, " ino:");
	if (!ino)
		return false;
	seen = strtoull(ino + 5, NULL, 16);
	if (seen != inode)
		return false;
	return sscanf(line, "tfd: %d events: %" SCNx32 " data: %" SCNx64, &item->number, &item->events,
		      &item->data) == 3;
}

/* Whether an instance that has items in the report already is this one under another number. */
static bool seen_already(const struct walk *walk, int epoll, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int other = walk->report->items[i].epoll_number;

		if (i > 0 && other == walk->report->items[i - 1].epoll_number)
			continue;
		if (syscall(SYS_kcmp, walk->caller->tid, walk->caller->tid, KCMP_FILE,
			    (unsigned long)epoll, (unsigned long)other) == 0)
			return true;
	}
	return false;
}

static int read_items(struct walk *walk, int epoll)
{
	struct procfs *procfs = walk->procfs;
	_cleanup_close_ int fd = table_open_info(walk->caller->tid, epoll);
	size_t before = walk->report->item_count;
	size_t held = 0;
	bool first = true;

	if (fd < 0)
		return fd == -ENOENT || fd == -ESRCH ? 0 : fd;
	for (;;) {
		size_t room = procfs->size - 1 - held;
		ssize_t n = read(fd, procfs->buffer + held, room);
		char *line = procfs->buffer;
		char *end;

		/* Closed since it was opened: by another thread, with all its items. */
		if (n < 0)
			return errno == ENOENT || errno == ESRCH ? 0 : -errno;
		if (n == 0)
			return 0;
		held += n;
		procfs->buffer[held] = '\0';
		while ((end = strchr(line, '\n'))) {
			struct watch_item item = {.epoll_number = epoll};
			int r;

			*end = '\0';
			if (parse_item(line, walk->inode, &item)) {
				if (first && seen_already(walk, epoll, before))
					return 0;
				first = false;
				r = watch_report_item(walk->report, &item);
				if (r < 0)
					return r;
			}
			line = end + 1;
		}
		/* A file of seq_file's that is shown in one piece (single_open()) fills what it is given. */
		if ((size_t)n < room)
			return 0;
		held -= line - procfs->buffer;
		memmove(procfs->buffer, line, held);
	}
}

static int procfs_look(struct watch *watch, const struct caller *caller, int number, int file,
		       struct watch_report *report)
{
	struct procfs *procfs = (struct procfs *)watch;
	struct walk walk = {
		.procfs = procfs,
		.caller = caller,
		.number = number,
		.file = file,
		.report = report,
	};
	struct stat st;
	int r;

	if (fstat(file, &st) < 0)
		return -errno;
	walk.inode = st.st_ino;
	procfs->epoll_count = 0;
	r = table_walk(caller->tid, visit, &walk);
	for (size_t i = 0; r == 0 && i < procfs->epoll_count; i++)
		r = read_items(&walk, procfs->epolls[i]);
	if (r == -ESRCH || (r < 0 && !caller_valid(caller)))
		return -ENOENT;
	return r;
}

const struct watch_backend watch_procfs = {
	.name = "procfs",
	.needs = "ptrace access to the target",
	.open = procfs_open,
	.close = procfs_close,
	.look = procfs_look,
};
