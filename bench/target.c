// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The program that is measured: the same, unmodified, under every supervisor and under none.
 *
 *     target PORT UNIX WATCHED ITEMS
 *
 * A server listens on 127.0.0.1 and 127.0.0.2 port PORT and on the abstract AF_UNIX address UNIX.
 * WATCHED eventfds stand in one epoll instance; each TCP socket is registered, edge-triggered as
 * nginx does, with ITEMS instances, of which that one is the first.
 *
 * Says "ready", then reads commands, one a line, and answers each with a line:
 *
 *     connect N   a new TCP socket to 127.0.0.1, non-blocking
 *     fail N      a TCP socket to 255.255.255.255, which the kernel refuses at once; it stays fresh
 *     unix N      a new AF_UNIX socket to UNIX, non-blocking
 *     peername N  getpeername(2) of a connected TCP socket
 *     sockname N  getsockname(2) of it
 *         the nanoseconds that each of the N system calls took, just the call
 *     check       one more connect: "kept" or "replaced", the file under the number, and how many
 *                 epoll instances tell that the socket can be written to
 *     swap        one connect to 127.0.0.2, which is not measured
 *     many N      N connects to 127.0.0.1, as fast as it goes: how many files were replaced
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS_MAX = 16 };

struct bench {
	struct sockaddr_in server, other_server, refused;
	struct sockaddr_un local;
	socklen_t local_size;
	int epolls[ITEMS_MAX];
	int items;
	int bound;     /* a fresh socket, for "fail" */
	int connected; /* for the names; -EBADF until they are asked for */
};

static uint64_t nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in inet(const char *address, int port)
{
	struct sockaddr_in ret = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	if (inet_pton(AF_INET, address, &ret.sin_addr) != 1)
		errx(1, "%s: not an address", address);
	return ret;
}

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static void watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

/* A socket as a program has it that registers first and connects then. */
static int watched_socket(const struct bench *bench)
{
	int fd = tcp_socket();

	for (int i = 0; i < bench->items; i++)
		watch(bench->epolls[i], fd, EPOLLIN | EPOLLOUT | EPOLLET);
	return fd;
}

/* With a reset: nothing is left in TIME_WAIT. */
static void discard(int fd)
{
	const struct linger reset = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

static uint64_t timed_connect(int fd, const void *address, socklen_t size, int *ret_error)
{
	uint64_t before = nsec();
	int r = connect(fd, address, size);
	uint64_t after = nsec();

	*ret_error = r < 0 ? errno : 0;
	return after - before;
}

static void must_go_on(int error)
{
	if (error && error != EINPROGRESS)
		errx(1, "connect: %s", strerror(error));
}

static uint64_t measure_connect(struct bench *bench)
{
	int fd = watched_socket(bench);
	int error;
	uint64_t took = timed_connect(fd, &bench->server, sizeof(bench->server), &error);

	must_go_on(error);
	discard(fd);
	return took;
}

static uint64_t measure_fail(struct bench *bench)
{
	int error;
	uint64_t took = timed_connect(bench->bound, &bench->refused, sizeof(bench->refused), &error);

	if (error != ENETUNREACH)
		errx(1, "connect to a broadcast address: %s", strerror(error));
	return took;
}

static uint64_t measure_unix(struct bench *bench)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int error;
	uint64_t took;

	if (fd < 0)
		err(1, "socket");
	took = timed_connect(fd, &bench->local, bench->local_size, &error);
	must_go_on(error);
	close(fd);
	return took;
}

/* Connected, to a server that keeps it so. */
static int connected_socket(void)
{
	struct sockaddr_in own = inet("127.0.0.1", 0);
	socklen_t size = sizeof(own);
	struct pollfd writable = {.events = POLLOUT};
	int listener = tcp_socket();
	int error;

	if (bind(listener, (struct sockaddr *)&own, size) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&own, &size) < 0)
		err(1, "listen");
	writable.fd = tcp_socket();
	timed_connect(writable.fd, &own, sizeof(own), &error);
	must_go_on(error);
	poll(&writable, 1, -1);
	return writable.fd;
}

static uint64_t measure_name(struct bench *bench,
			     int (*name)(int fd, struct sockaddr *address, socklen_t *size))
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	uint64_t before, after;
	int r;

	if (bench->connected < 0)
		bench->connected = connected_socket();
	before = nsec();
	r = name(bench->connected, (struct sockaddr *)&address, &size);
	after = nsec();
	if (r < 0)
		err(1, "name of a socket");
	return after - before;
}

static uint64_t measure_peername(struct bench *bench)
{
	return measure_name(bench, getpeername);
}

static uint64_t measure_sockname(struct bench *bench)
{
	return measure_name(bench, getsockname);
}

static const struct {
	const char *name;
	uint64_t (*measure)(struct bench *bench);
} measurements[] = {
	{"connect", measure_connect}, {"fail", measure_fail},	      {"unix", measure_unix},
	{"peername", measure_peername}, {"sockname", measure_sockname},
};

/* Whether the socket was swapped, and whether those who watched it watch what took its place. */
static void check(struct bench *bench)
{
	int fd = watched_socket(bench);
	struct pollfd writable = {.fd = fd, .events = POLLOUT};
	struct stat before, after;
	int error;
	int told = 0;

	fstat(fd, &before);
	timed_connect(fd, &bench->server, sizeof(bench->server), &error);
	must_go_on(error);
	fstat(fd, &after);
	poll(&writable, 1, -1);
	for (int i = 0; i < bench->items; i++) {
		struct epoll_event event;

		told += epoll_wait(bench->epolls[i], &event, 1, 0) == 1 && event.data.fd == fd &&
			(event.events & (EPOLLOUT | EPOLLHUP)) == EPOLLOUT;
	}
	discard(fd);
	printf("%s %d\n", before.st_ino == after.st_ino ? "kept" : "replaced", told);
}

static void swap(struct bench *bench)
{
	int fd = tcp_socket();
	int error;

	timed_connect(fd, &bench->other_server, sizeof(bench->other_server), &error);
	must_go_on(error);
	discard(fd);
	puts("done");
}

/* The server has to take the connections meanwhile. */
static void many(struct bench *bench, unsigned int count)
{
	unsigned int replaced = 0;

	for (unsigned int i = 0; i < count; i++) {
		int fd = watched_socket(bench);
		struct stat before, after;
		int error;

		fstat(fd, &before);
		timed_connect(fd, &bench->server, sizeof(bench->server), &error);
		must_go_on(error);
		fstat(fd, &after);
		replaced += before.st_ino != after.st_ino;
		discard(fd);
	}
	printf("%u\n", replaced);
}

static void run(struct bench *bench, const char *line)
{
	char name[16] = "";
	unsigned int count = 0;

	sscanf(line, "%15s %u", name, &count);
	if (strcmp(name, "check") == 0)
		return check(bench);
	if (strcmp(name, "swap") == 0)
		return swap(bench);
	if (strcmp(name, "many") == 0)
		return many(bench, count);
	for (size_t i = 0; i < sizeof(measurements) / sizeof(measurements[0]); i++) {
		uint64_t *samples;

		if (strcmp(name, measurements[i].name) != 0)
			continue;
		samples = calloc(count + 1, sizeof(*samples));
		if (!samples)
			err(1, "samples");
		for (unsigned int j = 0; j < count; j++)
			samples[j] = measurements[i].measure(bench);
		for (unsigned int j = 0; j < count; j++)
			printf("%s%ju", j ? " " : "", (uintmax_t)samples[j]);
		puts("");
		free(samples);
		return;
	}
	errx(2, "what is %s", line);
}

static void prepare(struct bench *bench, char **argv)
{
	const int port = atoi(argv[1]);
	const int watched = atoi(argv[3]);
	const struct sockaddr_in loopback = inet("127.0.0.1", 0);
	struct rlimit limit;

	bench->server = inet("127.0.0.1", port);
	bench->other_server = inet("127.0.0.2", port);
	bench->refused = inet("255.255.255.255", port);
	bench->local.sun_family = AF_UNIX;
	strncpy(bench->local.sun_path + 1, argv[2], sizeof(bench->local.sun_path) - 2);
	bench->local_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[2]));
	bench->items = atoi(argv[4]);
	bench->connected = -EBADF;
	if (bench->items > ITEMS_MAX)
		errx(2, "at most %d items", ITEMS_MAX);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* At least the instance that watches the eventfds. */
	for (int i = 0; i == 0 || i < bench->items; i++) {
		bench->epolls[i] = epoll_create1(0);
		if (bench->epolls[i] < 0)
			err(1, "epoll_create1");
	}
	for (int i = 0; i < watched; i++) {
		int fd = eventfd(0, 0);

		if (fd < 0)
			err(1, "eventfd");
		watch(bench->epolls[0], fd, EPOLLIN);
	}
	bench->bound = tcp_socket();
	if (bind(bench->bound, (const struct sockaddr *)&loopback, sizeof(loopback)) < 0)
		err(1, "bind");
}

int main(int argc, char **argv)
{
	struct bench bench;
	char *line = NULL;
	size_t room = 0;

	if (argc != 5)
		errx(2, "usage: target PORT UNIX WATCHED ITEMS");
	memset(&bench, 0, sizeof(bench));
	prepare(&bench, argv);
	puts("ready");
	fflush(stdout);
	while (getline(&line, &room, stdin) > 0) {
		run(&bench, line);
		fflush(stdout);
	}
	free(line);
	return 0;
}
