// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The signal of O_ASYNC names the number that fcntl(2) was called with: set through another number,
 * it carries that one. Owner and signal belong to the open file and can be set from anywhere.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

static volatile sig_atomic_t descriptor = -1;

static void handler(int number, siginfo_t *info, void *context)
{
	descriptor = info->si_fd;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
	int pair[2], other;
	long start = now_ms();

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	other = must(dup(pair[0]));
	must(sigaction(SIGRTMIN, &action, NULL));
	must(fcntl(other, F_SETOWN, getpid()));
	must(fcntl(other, F_SETSIG, SIGRTMIN));
	check(must(fcntl(pair[0], F_GETSIG)) == SIGRTMIN, "the signal is not the file's");
	must(fcntl(other, F_SETFL, O_ASYNC));
	must(write(pair[1], "x", 1));
	while (descriptor < 0 && now_ms() - start < DEADLINE)
		poll(NULL, 0, 1);
	check(descriptor == other, "the signal names %d, set through %d", descriptor, other);
	return 0;
}
