/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The blocked threads as /proc tells. */
#pragma once

#include "watch/watch.h"

/* For watch_procfs; see watch_waiters(). */
int procfs_waiters(struct watch *watch, const struct caller *caller, const int *numbers, size_t count, int file,
		   struct watch_report *report);
