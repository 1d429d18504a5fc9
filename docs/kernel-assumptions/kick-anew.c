// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A call that ends with EINTR for any stop, as recv(2) with SO_RCVTIMEO and select(2) with its timeout in
 * read-only memory, begins again where a tracer writes ERESTARTNOHAND over the EINTR at the stop, and so
 * does poll(2) instead of going through restart_syscall(2). If a signal handler runs in the same moment the
 * program gets its EINTR. A signal that is ignored stops a tracee as well, and does not end the call.
 */
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

#if defined(__x86_64__)

#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

enum call { RECV, SELECT, POLL };

static const struct timespec read_only = { .tv_sec = 20 };

static void handle(int signal)
{
}

static int body(enum call call, int fd)
{
	struct pollfd item = { .fd = fd, .events = POLLIN };
	struct timeval timeout = { 20, 0 };
	fd_set set;
	char byte;
	long r;

	must(signal(SIGUSR1, handle) == SIG_ERR ? -1 : 0);
	must(signal(SIGUSR2, SIG_IGN) == SIG_ERR ? -1 : 0);
	switch (call) {
	case RECV:
		must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
		r = recv(fd, &byte, 1, 0);
		break;
	case SELECT:
		FD_ZERO(&set);
		FD_SET(fd, &set);
		r = syscall(SYS_pselect6, fd + 1, &set, NULL, NULL, &read_only, NULL);
		break;
	default:
		r = syscall(SYS_poll, &item, 1, -1);
	}
	return r == 1 ? 0 : errno;
}

static const long numbers[] = { SYS_recvfrom, SYS_pselect6, SYS_poll };

/* What the call returns that is begun again; @signal is sent while it is stopped, or 0. */
static int begun_again(enum call call, int signal, bool before)
{
	struct user_regs_struct regs = { 0 };
	struct iovec iov = { &regs, sizeof(regs) };
	int pair[2], status, deliver = 0;
	long expected = call == POLL ? -ERESTART_RESTARTBLOCK : -EINTR;
	pid_t child;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	child = must(fork());
	if (!child) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL));
		close(pair[1]);
		_exit(body(call, pair[0]));
	}
	close(pair[0]);
	wait_blocked(child, (int)numbers[call]);
	if (ptrace(PTRACE_SEIZE, child, 0, 0) < 0)
		missing("ptrace(2) of a child: errno %d", errno);
	if (signal && before)
		must(kill(child, signal));
	else
		must(ptrace(PTRACE_INTERRUPT, child, 0, 0));
	must(waitpid(child, &status, __WALL));
	check(WIFSTOPPED(status), "no stop: %x", status);
	if (signal && before) {
		siginfo_t info;

		must(ptrace(PTRACE_GETSIGINFO, child, 0, &info));
		check(info.si_signo == signal && info.si_code >> 8 != PTRACE_EVENT_STOP,
		      "the stop does not tell of the signal");
		deliver = signal;
	} else {
		siginfo_t info;

		must(ptrace(PTRACE_GETSIGINFO, child, 0, &info));
		check(info.si_code >> 8 == PTRACE_EVENT_STOP, "the stop looks like a signal's");
	}
	must(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &iov));
	check((long)regs.rax == expected, "the call was interrupted with %ld", (long)regs.rax);
	regs.rax = -ERESTARTNOHAND;
	must(ptrace(PTRACE_SETREGSET, child, NT_PRSTATUS, &iov));
	if (signal && !before)
		must(kill(child, signal));
	must(ptrace(PTRACE_DETACH, child, 0, deliver));
	if (signal != SIGUSR1)
		wait_blocked(child, (int)numbers[call]);
	/* Ignored where the call ended and the child with it. */
	send(pair[1], "x", 1, MSG_NOSIGNAL);
	must(waitpid(child, &status, 0));
	close(pair[1]);
	check(WIFEXITED(status), "ended with %x", status);
	return WEXITSTATUS(status);
}

int main(void)
{
	for (enum call call = RECV; call <= POLL; call++) {
		check(begun_again(call, 0, false) == 0, "call %d does not begin again", call);
		check(begun_again(call, SIGUSR2, true) == 0, "an ignored signal ends call %d", call);
		check(begun_again(call, SIGUSR1, true) == EINTR,
		      "call %d hides the handler that was about to run", call);
		check(begun_again(call, SIGUSR1, false) == EINTR,
		      "call %d hides a handler that runs after the stop", call);
	}
	return 0;
}

#else

int main(void)
{
	missing("an x86-64 machine: elsewhere the kernel has looked at the result before the stop");
}

#endif
