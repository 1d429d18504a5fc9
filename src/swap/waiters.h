/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that are blocked on the old file.
 *
 * Once its numbers name the new file, such a thread is made to begin its call again (target/kick.h). Until
 * then it would wait for what nobody sends to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/caller.h"
#include "watch/watch.h"

/* Zeroed but for the first nine. */
struct waiters {
	struct watch *watch;
	const struct caller *caller;
	const int *numbers; /* where the new file stands in place of the old one */
	size_t count;
	const int *file; /* the variable with our duplicate of the old one, or -EBADF as soon as there is none */
	bool blocking; /* whether it is, by now */
	struct watch_report *report; /* receives the waiters */
	bool polls_follow; /* who waits in poll(2) or select(2) is the kernel's business */
	/*
	 * The variable with our duplicate of the new file, by which its numbers are found where more may have been
	 * replaced than are told of; or NULL.
	 */
	const int *new;

	const char *why; /* NULL, or what is only approximately so (static text) */

	int *found; /* the numbers, where they had to be found */
	pid_t *known; /* who has been dealt with */
	size_t known_count;
	uint64_t next; /* when to look again */
};

/**
 * waiters_look() - kick who waits on the old file, as long as somebody holds it; for holders_let_go().
 * waiters_done() - free what is kept; the verdict stays.
 *
 * Waits a few milliseconds at most; kicks that take longer go on by themselves.
 */
void waiters_look(void *waiters);
void waiters_done(struct waiters *waiters);
