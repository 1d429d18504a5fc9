/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time. */
#pragma once

#include <stdint.h>
#include <time.h>

/**
 * clock_usec() - CLOCK_MONOTONIC in microseconds.
 */
static inline uint64_t clock_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
