/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One line for each connect to an IPv4 destination.
 *
 * Lines are written by a thread of their own, so that a terminal that is held or a pipe that nobody reads
 * never keeps a target waiting; what does not fit in the queue is dropped, counted, and said.
 */
#pragma once

#include <sys/types.h>

#include "intercept/intercept.h"
#include "swap/swap.h"

struct trace;

/**
 * trace_new() - start the writer.
 * @fd: where lines go; borrowed
 *
 * Return: 0, -ENOMEM, or the errno of pthread_create(3), negative.
 */
int trace_new(struct trace **ret, enum trace_format format, int fd);

/* Whose call it was. */
struct trace_who {
	pid_t tid, pid;
	char name[16];
};

/**
 * trace_identify() - the name and process of a thread, from /proc. Before the answer: afterwards the
 * thread may be gone.
 */
void trace_identify(pid_t tid, struct trace_who *ret);

/**
 * trace_rule() - the rule that decided about a connect, or why none did.
 */
const char *trace_rule(const struct swap_outcome *outcome);

/**
 * trace_idle() - whether nothing is queued or being written; from any thread.
 */
bool trace_idle(struct trace *trace);

/**
 * trace_connect() - tell of one connect; returns at once.
 * @usec: from receiving the notification to its answer
 */
void trace_connect(struct trace *trace, const struct trace_who *who, const struct swap_outcome *outcome,
		   unsigned int usec);

/**
 * trace_free() - write what is queued, then stop.
 */
void trace_free(struct trace *trace);
