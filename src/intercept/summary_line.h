/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line of a summary, and how a summary is written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "intercept/intercept.h"
#include "swap/swap.h"

/* Times by powers of two, each in eight parts: 8 to 15 us one by one, then 16 and 17 together, and so on. */
#define SUMMARY_PARTS 8
#define SUMMARY_BUCKETS (SUMMARY_PARTS * 30)

/* What connects of one line have in common. */
struct summary_key {
	char program[16];
	char rule[256];
	char why[160];
	enum swap_how how;
	int error;
	bool exact;
};

struct summary_line {
	struct summary_key key;
	unsigned long connects;
	union address dest, made; /* of the first */
	unsigned int items, duplicates; /* the most */
	unsigned int max_usec;
	uint32_t times[SUMMARY_BUCKETS];
};

/* A summary as it is written. */
struct summary_view {
	const struct report_options *options;
	unsigned long connects, others;
	struct summary_line *const *lines;
	unsigned int count;
};

void summary_line_add(struct summary_line *line, const struct swap_outcome *outcome,
		      unsigned int usec);

/**
 * summary_line_median() - of the times, in microseconds: the longest of its part, at most the maximum.
 */
unsigned int summary_line_median(const struct summary_line *line);

void summary_write_text(const struct summary_view *view, FILE *file);
void summary_write_json(const struct summary_view *view, FILE *file);
