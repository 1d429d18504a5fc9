// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the program in the kernel is to find where /proc would not, or where it has to say that it did not: instances
 * and files that others have, lists that change meanwhile, more than there is room for.
 *
 * Needs CAP_BPF, CAP_PERFMON and BTF, like the backend.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <liburing.h>

#include "watch/test-bpf.h"

static const int none = -1;

static void need(void)
{
	if (!watch)
		skip();
}

/* A descriptor, or the end of the test. */
static int must(long fd)
{
	assert_true(fd >= 0);
	return (int)fd;
}

static int udp(void)
{
	return must(socket(AF_INET, SOCK_DGRAM, 0));
}

static void add(int epoll, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static void look(int fd)
{
	const struct caller caller = {.listener = &none, .tid = gettid()};

	assert_int_equal(watch_look(watch, &caller, fd, fd, &report), 0);
}

/* A child that has all our descriptors, does @then and ends when @hold is closed. */
struct child {
	pid_t pid;
	int hold;
};

static struct child child_start(void (*then)(int a, int b), int a, int b)
{
	struct child child;
	int hold[2], ready[2];
	char byte = 0;

	assert_int_equal(pipe(hold), 0);
	assert_int_equal(pipe(ready), 0);
	child.pid = must(fork());
	if (child.pid == 0) {
		close(hold[1]);
		close(ready[0]);
		then(a, b);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	close(hold[0]);
	close(ready[1]);
	child.hold = hold[1];
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

static void child_end(struct child *child)
{
	int status;

	close(child->hold);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_int_equal(status, 0);
}

static void close_first(int a, int b)
{
	close(a);
}

static void close_neither(int a, int b)
{
}

static void test_references(void **state)
{
	struct child child;
	int fd;

	need();
	fd = udp();
	assert_int_equal(watch_references(watch, fd), 1);
	child = child_start(close_neither, 0, 0);
	assert_int_equal(watch_references(watch, fd), 2);
	look(fd);
	assert_int_equal(report.references, 2);
	assert_int_equal(report.duplicate_count, 0);
	child_end(&child);
	assert_int_equal(watch_references(watch, fd), 1);
	close(fd);
}

/* Closed here, an instance is found where it still is, and once more where it is remembered. */
static void test_elsewhere(void **state)
{
	struct child child;
	int fd, epoll;

	need();
	fd = udp();
	epoll = must(epoll_create1(0));
	add(epoll, fd, EPOLLIN, 7);
	child = child_start(close_first, fd, 0);
	look(fd);
	assert_int_equal(report.items[0].owner, 0);
	close(epoll);
	for (int i = 0; i < 3; i++) {
		look(fd);
		assert_int_equal(report.item_count, 1);
		assert_int_equal(report.items[0].owner, child.pid);
		assert_int_equal(report.items[0].epoll_number, epoll);
		assert_int_equal(report.items[0].number, fd);
		assert_int_equal(report.items[0].data, 7);
		assert_null(report.beyond);
	}
	child_end(&child);
	look(fd);
	assert_int_equal(report.item_count, 0);
	close(fd);
}

/* In no table at all: on its way in a message. */
static void test_in_flight(void **state)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {"x", 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd, epoll, pair[2];

	need();
	fd = udp();
	epoll = must(epoll_create1(0));
	add(epoll, fd, EPOLLIN, 7);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	memcpy(CMSG_DATA(&control.header), &epoll, sizeof(epoll));
	assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
	close(epoll);
	look(fd);
	assert_int_equal(report.item_count, 0);
	assert_non_null(report.beyond);
	close(pair[0]);
	close(pair[1]);
	look(fd);
	assert_null(report.beyond);
	close(fd);
}

/* The mask is what the kernel has: what is left of a one-shot item that fired, and its private bits. */
static void test_masks(void **state)
{
	struct epoll_event event;
	int fd, first, second, third;

	need();
	fd = udp();
	first = must(epoll_create1(0));
	second = must(epoll_create1(0));
	third = must(epoll_create1(0));
	add(first, fd, EPOLLOUT | EPOLLONESHOT, 1);
	assert_int_equal(epoll_wait(first, &event, 1, 0), 1);
	add(second, fd, EPOLLOUT | EPOLLEXCLUSIVE, 2);
	add(third, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, 3);
	look(fd);
	assert_int_equal(report.item_count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct watch_item *item = &report.items[i];

		if (item->data == 1)
			assert_int_equal(item->events, EPOLLONESHOT);
		else if (item->data == 2)
			assert_int_equal(item->events & ~(EPOLLERR | EPOLLHUP), EPOLLOUT | EPOLLEXCLUSIVE);
		else
			assert_int_equal(item->events, EPOLLIN | EPOLLRDHUP | EPOLLET | EPOLLERR | EPOLLHUP);
		assert_true(watch_is_instance(watch, item, item->epoll_number, fd));
		/* Another one, and what is none. */
		assert_false(watch_is_instance(watch, item, item->epoll_number == first ? second : first, fd));
		assert_false(watch_is_instance(watch, item, fd, fd));
	}
	close(first);
	close(second);
	close(third);
	close(fd);
}

/* More instances than one question searches for, and more items than one answer has room for. */
static void many(int count, bool fits)
{
	int fd = udp();

	for (int i = 0; i < count; i++) {
		int epoll = must(epoll_create1(0));

		add(epoll, fd, EPOLLIN, (uint64_t)epoll);
	}
	look(fd);
	assert_int_equal(report.item_count, count);
	/* /proc does not know of references. */
	assert_int_equal(report.references, fits ? 1 : -1);
	for (int i = 0; i < count; i++) {
		assert_int_equal(report.items[i].data, report.items[i].epoll_number);
		close(report.items[i].epoll_number);
	}
	close(fd);
}

static void test_many(void **state)
{
	need();
	many(40, true);
	many(600, false);
}

#define LOOKS 1000

struct hammer {
	int fd, epoll;
	bool end;
};

static void *hammer(void *context)
{
	struct hammer *hammer = context;
	struct epoll_event event = {.events = EPOLLIN};

	while (!__atomic_load_n(&hammer->end, __ATOMIC_RELAXED)) {
		epoll_ctl(hammer->epoll, EPOLL_CTL_ADD, hammer->fd, &event);
		epoll_ctl(hammer->epoll, EPOLL_CTL_DEL, hammer->fd, NULL);
	}
	return NULL;
}

/* The list changes all the while: what stays in it is always found, and nothing that never was. */
static void test_hammered(void **state)
{
	struct hammer hammers[2];
	pthread_t threads[2];
	int fd, epoll, last, whole = 0;

	need();
	fd = udp();
	epoll = must(epoll_create1(0));
	last = must(epoll_create1(0));
	add(epoll, fd, EPOLLIN, 1);
	for (int i = 0; i < 2; i++) {
		hammers[i] = (struct hammer){.fd = fd, .epoll = must(epoll_create1(0))};
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
	}
	add(last, fd, EPOLLIN, 2);
	for (int i = 0; i < LOOKS; i++) {
		unsigned int seen = 0;

		look(fd);
		whole += report.references >= 0;
		for (size_t j = 0; j < report.item_count; j++) {
			const struct watch_item *item = &report.items[j];

			if (item->data == 1 || item->data == 2) {
				assert_int_equal(item->epoll_number, item->data == 1 ? epoll : last);
				seen |= (unsigned int)item->data;
			} else {
				assert_true(item->epoll_number == hammers[0].epoll ||
					    item->epoll_number == hammers[1].epoll);
			}
			assert_int_equal(item->number, fd);
		}
		assert_int_equal(seen, 3);
	}
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&hammers[i].end, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		close(hammers[i].epoll);
	}
	/* Torn each time that it is begun again, a look ends in /proc. */
	print_message("%d of %d looks without /proc\n", whole, LOOKS);
	assert_true(whole > 0);
	close(epoll);
	close(last);
	close(fd);
}

static void *receive(void *context)
{
	const int *number = context;
	char byte;

	recv(*number, &byte, 1, 0);
	return NULL;
}

static void await(int fd, long references)
{
	while (watch_references(watch, fd) != references)
		sched_yield();
}

/* A thread waits on the file, whatever stands at its number by now. */
static void test_waits_on_file(void **state)
{
	const struct caller caller = {.listener = &none, .tid = gettid()};
	int pair[2], number, other, file;
	pthread_t thread;

	need();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	file = pair[0];
	number = must(dup(file));
	assert_int_equal(pthread_create(&thread, NULL, receive, &number), 0);
	/* Two numbers, and the call. */
	await(file, 3);
	do {
		assert_int_equal(watch_waiters(watch, &caller, &number, 1, file, &report), 0);
	} while (report.running > 1);
	assert_int_equal(report.waiter_count, 1);
	other = udp();
	must(dup2(other, number));
	assert_int_equal(watch_waiters(watch, &caller, &number, 1, other, &report), 0);
	assert_int_equal(report.waiter_count, 0);
	assert_int_equal(watch_waiters(watch, &caller, &number, 1, file, &report), 0);
	assert_int_equal(report.waiter_count, 1);
	assert_int_equal(report.running, 0);
	shutdown(pair[1], SHUT_RDWR);
	pthread_join(thread, NULL);
	assert_int_equal(watch_waiters(watch, &caller, &number, 1, file, &report), 0);
	assert_int_equal(report.waiter_count, 0);
	close(pair[0]);
	close(pair[1]);
	close(number);
	close(other);
}

/* What waits by a function that is not known is told of, and not taken for a thread. */
static void test_stranger(void **state)
{
	const struct caller caller = {.listener = &none, .tid = gettid()};
	struct io_uring ring;
	struct io_uring_sqe *entry;
	int fd, r;

	need();
	fd = udp();
	r = io_uring_queue_init(4, &ring, 0);
	if (r == -EPERM || r == -ENOSYS)
		skip();
	assert_int_equal(r, 0);
	entry = io_uring_get_sqe(&ring);
	io_uring_prep_poll_add(entry, fd, POLLIN);
	assert_int_equal(io_uring_submit(&ring), 1);
	look(fd);
	assert_int_equal(report.strangers, 1);
	assert_int_equal(watch_waiters(watch, &caller, &fd, 1, fd, &report), 0);
	assert_int_equal(report.waiter_count, 0);
	/* Somebody has it who does not wait in a call. */
	assert_int_equal(report.running, 1);
	io_uring_queue_exit(&ring);
	await(fd, 1);
	look(fd);
	assert_int_equal(report.strangers, 0);
	close(fd);
}

/* Each getppid(2) of ours waits for who has the listener, whose number is written to the pipe. */
static void trap(int pipe_end, unsigned long flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = 4, .filter = filter};
	int listener;

	/* It holds its own listener: nothing else would end it where the test fails. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags,
				&program);
	if (write(pipe_end, &listener, sizeof(listener)) != sizeof(listener))
		_exit(1);
}

static void *call_with_own_table(void *context)
{
	const int *fd = context;

	unshare(CLONE_FILES);
	dup2(*fd, 300);
	syscall(SYS_getppid);
	return NULL;
}

/*
 * A ring that has been closed is taken down by a kernel thread, which makes us run something of it: that ends the wait
 * here as a signal would, with none sent (until 6.1 most often).
 */
static void receive_call(int listener, struct seccomp_notif *ret)
{
	int r;

	do {
		*ret = (struct seccomp_notif){0};
		r = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, ret);
	} while (r < 0 && errno == EINTR);
	assert_int_equal(r, 0);
}

/* The very thread is found by its call: here one with a table of its own. */
static void with_listener(unsigned long flags)
{
	int fd, epoll, ends[2], theirs, listener, pidfd;
	struct seccomp_notif request;
	struct seccomp_notif_resp response = {0};
	struct caller caller;
	pid_t pid;
	int status;

	need();
	fd = udp();
	epoll = must(epoll_create1(0));
	add(epoll, fd, EPOLLIN, 9);
	assert_int_equal(pipe(ends), 0);
	pid = must(fork());
	if (pid == 0) {
		pthread_t thread;

		trap(ends[1], flags);
		pthread_create(&thread, NULL, call_with_own_table, &fd);
		pthread_join(thread, NULL);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &theirs, sizeof(theirs)), sizeof(theirs));
	pidfd = must(syscall(SYS_pidfd_open, pid, 0));
	listener = must(syscall(SYS_pidfd_getfd, pidfd, theirs, 0));
	receive_call(listener, &request);
	caller = (struct caller){.listener = &listener, .id = request.id, .tid = (pid_t)request.pid};
	assert_int_equal(watch_look(watch, &caller, 300, fd, &report), 0);
	/* Ours, the child's, and twice in the thread's. */
	assert_int_equal(report.references, 4);
	assert_int_equal(report.duplicate_count, 1);
	assert_int_equal(report.duplicates[0], fd);
	assert_int_equal(report.item_count, 1);
	assert_int_equal(report.items[0].owner, 0);
	assert_int_equal(report.items[0].epoll_number, epoll);
	assert_int_equal(report.killable, flags == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	/* What stands there, without a duplicate: nobody but the thread has its table. */
	assert_int_equal(watch_peek(watch, &caller, 300, NULL, &report), 0);
	assert_int_equal(report.references, 4);
	assert_int_equal(report.duplicates[0], fd);
	assert_int_equal(report.killable, flags == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	response.id = request.id;
	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(watch_look(watch, &caller, 300, fd, &report), -ENOENT);
	assert_int_equal(watch_peek(watch, &caller, 300, NULL, &report), -ENOENT);
	close(pidfd);
	close(listener);
	close(ends[0]);
	close(ends[1]);
	close(epoll);
	close(fd);
}

static void test_listener(void **state)
{
	with_listener(0);
	with_listener(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
}

static void drop(unsigned int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		_exit(2);
	data[capability / 32].effective &= ~(1U << capability % 32);
	data[capability / 32].permitted &= ~(1U << capability % 32);
	if (syscall(SYS_capset, &header, data) < 0)
		_exit(3);
}

/* Loaded with as little as the backend says that it needs, and tells wake functions apart. */
static void test_few_capabilities(void **state)
{
	int status;
	pid_t pid;

	need();
	pid = must(fork());
	if (pid == 0) {
		struct watch *other;
		int fd = udp(), epoll = epoll_create1(0);

		for (unsigned int i = 0; i <= 40; i++)
			if (i != CAP_BPF && i != CAP_PERFMON && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
				drop(i);
		add(epoll, fd, EPOLLIN, 1);
		if (watch_open("bpf", 0, &other) < 0)
			_exit(4);
		watch = other;
		look(fd);
		_exit(report.item_count == 1 && !report.beyond ? 0 : 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_hammered),
		cmocka_unit_test(test_waits_on_file),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_few_capabilities),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
