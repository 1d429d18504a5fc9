// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads that wait; see waiting.h. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "waiting.h"

static const char *const names[] = {
	[WAY_POLL] = "poll",
	[WAY_PPOLL] = "ppoll",
	[WAY_SELECT] = "select",
	[WAY_PSELECT] = "pselect",
	[WAY_PSELECT_READ_ONLY] = "pselect, timeout in read-only memory",
	[WAY_READ] = "read",
	[WAY_READV] = "readv",
	[WAY_RECV] = "recv",
	[WAY_RECVFROM] = "recvfrom",
	[WAY_RECVMSG] = "recvmsg",
	[WAY_RECVMMSG] = "recvmmsg",
	[WAY_RECV_RCVTIMEO] = "recv, SO_RCVTIMEO",
	[WAY_SELECT_EXCEPTIONAL] = "select, exceptional",
	[WAY_EPOLL] = "epoll_wait",
	[WAY_RECVMMSG_TWO] = "recvmmsg of two",
};

/* Raw calls take the time of the width that this program has. */
#ifdef SYS_ppoll_time64
#define RAW_PPOLL (sizeof(time_t) > sizeof(long) ? SYS_ppoll_time64 : SYS_ppoll)
#define RAW_PSELECT (sizeof(time_t) > sizeof(long) ? SYS_pselect6_time64 : SYS_pselect6)
#else
#define RAW_PPOLL SYS_ppoll
#define RAW_PSELECT SYS_pselect6
#endif
#if defined(SYS__newselect)
#define RAW_SELECT SYS__newselect
#elif defined(SYS_select)
#define RAW_SELECT SYS_select
#endif

static const struct timespec very_long = { .tv_sec = 20 };

const char *way_name(enum way way)
{
	return names[way];
}

bool way_has_timeout(enum way way)
{
	return way <= WAY_PSELECT_READ_ONLY || way == WAY_RECV_RCVTIMEO;
}

static void sandbox(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOANO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

/* select(2) itself, where the architecture has it; libc's may be pselect6(2). */
static long raw_select(int count, fd_set *set, struct timespec *time)
{
#ifdef RAW_SELECT
	/* The kernel's timeval is two longs, also where libc's is wider. */
	long timeval[2];

	if (time == NULL)
		return syscall(RAW_SELECT, count, set, NULL, NULL, NULL);
	timeval[0] = (long)time->tv_sec;
	timeval[1] = (long)(time->tv_nsec / 1000);
	return syscall(RAW_SELECT, count, set, NULL, NULL, timeval);
#else
	return syscall(RAW_PSELECT, count, set, NULL, NULL, time, NULL);
#endif
}

/* With its timeout in memory that cannot be written. */
static long pselect_read_only(int count, fd_set *set, const struct timespec *time)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct timespec *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long result;

	if (page == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	*page = *time;
	must(mprotect(page, size, PROT_READ));
	result = syscall(RAW_PSELECT, count, set, NULL, NULL, page, NULL);
	/* It keeps errno, as it cannot fail. */
	munmap(page, size);
	return result;
}

static long wait_on(struct waiting *waiting)
{
	struct pollfd items[2] = {
		{ .fd = waiting->fd, .events = POLLIN },
		{ .fd = waiting->other, .events = POLLIN },
	};
	struct timespec time = {
		.tv_sec = waiting->timeout / 1000,
		.tv_nsec = waiting->timeout % 1000 * 1000000,
	};
	struct timeval timeval = {
		.tv_sec = waiting->timeout / 1000,
		.tv_usec = waiting->timeout % 1000 * 1000,
	};
	bool endless = waiting->timeout < 0;
	struct iovec iov = { .iov_base = waiting->data, .iov_len = sizeof(waiting->data) - 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = message }, { .msg_hdr = message } };
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	struct epoll_event event = { .events = EPOLLIN };
	fd_set set;
	int count = (waiting->fd > waiting->other ? waiting->fd : waiting->other) + 1;
	long result;
	int ep;

	FD_ZERO(&set);
	FD_SET(waiting->fd, &set);
	if (waiting->other >= 0)
		FD_SET(waiting->other, &set);
	switch (waiting->way) {
	case WAY_POLL:
		return poll(items, 2, (int)waiting->timeout);
	case WAY_PPOLL:
		return syscall(RAW_PPOLL, items, 2, endless ? NULL : &time, NULL, 8);
	case WAY_SELECT:
		return raw_select(count, &set, endless ? NULL : &time);
	case WAY_PSELECT:
		return syscall(RAW_PSELECT, count, &set, NULL, NULL, endless ? NULL : &time, NULL);
	case WAY_PSELECT_READ_ONLY:
		return pselect_read_only(count, &set, endless ? &very_long : &time);
	case WAY_READ:
		return read(waiting->fd, waiting->data, sizeof(waiting->data) - 1);
	case WAY_READV:
		return readv(waiting->fd, &iov, 1);
	case WAY_RECV_RCVTIMEO:
		if (!endless)
			must(setsockopt(waiting->fd, SOL_SOCKET, SO_RCVTIMEO, &timeval,
					sizeof(timeval)));
		/* fall through */
	case WAY_RECV:
		return recv(waiting->fd, waiting->data, sizeof(waiting->data) - 1, 0);
	case WAY_RECVFROM:
		return recvfrom(waiting->fd, waiting->data, sizeof(waiting->data) - 1, 0,
				(struct sockaddr *)&from, &length);
	case WAY_RECVMSG:
		return recvmsg(waiting->fd, &message, 0);
	case WAY_RECVMMSG:
		return recvmmsg(waiting->fd, messages, 1, 0, NULL);
	case WAY_RECVMMSG_TWO:
		return recvmmsg(waiting->fd, messages, 2, 0, NULL);
	case WAY_SELECT_EXCEPTIONAL:
		return syscall(RAW_PSELECT, count, NULL, NULL, &set, endless ? NULL : &time, NULL);
	case WAY_EPOLL:
		ep = must(epoll_create1(EPOLL_CLOEXEC));
		must(epoll_ctl(ep, EPOLL_CTL_ADD, waiting->fd, &event));
		result = epoll_wait(ep, &event, 1, (int)waiting->timeout);
		close(ep);
		return result;
	}
	return -1;
}

static void *run(void *argument)
{
	struct waiting *waiting = argument;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	if (waiting->signalled)
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (waiting->sandboxed)
		sandbox();
	waiting->since = now_ms();
	__atomic_store_n(&waiting->tid, gettid(), __ATOMIC_RELEASE);
	for (long start = now_ns(); now_ns() - start < waiting->delay;)
		;
	waiting->result = wait_on(waiting);
	waiting->until = now_ms();
	waiting->error = waiting->result < 0 ? errno : 0;
	/* Only told that something is there. */
	if (waiting->result > 0 && !waiting->data[0])
		recv(waiting->fd, waiting->data, sizeof(waiting->data) - 1, MSG_DONTWAIT);
	return NULL;
}

void waiting_until_blocked(const struct waiting *waiting)
{
	static const long calls[] = {
#ifdef SYS_poll
		SYS_poll, SYS_select, SYS_epoll_wait,
#endif
#ifdef SYS__newselect
		SYS__newselect, SYS_socketcall,
#endif
#ifdef SYS_recvmmsg_time64
		SYS_recvmmsg_time64, SYS_ppoll_time64, SYS_pselect6_time64,
#endif
		SYS_ppoll, SYS_pselect6, SYS_read, SYS_readv, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg,
		SYS_epoll_pwait,
	};

	wait_blocked_in_one(waiting->tid, calls, ARRAY_SIZE(calls));
}

void waiting_start(struct waiting *waiting)
{
	waiting->tid = 0;
	waiting->data[0] = 0;
	memset(waiting->data, 0, sizeof(waiting->data));
	must(-pthread_create(&waiting->thread, NULL, run, waiting));
	while (!__atomic_load_n(&waiting->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	if (!waiting->unsettled)
		waiting_until_blocked(waiting);
}

void waiting_join(struct waiting *waiting)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE / 1000;
	if (pthread_timedjoin_np(waiting->thread, NULL, &until))
		fail("%s: the thread still waits", names[waiting->way]);
	if (waiting->quiet)
		return;
	errno = waiting->error;
	say_result(names[waiting->way], waiting->result);
	say("data: %s", waiting->data);
}

int waiting_socket(void)
{
	return must(socket(AF_INET, SOCK_DGRAM, 0));
}

int waiting_server(void)
{
	struct sockaddr_in address = inet(LOOPBACK, 0);
	socklen_t length = sizeof(address);
	int fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	must(bind(fd, (struct sockaddr *)&address, length));
	return fd;
}

void waiting_connect(int fd, int server)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	must(getsockname(server, (struct sockaddr *)&address, &length));
	if (do_connect(fd, &address, length))
		say_result("connect", -1);
}

void waiting_answer(int fd, int server, const char *text)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char byte;

	must(send(fd, "q", 1, 0));
	wait_poll(server, POLLIN);
	must(recvfrom(server, &byte, 1, 0, (struct sockaddr *)&from, &length));
	must(sendto(server, text, strlen(text), 0, (struct sockaddr *)&from, length));
}
