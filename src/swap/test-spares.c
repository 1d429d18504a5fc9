// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets that are made ahead: when, of what kind, and that none is used that has become old. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compat.h"
#include "socket/present.h"
#include "swap/spares.h"
#include "watch/watch.h"

/* More than are wanted in a second before any is made. */
#define MANY 16

/* A thread that makes eight sockets takes a thousandth of that. */
#define DEADLINE_USEC 60000000

static struct watch *watch;
static struct option_set *options;

static int read_image(void *context, int fd, struct image *ret)
{
	return watch_image(context, fd, ret);
}

static int start(void **state)
{
	int r = watch_open("bpf", 0, &watch);

	if (r < 0)
		return r == -EPERM || r == -EACCES || r == -ENOTSUP ? 0 : -1;
	if (option_set_new(&options) < 0)
		return -1;
	option_set_images(options, &(const struct image_reader){.read = read_image, .context = watch}, 0);
	option_prepare(options, AF_INET, IPPROTO_TCP);
	return 0;
}

static int stop(void **state)
{
	option_set_free(options);
	watch_close(watch);
	return 0;
}

static struct spares *make(void)
{
	struct spares *spares;

	if (!watch)
		skip();
	assert_int_equal(spares_new(&spares), 0);
	return spares;
}

static void want(struct spares *spares, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(spares_take(spares), -ENOENT);
	spares_order(spares, options);
}

/* What the supervisor's other thread does. Return: whether there was anything to do. */
static bool work(struct spares *spares)
{
	struct pollfd p = {.fd = spares_descriptor(spares), .events = POLLIN};

	if (poll(&p, 1, 0) != 1)
		return false;
	spares_work(spares);
	return true;
}

/* The next, when it has been made; on a slow machine it may have become old by then, and is made again. */
static int take(struct spares *spares)
{
	uint64_t end = clock_usec() + DEADLINE_USEC;
	int fd = -ENOENT;

	while (fd < 0 && clock_usec() < end) {
		usleep(100);
		fd = spares_take(spares);
		if (fd < 0)
			spares_order(spares, options);
	}
	assert_true(fd >= 0);
	return fd;
}

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

static void check(int fd)
{
	int like = socket(AF_INET, SOCK_STREAM, 0), family = 0;

	assert_int_equal(present_read(fd, false, &family), PRESENT_INET);
	assert_int_equal(family, AF_INET6);
	assert_int_equal(get(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(get(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	assert_int_equal(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	assert_int_equal(get(fd, IPPROTO_IP, IP_MULTICAST_ALL), get(like, IPPROTO_IP, IP_MULTICAST_ALL));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	close(like);
}

static void test_few(void **state)
{
	struct spares *spares = make();

	want(spares, MANY - 1);
	assert_false(work(spares));
	assert_false(spares_wait(spares));
	spares_free(spares);
}

static void test_many(void **state)
{
	struct spares *spares = make();
	int fds[4 * MANY];

	want(spares, MANY);
	assert_true(work(spares));
	assert_true(spares_wait(spares));
	for (unsigned int i = 0; i < 4 * MANY; i++) {
		fds[i] = take(spares);
		check(fds[i]);
		spares_order(spares, options);
	}
	/* Each is another. */
	for (unsigned int i = 0; i < 4 * MANY; i++)
		assert_int_equal(close(fds[i]), 0);
	spares_free(spares);
}

/* Those that are here are too old, and those that are still to come will be. */
static void until_none(struct spares *spares)
{
	uint64_t end = clock_usec() + DEADLINE_USEC;

	spares_expire(spares);
	while (spares_wait(spares) && clock_usec() < end) {
		usleep(10000);
		spares_expire(spares);
	}
	assert_false(spares_wait(spares));
}

static void test_old(void **state)
{
	struct spares *spares = make();
	int fd;

	want(spares, MANY);
	work(spares);
	close(take(spares));
	usleep(1100000);
	until_none(spares);
	assert_int_equal(spares_take(spares), -ENOENT);
	/* And so they are where nobody came for them. */
	want(spares, MANY);
	usleep(1100000);
	until_none(spares);
	want(spares, MANY);
	fd = take(spares);
	check(fd);
	close(fd);
	spares_forget(spares);
	assert_false(spares_wait(spares));
	spares_free(spares);
}

/* Without room for descriptors none come, and it goes on. */
static void test_no_room(void **state)
{
	struct spares *spares = make();
	struct rlimit was, none;
	uint64_t end;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 3;
	want(spares, MANY);
	setrlimit(RLIMIT_NOFILE, &none);
	work(spares);
	end = clock_usec() + DEADLINE_USEC;
	while (spares_wait(spares) && clock_usec() < end) {
		assert_int_equal(spares_take(spares), -ENOENT);
		usleep(100);
	}
	assert_false(spares_wait(spares));
	setrlimit(RLIMIT_NOFILE, &was);
	want(spares, MANY);
	close(take(spares));
	spares_free(spares);
}

/* Without the capability to become an ordinary thread again there are none, and nothing is waited for. */
static void test_no_way_back(void **state)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2], less[2];
	struct spares *spares = make();

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	memcpy(less, data, sizeof(less));
	less[0].effective &= ~(1U << CAP_SYS_NICE);
	assert_int_equal(syscall(SYS_capset, &header, less), 0);
	want(spares, MANY);
	work(spares);
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
	assert_false(spares_wait(spares));
	for (unsigned int i = 0; i < 1000; i++)
		want(spares, 1);
	assert_false(work(spares));
	spares_free(spares);
}

/* The receiver of test_elsewhere(), on one processor. */
static void *receive(void *context)
{
	struct spares *spares = context;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	want(spares, MANY);
	work(spares);
	close(take(spares));
	return (void *)(uintptr_t)sched_getcpu();
}

/* Whoever makes them stays away from the processor on which they are wanted. */
static void test_elsewhere(void **state)
{
	struct spares *spares = make();
	unsigned int makers = 0;
	const struct dirent *entry;
	pthread_t receiver;
	cpu_set_t seen;
	void *processor;
	DIR *threads;

	assert_int_equal(sched_getaffinity(0, sizeof(seen), &seen), 0);
	if (CPU_COUNT(&seen) < 2) {
		spares_free(spares);
		skip();
	}
	assert_int_equal(pthread_create(&receiver, NULL, receive, spares), 0);
	assert_int_equal(pthread_join(receiver, &processor), 0);
	threads = opendir("/proc/self/task");
	assert_non_null(threads);
	while ((entry = readdir(threads))) {
		pid_t tid = atoi(entry->d_name);

		/* The receiver may be seen ending. */
		if (tid <= 0 || tid == gettid() || sched_getaffinity(tid, sizeof(seen), &seen) < 0)
			continue;
		makers += !CPU_ISSET((int)(uintptr_t)processor, &seen) && CPU_COUNT(&seen) > 0;
	}
	closedir(threads);
	assert_int_equal(makers, 1);
	spares_free(spares);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_no_way_back),
		cmocka_unit_test(test_elsewhere),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
