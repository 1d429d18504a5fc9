// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An epoll instance that only another process has by the time the socket connects: whoever waits on it must see the
 * events all the same.
 *
 *     connects:  fd            (and ep, until it is closed)
 *     waits:     ep --> fd
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

#define DATA 0xfeedfacecafebeefULL

static void step(int to)
{
	must(write(to, "x", 1));
}

static void await(int from)
{
	char byte;

	if (must(read(from, &byte, 1)) != 1)
		fail("the other process has ended");
}

/* One side of two processes: what they tell each other. */
struct side {
	int from, to;
};

/* Fork. Return: the child, or 0 in it. */
static pid_t part(struct side *ret)
{
	int down[2], up[2];
	pid_t child;

	must(pipe(down));
	must(pipe(up));
	child = must(fork());
	*ret = (struct side){ child ? up[0] : down[0], child ? down[1] : up[1] };
	close(child ? down[0] : down[1]);
	close(child ? up[1] : up[0]);
	return child;
}

/* Who waits: what is there before, what the connect brings, and what the server sends. */
static void watch(struct side side, int ep)
{
	say_wait("fresh", ep);
	step(side.to);
	await(side.from);
	say_wait("connected", ep);
	step(side.to);
	await(side.from);
	say_wait("sent", ep);
	say_items("elsewhere", ep);
	step(side.to);
	await(side.from);
}

/* Who connects, when the instance is elsewhere. */
static void use(struct side side, int fd, const struct server *server)
{
	int peer;

	await(side.from);
	say_connect(fd, &server->addr);
	peer = server_accept(server);
	step(side.to);
	await(side.from);
	must(write(peer, "hello", 5));
	step(side.to);
	await(side.from);
	say_recv("received", fd);
	close(peer);
	step(side.to);
}

static void end(pid_t child, struct side side)
{
	int status;

	close(side.from);
	close(side.to);
	must(waitpid(child, &status, 0));
	say("child: %d", status);
}

/* @kept: the one that waits keeps the socket as well, and goes on with the old one. */
static void in_child(bool kept)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), ep = epoll();
	struct side side;
	pid_t child;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET, DATA);
	child = part(&side);
	if (!child) {
		if (!kept)
			close(fd);
		watch(side, ep);
		_exit(0);
	}
	close(ep);
	use(side, fd, &server);
	end(child, side);
	close(fd);
	server_close(&server);
}

static void child(void)
{
	in_child(false);
}

static void child_with_socket(void)
{
	in_child(true);
}

static void parent(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), ep = epoll();
	struct side side;
	pid_t child;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET, DATA);
	child = part(&side);
	if (!child) {
		close(ep);
		use(side, fd, &server);
		_exit(0);
	}
	close(fd);
	watch(side, ep);
	end(child, side);
	close(ep);
	server_close(&server);
}

/* Neither is the other's child, and what forked the one that connects has ended. */
static void cousins(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), ep = epoll();
	struct side side, grandchild;
	pid_t child;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET, DATA);
	child = part(&side);
	if (!child) {
		close(ep);
		/* In its child the lines of the one to the other are @side still. */
		if (!part(&grandchild))
			use(side, fd, &server);
		_exit(0);
	}
	close(fd);
	must(waitpid(child, NULL, 0));
	watch(side, ep);
	close(side.from);
	close(side.to);
	close(ep);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "child", child, MUST_SWAP | MUST_EXACT },
	{ "child-with-socket", child_with_socket, MUST_SWAP | MUST_APPROXIMATE },
	{ "parent", parent, MUST_SWAP | MUST_EXACT },
	{ "cousins", cousins, MUST_SWAP | MUST_EXACT },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
