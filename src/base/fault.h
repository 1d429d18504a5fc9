/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fault points: named moments of a swap, at which a test holds whoever passes, does what it likes, and lets go.
 *
 * They are there only where FAULT_POINTS is defined: in build/tests/reseat-points, which no one installs. In the product
 * a point is no code at all.
 *
 * The test and the supervisor share a file, which FAULT_VARIABLE names in the supervisor's environment. The test writes
 * @name and @skip, 0 to @begun, then FAULT_ARMED; who passes FAULT_BEGIN from then on, and that point for the time after
 * @skip others, writes FAULT_HELD and waits
 * until the test has written FAULT_IDLE. Each change of @state is followed by a futex wake-up. Every point that is passed
 * is added to @log, by its name and a space.
 */
#pragma once

#include <stdint.h>

#define FAULT_VARIABLE "RESEAT_FAULT_POINTS"
#define FAULT_NAME_MAX 32

/* Where a call begins, for the end of the one before may come late; and the last of all for it. */
#define FAULT_BEGIN "received"
#define FAULT_END "done"

enum fault_state { FAULT_IDLE, FAULT_ARMED, FAULT_HELD };

struct fault_control {
	uint32_t state; /* enum fault_state, atomically */
	uint32_t skip;
	uint32_t begun; /* FAULT_BEGIN was passed since */
	uint32_t ended; /* how often FAULT_END was passed; atomically, with a futex wake-up */
	char name[FAULT_NAME_MAX];
	uint32_t logged; /* how much of @log is used; the test sets it back, what does not fit is lost */
	char log[4000];
};

#ifdef FAULT_POINTS
/**
 * fault_point() - be held here, if a test wants that; by the thread that serves notifications.
 * @name: shorter than FAULT_NAME_MAX, without spaces
 *
 * Without FAULT_VARIABLE nothing happens. Errno is kept. Nobody is held for longer than a minute.
 */
void fault_point(const char *name);
#else
static inline void fault_point(const char *name)
{
}
#endif
