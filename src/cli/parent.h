/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The duties of a parent and child subreaper: reap everybody, and in the front model tell the front
 * what became of COMMAND. The guard has them; should it be killed in the front model, its children
 * fall to the worker and these duties with them.
 *
 * Reaping is not only tidiness: on Linux 6.1 the listener hangs up only when the last process that
 * used the filter has been reaped.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct parent {
	pid_t main_pid;	      /* COMMAND, where it is our child; else 0 */
	bool main_gone;	      /* reaped, and the front was told */
	pid_t worker;	      /* the worker, where it is our child; else 0 */
	bool worker_gone;
	int worker_status;    /* wait status, once gone */
	int link;	      /* -EBADF without a front */
	int front_pidfd;
};

/**
 * parent_reap() - take every event of a child that there is; never waits.
 */
void parent_reap(struct parent *parent);
