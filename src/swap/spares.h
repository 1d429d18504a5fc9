/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replacements that are made before they are needed.
 *
 * To make a socket and to mark it takes a tenth of a swap, while the program waits. Where there are many swaps another
 * thread makes sockets of the common kind (replacement_prepare()) meanwhile, a few at a time, and sends them to the receiver,
 * whose table is another (numbers.h). It takes CAP_SYS_NICE. Who swaps now and then has none: they would not be used in time.
 *
 * What sysctl(8) gives to a socket when it is made may be as old as one that is kept, a second.
 */
#pragma once

#include <stdbool.h>

#include "socket/option.h"

struct spares;

/**
 * spares_new() - none yet. Return: 0 or a negative errno.
 */
int spares_new(struct spares **ret);
void spares_free(struct spares *spares);

/**
 * spares_enter_thread() - the calling thread, whose table is its own, is the one that takes them: descriptors are
 * registered (numbers.h), and go with it.
 */
void spares_enter_thread(struct spares *spares);

/**
 * spares_take() - a socket that replacement_prepare() made a moment ago. Every swap that could use one asks, for that is
 * how often they are wanted. Return: a descriptor, owned by the caller; -ENOENT.
 */
int spares_take(struct spares *spares);

/**
 * spares_order() - when nobody waits: have more made, if they are likely to be used; take in what was made.
 */
void spares_order(struct spares *spares, const struct option_set *options);

/**
 * spares_expire() - close what has become too old.
 * spares_forget() - close all; where descriptors have run out.
 * spares_wait() - whether there is anything to expire; any thread may ask.
 */
void spares_expire(struct spares *spares);
void spares_forget(struct spares *spares);
bool spares_wait(const struct spares *spares);

/**
 * spares_descriptor() - for a thread of the process's table: when it can be read from, spares_work() starts the thread
 * that makes them. -EBADF: it has.
 */
int spares_descriptor(const struct spares *spares);
void spares_work(struct spares *spares);
