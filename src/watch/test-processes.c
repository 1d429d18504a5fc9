// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes whose descriptors came about at random; see test-processes.h. */
#include "watch/test-processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/thread.h"

#define THINGS_MAX 16
#define OPERATIONS 40

/* A number of a socket, or of an epoll instance, in the table of the process that this is in. */
struct thing {
	int number;
	bool blocks; /* recv(2) and poll(2) wait there: nothing comes, and nothing is wrong */
	int peer;    /* by which something can be sent to it, or -1 */
};

struct set {
	struct thing things[THINGS_MAX];
	int count;
};

/* Shared by all processes of a round: where they say of themselves, and ends that are closed for "go on". */
struct round {
	int go[2], said[2], hold[2];
	int *count; /* how many processes there are */
};

static struct set sockets, epolls;

static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static int below(uint64_t *state, int limit)
{
	return (int)(draw(state) % (uint64_t)limit);
}

/* What cannot go wrong in a process that is not the tester; nor do the others go on then. */
#define must(call) must_(call, #call)
static int must_(long r, const char *call)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", call, strerror(errno));
		kill(0, SIGKILL);
	}
	return (int)r;
}

static void keep(struct set *set, int number, bool blocks, int peer)
{
	if (set->count == THINGS_MAX)
		must(close(number));
	else
		set->things[set->count++] = (struct thing){number, blocks, peer};
}

static struct thing *any(struct set *set, uint64_t *state)
{
	return set->count ? &set->things[below(state, set->count)] : NULL;
}

static void forget(struct set *set, struct thing *thing)
{
	must(close(thing->number));
	*thing = set->things[--set->count];
}

static void open_socket(uint64_t *state)
{
	int pair[2];

	switch (below(state, 3)) {
	case 0:
		keep(&sockets, must(socket(AF_INET, SOCK_STREAM, 0)), false, -1);
		break;
	case 1:
		keep(&sockets, must(socket(AF_INET, SOCK_DGRAM, 0)), true, -1);
		break;
	default:
		must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
		keep(&sockets, pair[0], true, pair[1]);
	}
}

static uint32_t any_mask(uint64_t *state, bool exclusive)
{
	static const uint32_t modes[] = {0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT};
	uint32_t events = (uint32_t)draw(state) & (EPOLLIN | EPOLLOUT);

	if (exclusive && below(state, 6) == 0)
		return events | EPOLLEXCLUSIVE;
	return events | modes[below(state, 4)] | (below(state, 3) ? 0 : EPOLLRDHUP);
}

/* Adding twice, changing what is not there: refused, and that is well. */
static void control(uint64_t *state, int operation)
{
	struct epoll_event event = {any_mask(state, operation == EPOLL_CTL_ADD), {.u64 = draw(state)}};
	struct thing *epoll = any(&epolls, state), *socket = any(&sockets, state);

	if (epoll && socket)
		epoll_ctl(epoll->number, operation, socket->number, &event);
}

static void nest(uint64_t *state)
{
	struct epoll_event event = {EPOLLIN, {.u64 = draw(state)}};
	struct thing *outer = any(&epolls, state), *inner = any(&epolls, state);

	if (outer)
		epoll_ctl(outer->number, EPOLL_CTL_ADD, inner->number, &event);
}

/* So that items that report once have done so. */
static void happen(uint64_t *state)
{
	struct thing *epoll = any(&epolls, state), *socket = any(&sockets, state);
	struct epoll_event events[4];
	char byte = 0;

	if (socket && socket->peer >= 0)
		must(send(socket->peer, &byte, 1, 0));
	if (epoll)
		epoll_wait(epoll->number, events, 4, 0);
	if (socket && socket->peer >= 0)
		must(recv(socket->number, &byte, 1, 0));
}

static void copy(struct set *set, uint64_t *state)
{
	struct thing *thing = any(set, state);

	if (thing)
		keep(set, must(fcntl(thing->number, below(state, 2) ? F_DUPFD : F_DUPFD_CLOEXEC, below(state, 200))),
		     thing->blocks, thing->peer);
}

static void discard(struct set *set, uint64_t *state)
{
	struct thing *thing = any(set, state);

	if (thing)
		forget(set, thing);
}

static void live(const struct round *round, uint64_t state, int done);

static void have_child(const struct round *round, uint64_t *state)
{
	uint64_t seed = draw(state);
	int done[2];
	char byte;

	if (*round->count == PROCESSES_MAX)
		return;
	++*round->count;
	must(pipe(done));
	if (must(fork()) == 0)
		live(round, seed, done[1]);
	/* What it does comes before whatever we do next, so that all of it repeats. */
	must(read(done[0], &byte, 1));
	close(done[0]);
	close(done[1]);
}

static void operate(const struct round *round, uint64_t *state)
{
	switch (below(state, 16)) {
	case 0:
	case 1:
		open_socket(state);
		break;
	case 2:
		keep(&epolls, must(epoll_create1(0)), false, -1);
		break;
	case 3:
		copy(&sockets, state);
		break;
	case 4:
		copy(&epolls, state);
		break;
	case 5:
		discard(&sockets, state);
		break;
	case 6:
		discard(&epolls, state);
		break;
	case 7:
		control(state, EPOLL_CTL_MOD);
		break;
	case 8:
		control(state, EPOLL_CTL_DEL);
		break;
	case 9:
		nest(state);
		break;
	case 10:
		happen(state);
		break;
	case 11:
		have_child(round, state);
		break;
	default:
		control(state, EPOLL_CTL_ADD);
	}
}

static void *wait_there(void *context)
{
	const typeof(((struct saying *)NULL)->threads[0]) *thread = context;
	struct pollfd item = {.fd = thread->number, .events = POLLIN | POLLPRI};
	struct timeval time = {3600, 0};
	fd_set set;
	char byte;

	__atomic_store_n((pid_t *)&thread->tid, gettid(), __ATOMIC_RELEASE);
	switch (thread->how) {
	case WATCH_WAIT_POLL:
		poll(&item, 1, thread->timed ? 3600000 : -1);
		break;
	case WATCH_WAIT_SELECT:
		FD_ZERO(&set);
		FD_SET(thread->number, &set);
		select(thread->number + 1, &set, NULL, NULL, thread->timed ? &time : NULL);
		break;
	default:
		recv(thread->number, &byte, 1, 0);
	}
	errno = EALREADY;
	must(-1);
	return NULL;
}

static void start_thread(struct saying *saying, const struct thing *thing, uint64_t *state)
{
	static const enum watch_wait ways[] = {WATCH_WAIT_POLL, WATCH_WAIT_SELECT, WATCH_WAIT_RECEIVE};
	typeof(saying->threads[0]) *thread = &saying->threads[saying->count];
	struct thread_syscall call;
	pthread_t id;
	pid_t tid;

	thread->number = thing->number;
	thread->how = ways[below(state, 3)];
	thread->timed = thread->how != WATCH_WAIT_RECEIVE && below(state, 2);
	if (!thing->blocks || saying->count == THREADS_MAX)
		return;
	saying->count++;
	must(-pthread_create(&id, NULL, wait_there, thread));
	while (!(tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE)))
		sched_yield();
	do
		sched_yield();
	while (must(thread_syscall(tid, &call)) == 0 && (!call.blocked || call.nr == SYS_futex));
}

/* One more filter than the tester is under: by that the procfs backend knows relatives. */
static void add_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = {.len = 1, .filter = &allow};

	must(prctl(PR_SET_PDEATHSIG, SIGKILL));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* @done: where a byte tells who started it that it has done */
static void live(const struct round *round, uint64_t state, int done)
{
	static struct saying saying;
	int threads = below(&state, THREADS_MAX);
	char byte = 0;

	add_filter();
	for (int i = below(&state, OPERATIONS); i >= 0; i--)
		operate(round, &state);
	must(write(done, &byte, 1));
	/* Others do theirs. Whoever waits from then on is not disturbed. */
	must(read(round->go[0], &byte, 1));
	saying.pid = getpid();
	while (threads-- && sockets.count)
		start_thread(&saying, any(&sockets, &state), &state);
	must(write(round->said[1], &saying, sizeof(saying)));
	must(read(round->hold[0], &byte, 1));
	_exit(0);
}

/* The tester's part of a round, when the first process has its own. Return: whether all have said what they had to. */
static bool hear(struct processes *processes, struct round *round, int done)
{
	char byte;

	close(round->said[1]);
	if (read(done, &byte, 1) != 1)
		return false;
	close(round->go[1]);
	round->go[1] = -1;
	processes->count = *round->count;
	for (int i = 0; i < processes->count; i++)
		if (read(round->said[0], &processes->sayings[i], sizeof(struct saying)) != sizeof(struct saying))
			return false;
	return true;
}

bool processes_start(struct processes *ret, uint64_t seed, void (*begun)(pid_t first))
{
	struct round round;
	bool well;
	int done[2];

	round.count = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (round.count == MAP_FAILED || pipe(round.go) < 0 || pipe(round.said) < 0 || pipe(round.hold) < 0 ||
	    pipe(done) < 0)
		return false;
	*round.count = 1;
	ret->first = fork();
	if (ret->first == 0) {
		/* Its own, so that all end where one fails. */
		setpgid(0, 0);
		close(round.go[1]);
		close(round.hold[1]);
		live(&round, seed, done[1]);
	}
	if (ret->first < 0)
		return false;
	begun(ret->first);
	close(done[1]);
	well = hear(ret, &round, done[0]);
	close(done[0]);
	close(round.go[0]);
	close(round.said[0]);
	close(round.hold[0]);
	ret->hold = round.hold[1];
	munmap(round.count, sizeof(int));
	return well;
}

bool processes_end(struct processes *processes)
{
	int status;

	close(processes->hold);
	return waitpid(processes->first, &status, 0) == processes->first && status == 0;
}
