// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one process does must not make another wait: all of them have one supervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELEASE)

/* How long each is worked against the others, and what nobody may wait, in milliseconds. */
#define DURATION 3000
#define STALL 1500

/* A process that asks about a socket of its own all the time. */
struct innocent {
	pid_t pid;
	struct { long worst; int stop; } *shared;
};

static void innocent_start(struct innocent *innocent, int fd)
{
	innocent->shared = mmap(NULL, sizeof(*innocent->shared), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	innocent->pid = must(fork());
	if (innocent->pid)
		return;
	while (!LOAD(innocent->shared->stop)) {
		const struct timespec pause = { .tv_nsec = 2000000 };
		struct sockaddr_storage name;
		socklen_t size = sizeof(name);
		long start = now_ms(), took;

		must(getpeername(fd, (struct sockaddr *)&name, &size));
		took = now_ms() - start;
		if (took > innocent->shared->worst)
			innocent->shared->worst = took;
		nanosleep(&pause, NULL);
	}
	_exit(0);
}

static void innocent_end(struct innocent *innocent)
{
	int status;

	STORE(innocent->shared->stop, 1);
	must(waitpid(innocent->pid, &status, 0));
	note("the other process waited %ld ms", innocent->shared->worst);
	say("the other process waited at most %d ms: %s", STALL,
	    innocent->shared->worst < STALL ? "yes" : "no");
}

/* Closes a number after a while. */
struct closer {
	int number;
	int delay; /* 0: nothing to do; -1: end */
};

static void *close_later(void *argument)
{
	struct closer *closer = argument;
	int delay;

	while ((delay = LOAD(closer->delay)) >= 0) {
		if (!delay) {
			sched_yield();
			continue;
		}
		for (volatile int i = 0; i < delay; i++)
			;
		close(closer->number);
		STORE(closer->delay, 0);
	}
	return NULL;
}

/*
 * A socket that lingers is closed while the supervisor holds a duplicate: the last close waits for a peer that
 * does not read. Hits once in some hundred rounds.
 */
static void lingering(void)
{
	struct server server = server_open(LOOPBACK);
	static char data[1 << 18];
	struct closer closer = { 0 };
	struct innocent innocent;
	unsigned int rounds = 0;
	long start = now_ms();
	int own = tcp(0), peer;
	pthread_t thread;

	/* Sockets that are accepted have it. */
	must(set(server.fd, SOL_SOCKET, SO_RCVBUF, 2048));
	must(do_connect(own, &server.addr, sizeof(server.addr)));
	peer = server_accept(&server);
	innocent_start(&innocent, own);
	must(-pthread_create(&thread, NULL, close_later, &closer));
	while (now_ms() - start < DURATION) {
		struct linger linger = { 1, 3 };
		int fd = tcp(0), other;

		must(do_connect(fd, &server.addr, sizeof(server.addr)));
		other = server_accept(&server);
		must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
		while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
			;
		closer.number = fd;
		STORE(closer.delay, 500 + (int)(rounds * 1500 % 120000));
		for (int i = 0; i < 40 && LOAD(closer.delay); i++) {
			struct sockaddr_storage name;
			socklen_t size = sizeof(name);

			if (getpeername(fd, (struct sockaddr *)&name, &size) < 0 && errno == EBADF)
				break;
		}
		/* A reset ends the wait of whoever was the last. */
		linger.l_linger = 0;
		must(setsockopt(other, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
		close(other);
		while (LOAD(closer.delay))
			sched_yield();
		rounds++;
	}
	STORE(closer.delay, -1);
	pthread_join(thread, NULL);
	note("%u rounds", rounds);
	innocent_end(&innocent);
	close(own);
	close(peer);
	server_close(&server);
}

/* A page that is there when it is asked for, and whoever serves it asks the supervisor for something first. */
struct served {
	int userfault, own;
	char *page;
	struct sockaddr_in content;
};

static void *serve(void *argument)
{
	struct served *served = argument;
	static char content[1 << 16] __attribute__((aligned(1 << 16)));
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);
	struct uffd_msg message;
	struct uffdio_copy copy = {
		.dst = (uintptr_t)served->page,
		.src = (uintptr_t)content,
		.len = sysconf(_SC_PAGESIZE),
	};

	memcpy(content, &served->content, sizeof(served->content));
	must(read(served->userfault, &message, sizeof(message)));
	say_result("who serves it asks", getpeername(served->own, (struct sockaddr *)&name, &size));
	must(ioctl(served->userfault, UFFDIO_COPY, &copy));
	return NULL;
}

static void served_lazily(void)
{
	struct server server = server_open(LOOPBACK);
	struct served served = { .own = tcp(0), .content = server.addr };
	struct uffdio_api api = { .api = UFFD_API };
	const size_t size = sysconf(_SC_PAGESIZE);
	struct uffdio_register range = { .range.len = size, .mode = UFFDIO_REGISTER_MODE_MISSING };
	pthread_t thread;
	int fd = tcp(0);

	must(do_connect(served.own, &server.addr, sizeof(server.addr)));
	served.userfault = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (served.userfault < 0)
		skip("userfaultfd");
	must(ioctl(served.userfault, UFFDIO_API, &api));
	served.page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)served.page;
	must(ioctl(served.userfault, UFFDIO_REGISTER, &range));
	must(-pthread_create(&thread, NULL, serve, &served));
	/* do_connect() would look at it first. */
	say_result("connect", connect(fd, (struct sockaddr *)served.page, sizeof(struct sockaddr_in)));
	pthread_join(thread, NULL);
	say_peer(fd);
	close(fd);
	close(served.own);
	close(served.userfault);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "served-lazily", served_lazily, MUST_SWAP },
	/* pidfd_getfd(2) itself holds the file for an instant, and lets go of it where the number has just
	 * been closed (__get_file_rcu()): then the receiver is the last, in one of some 10,000 rounds. */
	{ "lingering", lingering, MUST_SWAP | SLOW | COUNTS },
	{ 0 },
};
const struct scenario helpers[] = {
	{ 0 },
};
