/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time. */
#pragma once

#include <stdint.h>
#include <sys/time.h>
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

/* See clock_note(); 0: nothing is noted. */
extern _Thread_local uint64_t clock_noted;

/**
 * clock_note() - let clock_about_usec() tell this from now on, in the calling thread: what it has just been told by
 * clock_usec().
 */
static inline void clock_note(uint64_t usec)
{
	clock_noted = usec;
}

/**
 * clock_about_usec() - the same as was noted, or of the last tick, 1 to 10 ms ago. Two of these may be in the wrong order, and
 * none is to be compared with clock_usec().
 */
static inline uint64_t clock_about_usec(void)
{
	struct timespec t;

	if (clock_noted)
		return clock_noted;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/**
 * clock_after() - the time that comes so long after another, in microseconds; UINT64_MAX, which never
 * comes, where that is beyond what can be counted. @length: not negative
 */
static inline uint64_t clock_after(uint64_t since, const struct timeval *length)
{
	uint64_t usec;

	if (__builtin_mul_overflow((uint64_t)length->tv_sec, 1000000, &usec) ||
	    __builtin_add_overflow(usec, (uint64_t)length->tv_usec, &usec) ||
	    __builtin_add_overflow(usec, since, &usec))
		return UINT64_MAX;
	return usec;
}
