/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report of `reseat observe`.
 *
 * The worker writes it as soon as COMMAND has ended: to standard error, which it gives up then, or to a file,
 * which another takes the place of when the last process that COMMAND left behind has ended. The front ends only
 * after that: the worker closes its end of a pipe.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cli/session.h"
#include "intercept/intercept.h"

/**
 * observe_report() - write the report, once the trace is.
 * @supervisor: of this session
 * @left: as in struct report_options
 */
void observe_report(const struct session *session, struct supervisor *supervisor, long left);

/**
 * observe_left() - how many processes descend from the calling one.
 * @except, @except2: that do not count; nor do those that have ended and were not waited for
 *
 * Return: their number; -1 where /proc does not tell.
 */
long observe_left(pid_t except, pid_t except2);

/**
 * observe_wait() - in the front: until the report is written, the worker has gone, or a signal comes.
 * @reported: the front's end of the pipe
 * @signals: signalfd(2)
 */
void observe_wait(int reported, int signals);
