// SPDX-License-Identifier: GPL-2.0-or-later
/* Between front and guard; see front_link.h. */
#include "cli/front_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/rights.h"

/* The guard answers at once; one that was stopped by hand must not stop the front with it. */
#define SENTINEL_TIMEOUT_MS 1000

void link_send(int link, const struct link_message *message, int pidfd)
{
	(void)rights_send(link, message, sizeof(*message), &pidfd, pidfd >= 0);
}

int link_receive(int link, struct link_message *ret, int *ret_pidfd)
{
	struct link_message message;
	int pidfd;

	if (rights_receive(link, &message, sizeof(message), &pidfd, 1) != sizeof(message)) {
		fd_close(pidfd);
		return 0;
	}
	*ret = message;
	*ret_pidfd = pidfd;
	return 1;
}

void group_signal_barrier(void)
{
	/* kill(2) walks over the group under tasklist_lock; setpgid(2) takes that lock for writing,
	 * so when it returns, with whatever result, the walk is over (kernel/signal.c,
	 * kernel/sys.c). */
	setpgid(0, getpgrp());
}

bool sentinel_ask(int sentinel, int signal_number)
{
	struct pollfd pollfd = {.fd = sentinel, .events = POLLIN};
	uint8_t byte = (uint8_t)signal_number;

	group_signal_barrier();
	if (sentinel < 0 || send(sentinel, &byte, 1, MSG_NOSIGNAL) != 1)
		return false;
	if (poll(&pollfd, 1, SENTINEL_TIMEOUT_MS) != 1 || recv(sentinel, &byte, 1, 0) != 1)
		return false;
	return byte;
}

/* Stop signals take a pending SIGCONT away, and the reverse: the other kind of a signal. */
static void sentinel_opposite(int number, sigset_t *ret)
{
	sigemptyset(ret);
	switch (number) {
	case SIGCONT:
		sigaddset(ret, SIGTSTP);
		sigaddset(ret, SIGTTIN);
		sigaddset(ret, SIGTTOU);
		break;
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		sigaddset(ret, SIGCONT);
		break;
	}
}

int sentinel_answer(int sentinel)
{
	const struct timespec now = {0};
	sigset_t set, pending, opposite;
	uint8_t byte;
	int number;

	if (recv(sentinel, &byte, 1, 0) != 1)
		return 0;
	number = byte;
	sigemptyset(&set);
	sigaddset(&set, number);
	byte = sigtimedwait(&set, NULL, &now) > 0;
	if (!byte) {
		/*
		 * The group may have been stopped and continued, or the reverse, since the front
		 * read its signal; then the later of the two is here, and decides for COMMAND as
		 * well.
		 */
		sentinel_opposite(number, &opposite);
		sigpending(&pending);
		sigandset(&set, &pending, &opposite);
		byte = !sigisemptyset(&set);
	}
	return send(sentinel, &byte, 1, MSG_NOSIGNAL) == 1;
}
