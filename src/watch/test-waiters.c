// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which threads are found waiting on a number: threads of ours that are blocked, and calls of 32-bit programs
 * as /proc would show them.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch/wait_call.h"
#include "watch/watch.h"

enum way { READ, POLL, POLL_TIMED, SELECT, READ_OTHER, POLL_OTHER, WAYS };

static const long numbers[WAYS] = {
	SYS_read,
#ifdef SYS_poll
	SYS_poll, SYS_poll,
#else
	SYS_ppoll, SYS_ppoll,
#endif
	SYS_pselect6, SYS_read,
#ifdef SYS_poll
	SYS_poll,
#else
	SYS_ppoll,
#endif
};

struct blocked {
	pthread_t thread;
	pid_t tid;
	enum way way;
	int fd, other;
};

static void *block(void *context)
{
	struct blocked *blocked = context;
	struct pollfd items[] = {
		{.fd = -1},
		{.fd = blocked->other, .events = POLLIN},
		{.fd = blocked->fd, .events = POLLIN},
	};
	const struct timespec time = {.tv_sec = 60};
	char byte;
	fd_set set;

	__atomic_store_n(&blocked->tid, gettid(), __ATOMIC_RELEASE);
	switch (blocked->way) {
	case READ:
		assert_int_equal(read(blocked->fd, &byte, 1), 0);
		break;
	case READ_OTHER:
		assert_int_equal(read(blocked->other, &byte, 1), 0);
		break;
	case POLL:
		poll(items, 3, -1);
		break;
	case POLL_TIMED:
		poll(items, 3, 60000);
		break;
	case POLL_OTHER:
		poll(items, 2, -1);
		break;
	default:
		FD_ZERO(&set);
		FD_SET(blocked->fd, &set);
		syscall(SYS_pselect6, blocked->fd + 1, &set, NULL, NULL, &time, NULL);
	}
	return NULL;
}

static void await(pid_t tid, long nr)
{
	struct thread_syscall seen = {0};

	do {
		sched_yield();
		assert_int_equal(thread_syscall(tid, &seen), 0);
	} while (!seen.blocked || seen.nr != nr);
	assert_false(thread_syscall_is_compat(&seen));
}

static const struct watch_waiter *find(const struct watch_report *report, pid_t tid)
{
	for (size_t i = 0; i < report->waiter_count; i++)
		if (report->waiters[i].tid == tid)
			return &report->waiters[i];
	return NULL;
}

static void test_threads(void **state)
{
	const int none = -1;
	const struct caller caller = {.listener = &none, .tid = gettid()};
	struct watch_report report = {0};
	struct blocked blocked[WAYS] = {0};
	const char *backend = *state;
	struct watch *watch;
	int pair[2], other[2], asked[2], r;

	r = watch_open(backend, 0, &watch);
	if (r < 0) {
		print_message("%s: %s\n", backend, strerror(-r));
		skip();
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	asked[0] = 500;
	asked[1] = pair[0];
	assert_int_equal(watch_waiters(watch, &caller, asked, 2, pair[0], &report), 0);
	assert_int_equal(report.waiter_count, 0);
	for (int i = 0; i < WAYS; i++) {
		blocked[i] = (struct blocked){.way = i, .fd = pair[0], .other = other[0]};
		assert_int_equal(pthread_create(&blocked[i].thread, NULL, block, &blocked[i]), 0);
		while (!__atomic_load_n(&blocked[i].tid, __ATOMIC_ACQUIRE))
			sched_yield();
		await(blocked[i].tid, numbers[i]);
	}
	assert_int_equal(watch_waiters(watch, &caller, asked, 2, pair[0], &report), 0);
	assert_int_equal(report.running, 0);
	assert_int_equal(report.waiter_count, 4);
	assert_int_equal(find(&report, blocked[READ].tid)->how, WATCH_WAIT_RECEIVE);
	assert_int_equal(find(&report, blocked[SELECT].tid)->how, WATCH_WAIT_SELECT);
	assert_true(find(&report, blocked[SELECT].tid)->timed);
	assert_false(find(&report, blocked[POLL].tid)->timed);
	assert_true(find(&report, blocked[POLL_TIMED].tid)->timed);
	assert_null(find(&report, blocked[READ_OTHER].tid));
	assert_null(find(&report, blocked[POLL_OTHER].tid));

	shutdown(pair[1], SHUT_RDWR);
	shutdown(other[1], SHUT_RDWR);
	for (int i = 0; i < WAYS; i++)
		pthread_join(blocked[i].thread, NULL);
	assert_int_equal(watch_waiters(watch, &caller, asked, 2, pair[0], &report), 0);
	assert_int_equal(report.waiter_count, 0);
	watch_report_free(&report);
	watch_close(watch);
}

static uint64_t at(const void *pointer)
{
	return (uintptr_t)pointer;
}

static int decode(const struct thread_syscall *call, int number, struct watch_waiter *ret)
{
	const int none = -1;
	const struct caller caller = {.listener = &none, .tid = gettid()};

	*ret = (struct watch_waiter){.tid = 7};
	return wait_call_decode(&caller, call, &number, 1, ret);
}

static void test_compat(void **state)
{
	const uint64_t low = 0xffffd000, high = 0x7fff00000000;
	const struct pollfd items[] = {{.fd = 3}, {.fd = 9}};
	uint32_t set[4] = {0};
	struct watch_waiter waiter;
	struct thread_syscall call = {
		.blocked = true, .nr = 168, .args = {at(items), 2, (uint32_t)-1}, .sp = low,
	};

	/* poll(2) of i386 and arm, without a timeout: -1 in 32 bits. */
	assert_int_equal(decode(&call, 9, &waiter), 1);
	assert_int_equal(waiter.tid, 7);
	assert_int_equal(waiter.how, WATCH_WAIT_POLL);
	assert_false(waiter.timed);
	assert_int_equal(decode(&call, 4, &waiter), 0);
	/* Resumed: restart_syscall(2), with the registers of poll. */
	call.nr = 0;
	call.args[2] = 1000;
	assert_int_equal(decode(&call, 3, &waiter), 1);
	assert_true(waiter.timed);
	/* A futex(2) that is resumed has no array there. */
	call.args[0] = 16;
	assert_int_equal(decode(&call, 3, &waiter), 0);

	/* A nanosleep(2) that is resumed has the addresses of its times there, which are no array. */
	call.args[0] = at(items);
	call.args[1] = UINT32_MAX;
	assert_int_equal(decode(&call, 3, &waiter), 0);
	/* As many as poll(2) takes. */
	call.args[1] = 2;
	assert_int_equal(decode(&call, 9, &waiter), 1);

	set[40 / 32] = 1U << (40 % 32);
	call = (struct thread_syscall){
		.blocked = true, .nr = 142, .args = {41, 0, at(set), 0, 0}, .sp = low,
	};
	assert_int_equal(decode(&call, 40, &waiter), 1);
	assert_int_equal(decode(&call, 39, &waiter), 0);
	/* Below the number of descriptors that it is told to look at. */
	call.args[0] = 40;
	assert_int_equal(decode(&call, 40, &waiter), 0);

#if defined(__x86_64__)
	const uint32_t words[] = {5, 0, 2, 0, 1};

	call = (struct thread_syscall){
		.blocked = true, .nr = 102, .args = {19, at(words)}, .sp = low,
	};
	assert_int_equal(decode(&call, 5, &waiter), 1);
	assert_int_equal(waiter.how, WATCH_WAIT_RECEIVE);
	assert_true(waiter.several);
	assert_true(waiter.timed);
	/* connect */
	call.args[0] = 3;
	assert_int_equal(decode(&call, 5, &waiter), 0);
	/* x32: low as well, and recognised by its number. */
	call = (struct thread_syscall){
		.blocked = true, .nr = 0x40000000 + 517, .args = {5}, .sp = low,
	};
	assert_int_equal(decode(&call, 5, &waiter), 1);
	assert_false(thread_syscall_is_compat(&call));
	/* The same number in a 64-bit program is getuid. */
	call = (struct thread_syscall){.blocked = true, .nr = 102, .args = {19, at(words)}, .sp = high};
	assert_int_equal(decode(&call, 5, &waiter), 0);
#else
	assert_true(high > low);
#endif
	call.blocked = false;
	assert_int_equal(decode(&call, 5, &waiter), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"threads, procfs", test_threads, NULL, NULL, (void *)"procfs"},
		{"threads, bpf", test_threads, NULL, NULL, (void *)"bpf"},
		cmocka_unit_test(test_compat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
