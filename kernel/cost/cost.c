// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What system calls cost that the series has touched: for each a line "NAME NANOSECONDS", per call.
 *
 * It is meant for a machine whose clock counts instructions (see `run`), and does without any flag that an unpatched kernel
 * does not know, so that both run the same program. Nothing else runs beside it but for the threads it has itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 500, ROUNDS = 9, READY = 64 };

static int files[FILES], copies[FILES], ep;
static double results[ROUNDS];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void ctl(int op, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	check(!epoll_ctl(ep, op, fd, &e), "epoll_ctl");
}

static void open_files(void)
{
	for (int i = 0; i < FILES; i++)
		check((files[i] = eventfd(0, EFD_NONBLOCK)) >= 0, "eventfd");
}

static void for_all(void (*function)(int fd))
{
	for (int i = 0; i < FILES; i++)
		function(files[i]);
}

static void add(int fd) { ctl(EPOLL_CTL_ADD, fd); }
static void mod(int fd) { ctl(EPOLL_CTL_MOD, fd); }
static void del(int fd) { ctl(EPOLL_CTL_DEL, fd); }
static void close_one(int fd) { check(!close(fd), "close"); }

static void signal_one(int fd)
{
	uint64_t one = 1;

	check(write(fd, &one, sizeof(one)) == sizeof(one), "write");
}

static void drain_one(int fd)
{
	uint64_t v;

	check(read(fd, &v, sizeof(v)) == sizeof(v), "read");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Prepare, measure, clean up, ROUNDS times; the median of what one call took. */
static void measure(const char *name, void (*before)(void), void (*work)(void), void (*after)(void), int calls)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (before)
			before();
		double start = now();
		work();
		results[round] = (now() - start) / calls;
		if (after)
			after();
	}
	qsort(results, ROUNDS, sizeof(*results), compare);
	printf("%s %.1f\n", name, results[ROUNDS / 2]);
}

static void add_all(void) { for_all(add); }
static void mod_all(void) { for_all(mod); }
static void del_all(void) { for_all(del); }
static void close_all(void) { for_all(close_one); }
static void signal_all(void) { for_all(signal_one); }
static void drain_all(void) { for_all(drain_one); }

static void open_watched(void)
{
	open_files();
	add_all();
}

/* A file that another instance watches, whose close has nothing to do with ours. */
static void open_copies(void)
{
	for (int i = 0; i < FILES; i++)
		check((copies[i] = eventfd(0, EFD_NONBLOCK)) >= 0, "eventfd");
}

static void dup2_all(void)
{
	for (int i = 0; i < FILES; i++)
		check(dup2(files[i], copies[i]) == copies[i], "dup2");
}

static void close_copies(void)
{
	for (int i = 0; i < FILES; i++)
		close(copies[i]);
}

static void wait_all(int count)
{
	struct epoll_event events[READY];

	for (int i = 0; i < FILES; i++)
		check(epoll_wait(ep, events, READY, 0) == count, "epoll_wait");
}

static void wait_none(void) { wait_all(0); }
static void wait_one(void) { wait_all(1); }
static void wait_many(void) { wait_all(READY); }

static void ready_many(void)
{
	for (int i = 0; i < READY; i++)
		signal_one(files[i]);
}

static void drain_many(void)
{
	for (int i = 0; i < READY; i++)
		drain_one(files[i]);
}

static void ready_one(void) { signal_one(files[0]); }
static void drain_first(void) { drain_one(files[0]); }

static void poll_all(int timeout)
{
	struct pollfd fds[READY];

	for (int i = 0; i < READY; i++)
		fds[i] = (struct pollfd){ .fd = files[i], .events = POLLIN };
	for (int i = 0; i < FILES; i++)
		check(poll(fds, READY, timeout) == 1, "poll");
}

static void poll_ready(void) { poll_all(-1); }

static void select_ready(void)
{
	for (int i = 0; i < FILES; i++) {
		fd_set fds;

		FD_ZERO(&fds);
		for (int k = 0; k < READY; k++)
			FD_SET(files[k], &fds);
		check(select(files[READY - 1] + 1, &fds, NULL, NULL, NULL) == 1, "select");
	}
}

/* Two threads that wait for each other in poll(2), by way of two eventfds. */
static void *answer(void *data)
{
	struct pollfd pfd = { .fd = files[1], .events = POLLIN };

	for (int i = 0; i < FILES; i++) {
		check(poll(&pfd, 1, -1) == 1, "poll");
		drain_one(files[1]);
		signal_one(files[2]);
	}
	return data;
}

static void poll_sleeping(void)
{
	struct pollfd pfd = { .fd = files[2], .events = POLLIN };
	pthread_t thread;

	check(!pthread_create(&thread, NULL, answer, NULL), "pthread_create");
	for (int i = 0; i < FILES; i++) {
		signal_one(files[1]);
		check(poll(&pfd, 1, -1) == 1, "poll");
		drain_one(files[2]);
	}
	pthread_join(thread, NULL);
}

static int listener;
static pthread_barrier_t barrier;

static void *notify(void *data)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = insns };

	check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
	listener = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	check(listener >= 0, "seccomp");
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2 * ROUNDS * FILES; i++)
		syscall(__NR_getppid);
	return data;
}

static void supervise(bool addfd)
{
	for (int i = 0; i < FILES; i++) {
		struct seccomp_notif req = {};
		struct seccomp_notif_resp resp = {};

		check(!ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req), "RECV");
		if (addfd) {
			struct seccomp_notif_addfd add = {
				.id = req.id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .srcfd = (uint32_t)files[0],
				.newfd = (uint32_t)files[1],
			};
			check(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) == files[1], "ADDFD");
		}
		resp.id = req.id;
		check(!ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp), "SEND");
	}
}

static void notified(void) { supervise(false); }
static void notified_addfd(void) { supervise(true); }

int main(void)
{
	struct rlimit limit = { 4 * FILES, 4 * FILES };
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	check(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	check((ep = epoll_create1(0)) >= 0, "epoll_create1");

	open_files();
	measure("EPOLL_CTL_ADD", NULL, add_all, del_all, FILES);
	measure("EPOLL_CTL_MOD", add_all, mod_all, del_all, FILES);
	measure("EPOLL_CTL_DEL", add_all, del_all, NULL, FILES);
	add_all();
	measure("epoll_wait, nothing", NULL, wait_none, NULL, FILES);
	measure("epoll_wait, one event", ready_one, wait_one, drain_first, FILES);
	measure("epoll_wait, 64 events", ready_many, wait_many, drain_many, FILES);
	measure("write to a watched file", NULL, signal_all, drain_all, FILES);
	del_all();
	measure("poll of 64, one ready", ready_one, poll_ready, drain_first, FILES);
	measure("select of 64, one ready", ready_one, select_ready, drain_first, FILES);
	measure("poll, sleeping, there and back", NULL, poll_sleeping, NULL, FILES);
	close_all();
	measure("close of an unwatched file", open_files, close_all, NULL, FILES);
	measure("close of a watched file", open_watched, close_all, NULL, FILES);
	open_files();
	measure("dup2 over an open file", open_copies, dup2_all, close_copies, FILES);

	check(!pthread_barrier_init(&barrier, NULL, 2), "barrier");
	check(!pthread_create(&thread, NULL, notify, NULL), "pthread_create");
	pthread_barrier_wait(&barrier);
	measure("notification", NULL, notified, NULL, FILES);
	measure("notification with ADDFD over a number", NULL, notified_addfd, NULL, FILES);
	pthread_join(thread, NULL);
	return 0;
}
