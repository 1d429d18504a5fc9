// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Others who hold the socket when it connects: they go on with the old one, and the verdict has to say so.
 * Only the side that connects is compared. A holder that has let go before is none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rights.h"
#include "server.h"

/* A child with all our descriptors, which ends when @hold, whose other end it does not have, is closed. */
static pid_t holder(int ret_hold[2])
{
	pid_t child;
	char byte;

	must(pipe(ret_hold));
	child = must(fork());
	if (!child) {
		close(ret_hold[1]);
		_exit(read(ret_hold[0], &byte, 1) != 0);
	}
	return child;
}

static void end(pid_t child, int hold[2])
{
	int status;

	close(hold[0]);
	close(hold[1]);
	must(waitpid(child, &status, 0));
	say("child: %d", status);
}

static void use(int fd, const struct server *server)
{
	int peer;

	say_connect(fd, &server->addr);
	peer = server_accept(server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
}

static void parent_connects(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), hold[2];
	pid_t child = holder(hold);

	use(fd, &server);
	end(child, hold);
	server_close(&server);
}

static void child_connects(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), status;
	pid_t child = must(fork());

	if (!child) {
		use(fd, &server);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	say("child: %d", status);
	close(fd);
	server_close(&server);
}

/* To a process that was there before the socket. */
static void sent(void)
{
	struct server server = server_open(LOOPBACK);
	int ends[2], fd, status;
	pid_t child;
	char byte;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	child = must(fork());
	if (!child) {
		close(ends[0]);
		receive_descriptor(ends[1]);
		must(write(ends[1], "y", 1));
		_exit(read(ends[1], &byte, 1) != 0);
	}
	close(ends[1]);
	fd = tcp(0);
	send_descriptor(ends[0], fd);
	must(read(ends[0], &byte, 1));
	use(fd, &server);
	close(ends[0]);
	must(waitpid(child, &status, 0));
	say("child: %d", status);
	server_close(&server);
}

static void in_flight(void)
{
	struct server server = server_open(LOOPBACK);
	int ends[2], fd = tcp(SOCK_NONBLOCK);

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	send_descriptor(ends[0], fd);
	use(fd, &server);
	close(ends[0]);
	close(ends[1]);
	server_close(&server);
}

/* Sent to ourselves: one more number in the same table, which follows. */
static void received(void)
{
	struct server server = server_open(LOOPBACK);
	int ends[2], fd = tcp(0), other;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	send_descriptor(ends[0], fd);
	other = receive_descriptor(ends[1]);
	say("same file: %s", same_file(fd, other) ? "yes" : "no");
	close(ends[0]);
	close(ends[1]);
	use(fd, &server);
	say_peer(other);
	close(other);
	server_close(&server);
}

static void child_gone(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), hold[2];
	pid_t child = holder(hold);

	end(child, hold);
	use(fd, &server);
	server_close(&server);
}

/* A datagram socket always has something to report, and none of it matters. */
static void datagrams(bool shared)
{
	struct sockaddr_in to = inet(LOOPBACK, htons(9));
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0)), hold[2];
	pid_t child = 0;

	name_port(to.sin_port, "discard");
	if (shared)
		child = holder(hold);
	say_connect(fd, &to);
	say_peer(fd);
	close(fd);
	if (shared)
		end(child, hold);
}

static void datagrams_shared(void)
{
	datagrams(true);
}

static void datagrams_alone(void)
{
	datagrams(false);
}

const struct scenario scenarios[] = {
	{ "parent-connects", parent_connects, MUST_SWAP | MUST_APPROXIMATE },
	{ "child-connects", child_connects, MUST_SWAP | MUST_APPROXIMATE },
	{ "sent", sent, MUST_SWAP | MUST_APPROXIMATE },
	{ "in-flight", in_flight, MUST_SWAP | MUST_APPROXIMATE },
	{ "received", received, MUST_SWAP | MUST_EXACT },
	{ "child-gone", child_gone, MUST_SWAP | MUST_EXACT },
	{ "datagrams-shared", datagrams_shared, MUST_SWAP | MUST_APPROXIMATE },
	{ "datagrams-alone", datagrams_alone, MUST_SWAP | MUST_EXACT },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
