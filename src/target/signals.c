// SPDX-License-Identifier: LGPL-2.1-or-later
/* Signals that wait for a thread whose call we hold; see signals.h. */
#include "target/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int signals_open(pid_t tid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool field(const char *text, const char *name, int base, uint64_t *ret)
{
	const char *at = strstr(text, name);

	if (!at)
		return false;
	*ret = strtoull(at + strlen(name), NULL, base);
	return true;
}

int signals_look(int status, struct signals *ret)
{
	uint64_t threads, own, shared, blocked, ignored;
	char text[4096];
	const char *state;
	ssize_t n = pread(status, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	state = strstr(text, "\nState:\t");
	if (!state || !field(text, "\nThreads:", 10, &threads) ||
	    !field(text, "\nSigPnd:", 16, &own) || !field(text, "\nShdPnd:", 16, &shared) ||
	    !field(text, "\nSigBlk:", 16, &blocked) || !field(text, "\nSigIgn:", 16, &ignored))
		return -ESRCH;
	blocked |= ignored;
	ret->shared = shared & ~blocked;
	ret->own = (own & ~blocked) || (ret->shared && threads == 1);
	ret->state = state[strlen("\nState:\t")];
	return 0;
}
