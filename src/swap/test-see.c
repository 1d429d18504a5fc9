// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one look tells of a plain socket against what a dozen system calls do; and when it says that nobody else could
 * change the table, or has the file.
 *
 * Needs CAP_BPF, CAP_PERFMON and BTF.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compat.h"
#include "socket/snapshot.h"
#include "watch/test-bpf.h"

static void look(int fd)
{
	const int none = -1;
	const struct caller self = {.listener = &none, .tid = gettid()};

	if (!watch)
		skip();
	assert_int_equal(watch_look(watch, &self, fd, fd, &report), 0);
}

/* What can be done to a socket, one bit each. */
enum {
	NON_BLOCKING = 1,
	LINGERS = 2,
	V6ONLY = 4,
	SHUT = 8,
	BOUND = 16,
	OWNED = 32,
	SIGNAL = 64,
	LISTENS = 128,
	OTHER_UID = 256,
	ALL = 512,
};

static void set(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

static int make(int family, int type, int protocol, unsigned int how)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 5};
	struct sockaddr_in6 any = {.sin6_family = (sa_family_t)family};
	int fd = socket(family, type, protocol);

	assert_true(fd >= 0);
	if (how & NON_BLOCKING)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (how & LINGERS)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if ((how & V6ONLY) && family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (how & SHUT)
		shutdown(fd, SHUT_RD);
	if (how & BOUND)
		assert_int_equal(bind(fd, (struct sockaddr *)&any,
				      family == AF_INET6 ? sizeof(any) : sizeof(struct sockaddr_in)),
				 0);
	if (how & OWNED)
		fcntl(fd, F_SETOWN, getpid());
	if (how & SIGNAL)
		fcntl(fd, F_SETSIG, SIGUSR1);
	if ((how & LISTENS) && type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	if (how & OTHER_UID)
		assert_int_equal(fchown(fd, 65534, 65534), 0);
	return fd;
}

static void compare(int family, int type, int protocol, unsigned int how)
{
	const struct watch_plain *plain = &report.plain;
	const int fd = make(family, type, protocol, how);
	const unsigned int special = BOUND | OWNED | SIGNAL | LISTENS | OTHER_UID;
	struct snapshot seen;

	look(fd);
	assert_int_equal(snapshot_read(fd, &seen), 0);
	assert_int_equal(plain->family, protocol == IPPROTO_TCP && !(how & special) ? family : 0);
	if (plain->family) {
		assert_int_equal(seen.state, SNAPSHOT_FRESH);
		assert_int_equal(seen.family, plain->family);
		assert_int_equal(seen.type, SOCK_STREAM);
		assert_int_equal(seen.protocol, IPPROTO_TCP);
		assert_int_equal(seen.status_flags, plain->status_flags);
		assert_int_equal(seen.netns_cookie, plain->netns_cookie);
		assert_int_equal(seen.inode, plain->inode);
		assert_int_equal(seen.owner.pid, 0);
		assert_int_equal(seen.signal, 0);
		assert_int_equal(seen.uid, geteuid());
		assert_int_equal(seen.gid, getegid());
		assert_int_equal(seen.v6only, plain->v6only);
		assert_int_equal(seen.shut_read, plain->shut_read);
		assert_false(seen.bound);
		assert_int_equal(!!(how & LINGERS), plain->lingers);
	}
	close(fd);
}

static void test_plain(void **state)
{
	for (unsigned int how = 0; how < ALL; how++) {
		if ((how & OTHER_UID) && geteuid() != 0)
			continue;
		compare(AF_INET, SOCK_STREAM, IPPROTO_TCP, how);
		compare(AF_INET6, SOCK_STREAM, IPPROTO_TCP, how);
	}
	compare(AF_INET, SOCK_DGRAM, IPPROTO_UDP, 0);
	compare(AF_INET, SOCK_STREAM, IPPROTO_MPTCP, 0);
}

/* Refused, connected, and disconnected again, which is fresh but has a port. */
static void test_engaged(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	socklen_t size = sizeof(address);
	int listener = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0);
	int fd = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, NON_BLOCKING);
	int refused = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, NON_BLOCKING);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	connect(refused, (struct sockaddr *)&address, size);
	look(refused);
	assert_int_equal(report.plain.family, 0);
	assert_int_equal(listen(listener, 1), 0);
	connect(fd, (struct sockaddr *)&address, size);
	look(fd);
	assert_int_equal(report.plain.family, 0);
	assert_int_equal(connect(fd, &none, sizeof(none)), 0);
	look(fd);
	assert_int_equal(report.plain.family, 0);
	close(refused);
	close(fd);
	close(listener);
}

static void test_table(void **state)
{
	int fd = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0), further;
	struct rlimit limit;

	look(fd);
	assert_true(report.sole);
	assert_int_equal(report.threads, 1);
	assert_int_equal(report.cloexec, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(report.limit, limit.rlim_cur);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	further = dup(fd);
	look(fd);
	assert_true(report.sole);
	assert_int_equal(report.cloexec, 1);
	assert_int_equal(report.duplicate_count, 1);
	close(further);
	close(fd);
}

/* A child that has what clone(2)'s @flags say, until it is killed. */
static pid_t with_child(unsigned long flags)
{
	pid_t child = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	assert_true(child >= 0);
	if (child == 0)
		for (;;)
			pause();
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void *until_told(void *context)
{
	char byte;

	return read(*(int *)context, &byte, 1) < 0 ? context : NULL;
}

/* A thread is joined a moment before the kernel takes its reference on the table away, and in /proc until after that. */
static void join(pthread_t thread)
{
	struct stat status;

	pthread_join(thread, NULL);
	do {
		assert_int_equal(stat("/proc/self/task", &status), 0);
	} while (status.st_nlink != 3);
}

static void test_others(void **state)
{
	int fd = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0);
	pthread_t thread;
	int ends[2];
	pid_t child;

	/* The file. */
	child = with_child(0);
	look(fd);
	assert_false(report.sole);
	assert_int_equal(report.threads, 1);
	end(child);
	/* The table. */
	child = with_child(CLONE_FILES);
	look(fd);
	assert_false(report.sole);
	end(child);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, until_told, &ends[0]), 0);
	look(fd);
	assert_false(report.sole);
	assert_int_equal(report.threads, 2);
	close(ends[1]);
	join(thread);
	close(ends[0]);
	close(fd);
}

/* Without a duplicate: the same, and only where nobody else has the table. */
static void test_peek(void **state)
{
	const int none = -1;
	const struct caller self = {.listener = &none, .tid = gettid()};
	int fd = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, NON_BLOCKING), other = dup(0);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 5};
	int epoll = epoll_create1(0), further, ends[2];
	struct watch_plain plain;
	pthread_t thread;
	pid_t child;

	look(fd);
	plain = report.plain;
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	assert_int_equal(watch_peek(watch, &self, fd, NULL, &report), 0);
	assert_true(report.sole);
	assert_int_equal(report.references, 1);
	assert_memory_equal(&report.plain, &plain, sizeof(plain));
	assert_int_equal(report.item_count, 1);
	assert_int_equal(report.items[0].data, 5);
	assert_true(report.items[0].solitary);
	assert_true(report.image.size > 0);
	assert_null(report.memory);
	/* No call waits here that only a kill could end. */
	assert_false(report.killable);
	further = dup(fd);
	assert_int_equal(watch_peek(watch, &self, fd, NULL, &report), 0);
	assert_int_equal(report.duplicate_count, 1);
	close(further);
	/* Another has the file, which is not ours to count; or the table, and could put another one there. */
	child = with_child(0);
	assert_int_equal(watch_peek(watch, &self, fd, NULL, &report), 0);
	assert_false(report.sole);
	end(child);
	child = with_child(CLONE_FILES);
	assert_int_equal(watch_peek(watch, &self, fd, NULL, &report), -EAGAIN);
	end(child);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, until_told, &ends[0]), 0);
	assert_int_equal(watch_peek(watch, &self, fd, NULL, &report), -EAGAIN);
	close(ends[1]);
	join(thread);
	close(ends[0]);
	assert_int_equal(watch_peek(watch, &self, other, NULL, &report), 0);
	assert_int_equal(report.plain.family, 0);
	close(other);
	assert_int_equal(watch_peek(watch, &self, other, NULL, &report), -EAGAIN);
	close(epoll);
	close(fd);
}

/* Whether programs like ours can copy a thread's memory. */
static bool copies(void)
{
	struct utsname name;
	unsigned int major = 0, minor = 0;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 10);
}

/* Memory comes along where the kernel can, and all of it can be read. */
static void test_memory(void **state)
{
	const int none = -1;
	const struct caller self = {.listener = &none, .tid = gettid()};
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct watch_memory memory = {.address = (uintptr_t)pages, .size = 16};

	assert_ptr_not_equal(pages, MAP_FAILED);
	memcpy(pages, "an address, or so", 16);
	assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
	assert_int_equal(watch_peek(watch, &self, fd, &memory, &report), 0);
	assert_true(report.sole);
	if (copies())
		assert_memory_equal(report.memory, pages, 16);
	else
		assert_null(report.memory);
	/* As long as any of a socket, and no longer. */
	memory.size = sizeof(struct sockaddr_storage);
	assert_int_equal(watch_peek(watch, &self, fd, &memory, &report), 0);
	if (copies())
		assert_memory_equal(report.memory, pages, sizeof(struct sockaddr_storage));
	memory.size++;
	assert_int_equal(watch_peek(watch, &self, fd, &memory, &report), 0);
	assert_null(report.memory);
	/* None of it, or not all: the rest of the answer is as ever. */
	memory = (struct watch_memory){.address = 8, .size = 16};
	assert_int_equal(watch_peek(watch, &self, fd, &memory, &report), 0);
	assert_null(report.memory);
	memory.address = (uintptr_t)pages + page - 8;
	assert_int_equal(watch_peek(watch, &self, fd, &memory, &report), 0);
	assert_null(report.memory);
	assert_true(report.sole);
	munmap(pages, 2 * page);
	close(fd);
}

static void test_solitary(void **state)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = make(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0);
	int epoll = epoll_create1(0), outer = epoll_create1(0), further;

	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	look(fd);
	assert_int_equal(report.item_count, 1);
	assert_true(report.items[0].solitary);
	further = dup(epoll);
	look(fd);
	assert_false(report.items[0].solitary);
	close(further);
	assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, epoll, &event), 0);
	look(fd);
	assert_false(report.items[0].solitary);
	close(outer);
	close(epoll);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_engaged),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_solitary),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
