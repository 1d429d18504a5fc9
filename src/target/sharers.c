// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who else has a file in a descriptor table; see sharers.h. */
#include "target/sharers.h"

#include <dirent.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/table.h"
#include "target/thread.h"

struct search {
	pid_t at; /* whose table is read */
	int file;
	uint64_t inode;
};

/* The same socket by its inode; the same open file as well? */
static int visit(void *context, int number, enum table_kind kind, uint64_t inode)
{
	const struct search *search = context;

	return kind == TABLE_SOCKET && inode == search->inode &&
	       syscall(SYS_kcmp, search->at, gettid(), KCMP_FILE, (unsigned long)number,
		       (unsigned long)search->file) == 0;
}

static bool same_table(pid_t a, pid_t b)
{
	return syscall(SYS_kcmp, a, b, KCMP_FILES, 0UL, 0UL) == 0;
}

bool sharers_exist(pid_t tid, int file)
{
	struct search search = {.file = file};
	pid_t own = thread_tgid(tid), self = getpid();
	bool found = false;
	struct dirent *entry;
	struct stat st;
	DIR *processes;

	if (fstat(file, &st) < 0)
		return false;
	search.inode = st.st_ino;
	processes = opendir("/proc");
	if (!processes)
		return false;
	while (!found && (entry = readdir(processes))) {
		search.at = atoi(entry->d_name);
		if (search.at > 0 && search.at != own && search.at != self)
			found = table_walk_once(search.at, visit, &search) == 1 &&
				!same_table(search.at, tid);
	}
	closedir(processes);
	return found;
}
