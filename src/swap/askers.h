/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that asked for a socket's name and were sent on to the kernel a moment ago.
 *
 * The kernel's answer is right as long as the socket is the program's own. A thread that has been let go
 * but has not run yet would see the replacement, if its socket is swapped meanwhile. So a swap waits for
 * those that asked about its number until they have been there: microseconds, and almost never.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define ASKERS_MAX 16

struct asker {
	pid_t tid; /* 0: nobody */
	int number;
	uint64_t since;
};

struct askers {
	struct asker ring[ASKERS_MAX];
	unsigned int next;
};

/**
 * askers_add() - a thread is about to be sent on.
 */
void askers_add(struct askers *askers, pid_t tid, int number);

/**
 * askers_wait() - wait until none that asked about @number is still on its way.
 * @tid: the thread whose call is being answered; it is not waited for
 *
 * A thread that runs all the time may be past its call and computing: it is given the time of ASKER_LOOKS looks. A
 * look is a file in /proc that is opened, read and closed: longer than the call that is waited for, on a machine of
 * any speed, and 6 us on a quick one.
 */
#define ASKER_LOOKS 50
void askers_wait(struct askers *askers, pid_t tid, int number);
