/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What became of all connects to IPv4 destinations, in few lines.
 *
 * Connects of the same program, with the same rule, outcome, verdict and reason make one line. The memory is
 * bounded: what would need a line beyond the last is only counted. Of the times of a line the median is
 * known within an eighth.
 */
#pragma once

#include <stdio.h>

#include "intercept/intercept.h"
#include "intercept/trace.h"
#include "swap/swap.h"

/* As many lines as a summary has at most. */
#define SUMMARY_LINES 4096

struct summary;

/**
 * summary_new() - an empty one. Return: 0 or -ENOMEM. Released by summary_free().
 */
int summary_new(struct summary **ret);
void summary_free(struct summary *summary);

/**
 * summary_add() - one connect. One that asks for the result of an earlier one is left out.
 * @usec: what it took
 */
void summary_add(struct summary *summary, const struct trace_who *who,
		 const struct swap_outcome *outcome, unsigned int usec);

/**
 * summary_write() - all of it, most connects of a program first; from any thread.
 *
 * See supervisor_report(). Return: 0; -ENOMEM.
 */
int summary_write(struct summary *summary, const struct report_options *options, FILE *file);
