// SPDX-License-Identifier: GPL-2.0-or-later
/* Many connections, kept or made again and again, as servers' pools do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

#define PROCESSES 20
#define EACH 500
#define POOL 16
#define ROUNDS 20

static void set_limit(rlim_t count)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_max < count)
		skip("%ju descriptors: the hard limit is %ju", (uintmax_t)count, (uintmax_t)limit.rlim_max);
	limit.rlim_cur = count;
	must(setrlimit(RLIMIT_NOFILE, &limit));
}

/* A client with EACH connections, of which it is told once each. Return: what went wrong. */
static int hold(const struct server *server)
{
	int ep = epoll(), wrong = 0;
	struct epoll_event event;

	for (int i = 0; i < EACH; i++) {
		int fd = tcp(SOCK_NONBLOCK);

		add(ep, fd, EPOLLOUT | EPOLLET, i);
		/* A fresh one is ready. */
		wrong += epoll_wait(ep, &event, 1, 0) != 1;
		if (connect(fd, (const struct sockaddr *)&server->addr, sizeof(server->addr)) < 0 &&
		    errno != EINPROGRESS)
			wrong++;
		if (epoll_wait(ep, &event, 1, DEADLINE) != 1 || event.data.u64 != (uint64_t)i ||
		    event.events != EPOLLOUT)
			wrong++;
	}
	wrong += epoll_wait(ep, &event, 1, QUIET);
	return wrong;
}

/* 10,000 connections at once, of twenty processes. */
static void held(void)
{
	struct server server = server_open(LOOPBACK);
	pid_t children[PROCESSES];
	int go[2], wrong = 0, accepted = 0, status;

	set_limit(PROCESSES * EACH + 100);
	/* So that nobody waits for a retransmission. */
	must(listen(server.fd, 4096));
	must(pipe(go));
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = must(fork());
		if (children[i])
			continue;
		close(go[1]);
		status = hold(&server);
		/* Until all have been accepted. */
		must(read(go[0], &status, 0) + read(go[0], &(char){ 0 }, 1));
		_exit(status > 255 ? 255 : status);
	}
	while (accepted < PROCESSES * EACH) {
		server_accept(&server);
		accepted++;
	}
	say_no_more_connections(&server);
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < PROCESSES; i++) {
		must(waitpid(children[i], &status, 0));
		wrong += WEXITSTATUS(status);
	}
	say("connections: %d wrong: %d", accepted, wrong);
	for (int fd = 4; fd < PROCESSES * EACH + 100; fd++)
		if (fd != server.fd)
			close(fd);
	server_close(&server);
}

/* A pool whose server hangs up: each is made again, with the number that was freed, in the same instance. */
static void pool(void)
{
	struct server server = server_open(LOOPBACK);
	int fds[POOL], ep = epoll(), wrong = 0;
	struct epoll_event event;

	for (int i = 0; i < POOL; i++)
		fds[i] = -1;
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < POOL; i++) {
			int peer;

			if (fds[i] >= 0)
				close(fds[i]);
			fds[i] = tcp(SOCK_NONBLOCK);
			add(ep, fds[i], EPOLLIN | EPOLLRDHUP, i);
			if (do_connect(fds[i], &server.addr, sizeof(server.addr)) < 0 && errno != EINPROGRESS)
				wrong++;
			peer = server_accept(&server);
			must(send(peer, "hello", 5, MSG_NOSIGNAL));
			close(peer);
			if (epoll_wait(ep, &event, 1, DEADLINE) != 1 || event.data.u64 != (uint64_t)i ||
			    recv(fds[i], (char[5]){ 0 }, 5, MSG_WAITALL) != 5)
				wrong++;
			/* The end of this one is what is told next, if not at once; and of no other. */
			while (epoll_wait(ep, &event, 1, DEADLINE) == 1 && !(event.events & EPOLLRDHUP))
				;
			wrong += event.data.u64 != (uint64_t)i;
			must(epoll_ctl(ep, EPOLL_CTL_DEL, fds[i], NULL));
		}
	say("wrong: %d", wrong);
	say_no_more_connections(&server);
	say_items("pool", ep);
	for (int i = 0; i < POOL; i++)
		close(fds[i]);
	close(ep);
	server_close(&server);
}

/* What fdinfo says of a descriptor, but for numbers that are another file's. */
static void say_fdinfo(const char *what, int fd)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		fail("no %s", path);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "ino:", 4)) {
			line[strcspn(line, "\n")] = 0;
			say("%s %s", what, line);
		}
	fclose(file);
}

/* As a debugger sees the descriptor of another process. */
static void seen(void)
{
	struct server server = server_open(LOOPBACK);
	int flags[] = { 0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = tcp(flags[i]), peer;
		char path[64], link[64] = { 0 }, expected[64];
		struct stat st;

		say_fdinfo("fresh", fd);
		say_connect(fd, &server.addr);
		peer = server_accept(&server);
		say_fdinfo("connected", fd);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		must(readlink(path, link, sizeof(link) - 1));
		must(fstat(fd, &st));
		snprintf(expected, sizeof(expected), "socket:[%ju]", (uintmax_t)st.st_ino);
		say("link: %s mode %o owner %d", strcmp(link, expected) ? link : "its own", st.st_mode,
		    st.st_uid == getuid());
		close(peer);
		close(fd);
	}
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "held", held, MUST_SWAP | SLOW },
	{ "pool", pool, MUST_SWAP | MUST_EXACT },
	{ "seen", seen, MUST_SWAP | MUST_EXACT },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
