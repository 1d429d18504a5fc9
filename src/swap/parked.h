/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replacements whose caller went away before it got them.
 *
 * Where the filter was loaded without WAIT_KILLABLE_RECV (by a container runtime, or before Linux 5.19)
 * a signal ends the wait, and the program connects again, at once. Its replacement is connected by
 * then; it is kept for a moment, so that the server sees one connection.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "socket/address.h"

/* Few, and shortly: more than a moment's worth is dropped, oldest first. */
#define PARKED_MAX 16
#define PARKED_USEC 1000000

struct parked_one {
	pid_t tid; /* 0: free */
	int number;
	uint64_t old_inode;
	union address dest;
	union address peer;
	int fd;
	uint64_t since;
};

struct parked {
	struct parked_one slots[PARKED_MAX];
	_Atomic unsigned int count; /* may be read by any thread */
};

void parked_init(struct parked *parked);

/* Register the slots' descriptors (numbers.h), in the thread that uses them. */
void parked_own_descriptors(struct parked *parked);

/**
 * parked_put() - keep a connected replacement. @one->fd is consumed.
 */
void parked_put(struct parked *parked, const struct parked_one *one);

/**
 * parked_take() - the replacement that waits for this very call: same thread, number, old socket,
 * destination and peer. Return: a descriptor that the caller owns, or -ENOENT.
 */
int parked_take(struct parked *parked, const struct parked_one *wanted);

/**
 * parked_expire() - close what nobody came for.
 */
void parked_expire(struct parked *parked);
