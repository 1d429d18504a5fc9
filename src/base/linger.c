// SPDX-License-Identifier: LGPL-2.1-or-later
/* Closing a duplicate of somebody else's socket; see linger.h. */
#include "base/linger.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/start.h"

/* A thread that ends is waited for; it takes microseconds. */
#define PATIENCE_USEC 1000000

static bool may_linger(int fd)
{
	struct linger linger = {0};
	socklen_t size = sizeof(linger);
	unsigned char state; /* tcpi_state is the first of struct tcp_info */

	if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size) < 0 || !linger.l_onoff ||
	    linger.l_linger == 0)
		return false;
	/* Other kinds linger as well; a datagram socket that has been told to is rare. */
	size = sizeof(state);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &size) < 0)
		return true;
	return state != TCP_CLOSE && state != TCP_LISTEN;
}

struct last {
	sem_t has, may_end;
	pid_t tid;
};

static void await(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		;
}

/* Leave the table with all that is in it, and take that along into the end. */
static void *hold_last(void *context)
{
	struct last *last = context;

	if (fd_own_table() == 0)
		last->tid = gettid();
	sem_post(&last->has);
	await(&last->may_end);
	return NULL;
}

/* pthread_join(3) comes back before descriptors are closed. */
static void await_end(pid_t tid)
{
	uint64_t deadline = clock_usec() + PATIENCE_USEC;

	while (tid && syscall(SYS_tgkill, getpid(), tid, 0) == 0 && clock_usec() < deadline)
		sched_yield();
}

static void close_aside(int fd)
{
	struct last last = {0};
	pthread_t thread;

	sem_init(&last.has, 0, 0);
	sem_init(&last.may_end, 0, 0);
	if (start_thread(&thread, hold_last, &last) < 0) {
		close(fd);
	} else {
		await(&last.has);
		close(fd);
		sem_post(&last.may_end);
		pthread_join(thread, NULL);
		await_end(last.tid);
	}
	sem_destroy(&last.has);
	sem_destroy(&last.may_end);
}

int linger_close(int fd)
{
	int saved = errno;

	if (fd >= 0 && may_linger(fd))
		close_aside(fd);
	else
		fd_close(fd);
	errno = saved;
	return -EBADF;
}
