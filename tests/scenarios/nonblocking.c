// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Non-blocking connects, and connect(2) as a way to ask for the result, in every state, as HAProxy,
 * hiredis, ab, gevent, twisted and Ruby do.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include "server.h"

static int by_flag(void)
{
	return tcp(SOCK_NONBLOCK);
}

static int by_fcntl(void)
{
	int fd = tcp(0);

	must(fcntl(fd, F_SETFL, must(fcntl(fd, F_GETFL)) | O_NONBLOCK));
	return fd;
}

static int by_ioctl(void)
{
	int fd = tcp(0), on = 1;

	must(ioctl(fd, FIONBIO, &on));
	return fd;
}

static void succeed(int fd)
{
	struct server server = server_open(LOOPBACK);
	int peer;

	say_poll(fd, POLLIN | POLLOUT);
	say_connect(fd, &server.addr);
	say("poll: %s", events_name(wait_poll(fd, POLLIN | POLLOUT)));
	say_error(fd);
	say("O_NONBLOCK: %s", must(fcntl(fd, F_GETFL)) & O_NONBLOCK ? "yes" : "no");
	say_peer(fd);
	say_local(fd);
	peer = server_accept(&server);
	say_echo(fd, peer);
	say_result("recv", recv(fd, &(char){ 0 }, 1, 0));
	say_no_more_connections(&server);
	close(fd);
	close(peer);
	server_close(&server);
}

static void flag(void)
{
	succeed(by_flag());
}

static void setfl(void)
{
	succeed(by_fcntl());
}

static void fionbio(void)
{
	succeed(by_ioctl());
}

static void refused(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &refusing.addr);
	say("poll: %s", events_name(wait_poll(fd, POLLOUT)));
	say_error(fd);
	say_error(fd);
	say_poll(fd, POLLIN | POLLOUT | POLLRDHUP);
	close(fd);
	server_close(&refusing);
}

/* HAProxy's health check, gevent: connect, wait, connect again for the answer. */
static void probe_success(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), peer;

	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_connect(fd, &server.addr);
	say_connect(fd, &server.addr);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	say_no_more_connections(&server);
	close(fd);
	close(peer);
	server_close(&server);
}

static void probe_pending(void)
{
	struct server silent = server_silent(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), peer;

	say_connect(fd, &silent.addr);
	say_connect(fd, &silent.addr);
	say_poll(fd, POLLIN | POLLOUT);
	say_error(fd);
	say_connect(fd, &silent.addr);
	server_drain(&silent);
	wait_poll(fd, POLLOUT);
	say_connect(fd, &silent.addr);
	say_connect(fd, &silent.addr);
	peer = server_accept(&silent);
	say_echo(fd, peer);
	say_no_more_connections(&silent);
	close(fd);
	close(peer);
	server_close(&silent);
}

/* The refusal unread: the second connect gives it. */
static void probe_refused(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &refusing.addr);
	wait_poll(fd, POLLOUT);
	for (int i = 0; i < 6; i++) {
		say_connect(fd, &refusing.addr);
		if (errno == EINPROGRESS)
			wait_poll(fd, POLLOUT);
	}
	close(fd);
	server_close(&refusing);
}

/* The refusal read with SO_ERROR: ECONNABORTED once, then a new attempt. */
static void probe_refused_read(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &refusing.addr);
	wait_poll(fd, POLLOUT);
	for (int i = 0; i < 6; i++) {
		say_error(fd);
		say_connect(fd, &refusing.addr);
		if (errno == EINPROGRESS)
			wait_poll(fd, POLLOUT);
	}
	close(fd);
	server_close(&refusing);
}

/* After a refusal the same socket reaches a server that answers. */
static void refused_then_ok(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct server server = server_open(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), peer;

	say_connect(fd, &refusing.addr);
	wait_poll(fd, POLLOUT);
	say_error(fd);
	if (say_connect(fd, &server.addr) < 0 && errno != EINPROGRESS)
		say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_error(fd);
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	say_no_more_connections(&server);
	close(fd);
	close(peer);
	server_close(&server);
	server_close(&refusing);
}

/* Blocking again after the start: connect(2) then waits (Ruby, hiredis). */
static void then_blocking(void)
{
	struct server server = server_open(LOOPBACK);
	struct server silent = server_silent(SITE);
	struct timeval timeout = { 0, 200000 };
	int fd = tcp(SOCK_NONBLOCK), off = 0, peer;

	say_connect(fd, &server.addr);
	must(ioctl(fd, FIONBIO, &off));
	say_connect(fd, &server.addr);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	fd = tcp(SOCK_NONBLOCK);
	say_connect(fd, &silent.addr);
	must(ioctl(fd, FIONBIO, &off));
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	say_connect(fd, &silent.addr);
	close(fd);
	server_close(&silent);
	server_close(&server);
}

static void with_select(void)
{
	struct server server = server_open(LOOPBACK);
	struct timeval timeout = { DEADLINE / 1000, 0 };
	int fd = tcp(SOCK_NONBLOCK), peer;
	fd_set in, out;

	say_connect(fd, &server.addr);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(fd, &in);
	FD_SET(fd, &out);
	say_result("select", select(fd + 1, &in, &out, NULL, &timeout));
	say("readable: %d writable: %d", !!FD_ISSET(fd, &in), !!FD_ISSET(fd, &out));
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
}

static void pending_then_closed(void)
{
	struct server silent = server_silent(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &silent.addr);
	say_result("close", close(fd));
	server_drain(&silent);
	say_no_more_connections(&silent);
	server_close(&silent);
}

static void pending_then_unspec(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct server server = server_open(LOOPBACK);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = tcp(SOCK_NONBLOCK), peer;

	say_connect(fd, &silent.addr);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_error(fd);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&silent);
	server_close(&server);
}

/* Sending before the connection stands. */
static void send_early(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), peer;

	say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
	say_error(fd);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "flag", flag, MUST_SWAP },
	{ "setfl", setfl, MUST_SWAP },
	{ "fionbio", fionbio, MUST_SWAP },
	{ "refused", refused, MUST_SWAP },
	{ "probe-success", probe_success, MUST_SWAP },
	{ "probe-pending", probe_pending, MUST_SWAP | SLOW },
	{ "probe-refused", probe_refused, MUST_SWAP },
	{ "probe-refused-read", probe_refused_read, MUST_SWAP },
	{ "refused-then-ok", refused_then_ok, MUST_SWAP },
	{ "then-blocking", then_blocking, MUST_SWAP },
	{ "select", with_select, MUST_SWAP },
	{ "pending-then-closed", pending_then_closed, MUST_SWAP },
	{ "pending-then-unspec", pending_then_unspec, MUST_SWAP },
	{ "send-early", send_early, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
