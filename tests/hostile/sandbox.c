// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that shut itself into another network namespace stays there.
 *
 *     outer namespace:  the server, and the program at its start
 *     inner namespace:  where the program goes by unshare(2); nothing but a loopback device, down
 *
 * The supervisor lives in the outer one. A socket that it made carelessly there would reach the
 * server.
 */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

static void try(const char *what, const struct server *server, int flags)
{
	int fd = tcp(flags);

	say("%s", what);
	say_connect(fd, &server->addr);
	say_error(fd);
	close(fd);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0));

	must(ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

/* What the program does once it is inside. */
static void inside(const struct server *server)
{
	struct server own;
	int fd, peer;

	try("blocking", server, 0);
	try("non-blocking", server, SOCK_NONBLOCK);
	loopback_up();
	try("blocking, loopback up", server, 0);
	try("non-blocking, loopback up", server, SOCK_NONBLOCK);
	/* A server of its own can be reached. */
	own = server_open(LOOPBACK);
	fd = tcp(0);
	say_connect(fd, &own.addr);
	peer = server_accept(&own);
	say_peer(fd);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&own);
}

static void in_child(int flags, const char *address)
{
	struct server server = server_open(address);
	pid_t child = must(fork());
	int status;

	if (!child) {
		if (unshare(flags) < 0)
			_exit(errno == EPERM || errno == ENOSPC ? 77 : 1);
		inside(&server);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	if (WEXITSTATUS(status) == 77)
		skip("a user namespace for this user");
	say("child: %x", status);
	say_no_more_connections(&server);
	server_close(&server);
}

static void user_and_net(void)
{
	in_child(CLONE_NEWUSER | CLONE_NEWNET, LOOPBACK);
}

static void user_and_net_site(void)
{
	in_child(CLONE_NEWUSER | CLONE_NEWNET, SITE);
}

static void net(void)
{
	in_child(CLONE_NEWNET, LOOPBACK);
}

/* One thread goes inside, the others stay outside. */
static void *thread_inside(void *argument)
{
	const struct server *server = argument;

	must(unshare(CLONE_NEWNET));
	inside(server);
	return NULL;
}

static void one_thread(void)
{
	struct server server = server_open(LOOPBACK);
	pthread_t thread;
	int fd, peer;

	must(-pthread_create(&thread, NULL, thread_inside, &server));
	pthread_join(thread, NULL);
	say_no_more_connections(&server);
	fd = tcp(0);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
}

/* A socket made outside and connected inside goes, natively, where it was made. */
static void socket_from_outside(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), status;
	pid_t child = must(fork());

	if (!child) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			_exit(errno == EPERM || errno == ENOSPC ? 77 : 1);
		say_connect(fd, &server.addr);
		say_peer(fd);
		say_echo(fd, server_accept(&server));
		_exit(0);
	}
	close(fd);
	must(waitpid(child, &status, 0));
	if (WEXITSTATUS(status) == 77)
		skip("a user namespace for this user");
	say("child: %x", status);
	say_no_more_connections(&server);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "user-and-net", user_and_net, MUST_TRACE },
	{ "user-and-net-site", user_and_net_site, MUST_TRACE },
	{ "net", net, MUST_TRACE | NEEDS_ROOT },
	{ "one-thread", one_thread, MUST_SWAP | NEEDS_ROOT },
	{ "socket-from-outside", socket_from_outside, MUST_TRACE },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
