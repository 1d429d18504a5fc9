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
 *
 * So is one that the caller has closed, but that a process still has which it forked, or of which it was forked: the
 * tables of those are gone through as well, as long as they are few (procfs_relatives.h).
 */
#include "watch/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/numbers.h"
#include "target/table.h"
#include "watch/procfs_relatives.h"
#include "watch/procfs_waiters.h"

struct procfs {
	struct watch watch;
	char *buffer; /* a page at a time of fdinfo, with room for a line that began in the last */
	size_t size;
	int *epolls; /* the epoll instances that the walk found */
	size_t epoll_count, epoll_room;
	struct relatives relatives;
	bool entered; /* see watch_enter_thread() */
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

	if (procfs->relatives.loadavg >= 0 && !procfs->entered) {
		numbers_disown(&procfs->relatives.loadavg);
		close(procfs->relatives.loadavg);
	}
	free(procfs->epolls);
	free(procfs->buffer);
	free(procfs);
}

static const char *procfs_missing(void)
{
	return access("/proc/thread-self/fdinfo", R_OK) < 0 ? "a /proc of this pid namespace" : NULL;
}

static int procfs_open(struct watch **ret, bool named, unsigned int replaces)
{
	struct procfs *procfs;

	if (access("/proc/thread-self/fdinfo", R_OK) < 0)
		return -errno;
	procfs = calloc(1, sizeof(*procfs));
	if (!procfs)
		return -ENOMEM;
	relatives_begin(&procfs->relatives, 0);
	procfs->size = 65536;
	procfs->buffer = malloc(procfs->size);
	if (!procfs->buffer) {
		procfs_close(&procfs->watch);
		return -ENOMEM;
	}
	*ret = &procfs->watch;
	return 0;
}

static void procfs_begin(struct watch *watch, pid_t first)
{
	struct procfs *procfs = (struct procfs *)watch;

	relatives_begin(&procfs->relatives, first);
}

static void procfs_enter_thread(struct watch *watch)
{
	struct procfs *procfs = (struct procfs *)watch;

	procfs->entered = true;
}

static int keep_epoll(struct procfs *procfs, int number)
{
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

static int visit_relative(void *context, int number, enum table_kind kind, uint64_t inode)
{
	const struct walk *walk = context;

	return kind == TABLE_EPOLL ? keep_epoll(walk->procfs, number) : 0;
}

static int visit(void *context, int number, enum table_kind kind, uint64_t inode)
{
	struct walk *walk = context;

	if (kind == TABLE_EPOLL)
		return keep_epoll(walk->procfs, number);
	if (kind == TABLE_RING)
		walk->report->rings++;
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
static bool seen_already(const struct walk *walk, pid_t owner, int epoll, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct watch_item *item = &walk->report->items[i];

		if (i > 0 && item->epoll_number == item[-1].epoll_number && item->owner == item[-1].owner)
			continue;
		if (syscall(SYS_kcmp, owner ? owner : walk->caller->tid,
			    item->owner ? item->owner : walk->caller->tid, KCMP_FILE, (unsigned long)epoll,
			    (unsigned long)item->epoll_number) == 0)
			return true;
	}
	return false;
}

/* @owner: another process whose number it is, or 0. */
static int read_items(struct walk *walk, pid_t owner, int epoll)
{
	struct procfs *procfs = walk->procfs;
	_cleanup_close_ int fd = table_open_info(owner ? owner : walk->caller->tid, epoll);
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
			struct watch_item item = {.owner = owner, .epoll_number = epoll};
			int r;

			*end = '\0';
			if (parse_item(line, walk->inode, &item)) {
				if (first && seen_already(walk, owner, epoll, before))
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

/* How many descriptors a process has; 0 before Linux 6.2, which does not tell without reading them. */
static size_t table_count(pid_t pid)
{
	struct stat status;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

/* Instances that only others have. */
static int look_at_relatives(struct walk *walk)
{
	struct procfs *procfs = walk->procfs;
	struct relatives *relatives = &procfs->relatives;
	size_t room = RELATIVES_NUMBERS_MAX;
	int r = 0;

	relatives_update(relatives);
	walk->report->partial = relatives->partial;
	for (size_t i = 0; r == 0 && i < relatives->count;) {
		pid_t owner = relatives->pids[i];
		size_t count;

		/* Said of one that has ended as well. */
		if (thread_shares_table(walk->caller->tid, owner)) {
			if (kill(owner, 0) < 0 && errno == ESRCH)
				relatives_drop(relatives, i);
			else
				i++;
			continue;
		}
		count = table_count(owner);
		if (count > room) {
			walk->report->partial = true;
			i++;
			continue;
		}
		room -= count;
		procfs->epoll_count = 0;
		r = table_walk(owner, visit_relative, walk);
		for (size_t j = 0; r == 0 && j < procfs->epoll_count; j++)
			r = read_items(walk, owner, procfs->epolls[j]);
		if (r == -ESRCH)
			relatives_drop(relatives, i);
		else
			i++;
		if ((r == -EACCES || r == -EPERM) && !thread_is_dying(owner))
			walk->report->partial = true;
		if (r == -ESRCH || r == -EACCES || r == -EPERM)
			r = 0;
	}
	return r;
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
	report->by = watch_procfs.name;
	procfs->epoll_count = 0;
	r = table_walk(caller->tid, visit, &walk);
	for (size_t i = 0; r == 0 && i < procfs->epoll_count; i++)
		r = read_items(&walk, 0, procfs->epolls[i]);
	if (r == 0)
		r = look_at_relatives(&walk);
	if (r == -ESRCH || (r < 0 && !caller_valid(caller)))
		return -ENOENT;
	return r;
}

const struct watch_backend watch_procfs = {
	.name = "procfs",
	.needs = "ptrace access to the target",
	.missing = procfs_missing,
	.open = procfs_open,
	.close = procfs_close,
	.begin = procfs_begin,
	.enter_thread = procfs_enter_thread,
	.look = procfs_look,
	.waiters = procfs_waiters,
};
