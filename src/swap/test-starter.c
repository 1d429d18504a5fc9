// SPDX-License-Identifier: GPL-2.0-or-later
/* A connect that the ring cannot finish leaves nothing behind for the next one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "swap/starter.h"

#if defined(__x86_64__)

static int tcp(int flags)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

/* A server whose queue is full: connects stay under way. */
static union address silent_server(void)
{
	union address address = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address.in);
	int fd = tcp(0);

	if (bind(fd, &address.sa, size) < 0 || listen(fd, 0) < 0 || getsockname(fd, &address.sa, &size) < 0)
		abort();
	for (;;) {
		struct pollfd item = {.fd = tcp(SOCK_NONBLOCK), .events = POLLOUT};

		if (connect(item.fd, &address.sa, sizeof(address.in)) < 0 && errno == EINPROGRESS &&
		    poll(&item, 1, 200) == 0)
			return address;
	}
}

/* The size of a signal mask that there is none of tells calls of the handler from the ring's. */
#define OURS 0

static int failures = 1;

/* The first wait fails. */
static void trapped(int signal, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	regs[REG_RAX] = failures-- > 0 ? -EBUSY
				       : syscall(SYS_io_uring_enter, regs[REG_RDI], regs[REG_RSI],
						 regs[REG_RDX], regs[REG_R10], NULL, OURS);
}

static void trap_waits(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		abort();
}

static void test_after_a_failure(void **state)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		union address silent = silent_server(), refusing = silent, accepting = silent;
		struct starter *starter;
		int other = tcp(0);
		socklen_t size = sizeof(refusing.in);
		bool sent;

		/* Bound, and does not listen. */
		refusing.in.sin_port = 0;
		if (bind(other, &refusing.sa, size) < 0 || getsockname(other, &refusing.sa, &size) < 0)
			_exit(2);
		if (starter_new(&starter) < 0)
			_exit(77);
		trap_waits();
		alarm(10);
		if (starter_connect(starter, tcp(0), &silent, NULL) != -EBUSY)
			_exit(3);
		if (starter_connect(starter, tcp(0), &refusing, &sent) != -ECONNREFUSED || !sent)
			_exit(4);
		/* One that is ready from the start, to say that there is nothing to receive. */
		other = tcp(0);
		if (shutdown(other, SHUT_RD) == 0 || starter_connect(starter, other, &silent, NULL) != -EINPROGRESS)
			_exit(8);
		/* What succeeds at once was answered, but for a connect that waits for the first send. */
		accepting.in.sin_port = 0;
		other = tcp(0);
		if (bind(other, &accepting.sa, size) < 0 || listen(other, 1) < 0 || getsockname(other, &accepting.sa, &size) < 0)
			_exit(2);
		if (starter_connect(starter, tcp(0), &accepting, &sent) != 0 || !sent)
			_exit(6);
		other = tcp(0);
		if (setsockopt(other, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){1}, sizeof(int)) < 0 ||
		    setsockopt(other, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &(int){1}, sizeof(int)) < 0)
			_exit(2);
		if (starter_connect(starter, other, &accepting, &sent) != 0 || sent)
			_exit(7);
		refusing.in.sin_addr.s_addr = INADDR_BROADCAST;
		if (starter_connect(starter, tcp(0), &refusing, &sent) != -ENETUNREACH || sent)
			_exit(5);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#else
static void test_after_a_failure(void **state)
{
	skip();
}
#endif

/* What stands at a number is asked without starting anything, and a fresh socket stays so. */
static void test_ask(void **state)
{
	union address address = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address.in);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int refused = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(starter_ask(refused, false, true), -EAFNOSUPPORT);
	assert_int_equal(starter_ask(refused, false, false), -EAFNOSUPPORT);
	if (six >= 0)
		assert_int_equal(starter_ask(six, true, true), -EAFNOSUPPORT);
	assert_int_equal(bind(listening, &address.sa, size), 0);
	assert_int_equal(getsockname(listening, &address.sa, &size), 0);
	/* One that nobody listens on has an error to report, once. */
	connect(refused, &address.sa, size);
	assert_int_equal(starter_ask(refused, false, true), -ECONNREFUSED);
	assert_int_equal(starter_ask(refused, false, true), -EAFNOSUPPORT);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(starter_ask(listening, true, true), -EISCONN);
	assert_int_equal(connect(connected, &address.sa, size), 0);
	assert_int_equal(starter_ask(connected, true, true), -EISCONN);
	/* Its first question is told of success. */
	assert_int_equal(connect(refused, &address.sa, size), -1);
	assert_int_equal(starter_ask(refused, false, false), 0);
	assert_int_equal(starter_ask(refused, false, false), -EISCONN);
	close(listening);
	close(connected);
	close(refused);
	close(six);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_a_failure),
		cmocka_unit_test(test_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
