/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes that may have an epoll instance which the caller had, and closed: those under our filter.
 *
 * Nothing lists them. But they were forked since we are there, by others of them: so whatever has a number that
 * was given away since the last look is looked at once, and stays if it is under more filters than we are. The
 * latest number that was given away is cheap to know.
 *
 * The table of each is read in every look, so more than RELATIVES_MAX are not kept, and of new ones not more than NEW_MAX
 * looked at at a time. Where more than NUMBERS_MAX numbers were given away since, or they began again from below, all processes that
 * there are are looked at instead, unless they are more than LISTED_MAX; then the rest comes with the next looks. Nor are
 * more than RELATIVES_NUMBERS_MAX descriptors of them read in a look: who is under as many filters may as well be
 * another's, and large.
 *
 * Another's they are if their ancestors tell: orphans go to an ancestor, so upwards from any process under our filter the
 * first that is not under it is one of the ancestors that the program had when it started.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RELATIVES_MAX 16
#define NEW_MAX	      256
#define NUMBERS_MAX   4096
#define LISTED_MAX    1024
#define RELATIVES_NUMBERS_MAX 256
#define ANCESTORS_MAX 32

struct relatives {
	int loadavg;  /* a descriptor, registered with numbers.h; -EBADF until it is needed */
	int ours;     /* how many filters we are under ourselves; -1 until it is needed */
	pid_t first, next; /* which may be one at all; which has not been looked at yet */
	bool crowded; /* there were more than are kept */
	bool partial; /* some may have been left out */
	size_t count;
	pid_t pids[RELATIVES_MAX];
	size_t ancestor_count; /* 0: they are not known */
	pid_t ancestors[ANCESTORS_MAX];
};

/**
 * relatives_begin() - whoever is forked from now on may be one.
 * @first: so may this process, which was there before, and of which they descend; or 0
 */
void relatives_begin(struct relatives *relatives, pid_t first);

/**
 * relatives_update() - find who is there now. What cannot be read is left out.
 */
void relatives_update(struct relatives *relatives);

/**
 * relatives_drop() - one has ended.
 * @index: in pids; the last one takes its place
 */
void relatives_drop(struct relatives *relatives, size_t index);
