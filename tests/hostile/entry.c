// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Other ways into connect(2): i386 numbers and socketcall(2) by int $0x80, x32 numbers. A filter
 * that looked at the number alone would let them through unseen.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "i386.h"
#include "server.h"

#if defined(__x86_64__)

#define I386_CONNECT 362
#define SOCKETCALL_CONNECT 3
#define X32_BIT 0x40000000

static long int80(long number, long a, long b, long c)
{
	const long arguments[5] = { a, b, c };

	return i386_call(number, arguments);
}

static void finish(int fd, struct server *server)
{
	int peer = server_accept(server);

	say_peer(fd);
	say_echo(fd, peer);
	say_no_more_connections(server);
	close(fd);
	close(peer);
	server_close(server);
}

static void i386_connect(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in *to = low_memory();
	int fd = tcp(0);

	need_i386();
	*to = server.addr;
	say_result("bad address", int80(I386_CONNECT, fd, 16, sizeof(*to)));
	say_result("length 15", int80(I386_CONNECT, fd, (long)to, 15));
	say_result("connect", int80(I386_CONNECT, fd, (long)to, sizeof(*to)));
	say_result("connect", int80(I386_CONNECT, fd, (long)to, sizeof(*to)));
	finish(fd, &server);
}

static void i386_socketcall(void)
{
	struct server server = server_open(LOOPBACK);
	unsigned int *arguments = low_memory();
	struct sockaddr_in *to = low_memory();
	int fd = tcp(0);

	need_i386();
	*to = server.addr;
	arguments[0] = fd;
	arguments[1] = (unsigned int)(uintptr_t)to;
	arguments[2] = sizeof(*to);
	say_result("bad arguments", int80(I386_SOCKETCALL, SOCKETCALL_CONNECT, 16, 0));
	say_result("connect", int80(I386_SOCKETCALL, SOCKETCALL_CONNECT, (long)arguments, 0));
	say_result("connect", int80(I386_SOCKETCALL, SOCKETCALL_CONNECT, (long)arguments, 0));
	finish(fd, &server);
}

static void i386_nonblocking(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in *to = low_memory();
	int fd = tcp(SOCK_NONBLOCK);

	need_i386();
	*to = server.addr;
	say_result("connect", int80(I386_CONNECT, fd, (long)to, sizeof(*to)));
	wait_poll(fd, POLLOUT);
	finish(fd, &server);
}

/* Where the kernel has no x32, its numbers do not exist. */
static void x32(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0);

	if (!say_result("connect", syscall(X32_BIT | SYS_connect, fd, &server.addr,
					   sizeof(server.addr)))) {
		finish(fd, &server);
		return;
	}
	say_no_more_connections(&server);
	close(fd);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "i386-connect", i386_connect, MUST_TRACE },
	{ "i386-socketcall", i386_socketcall, MUST_TRACE },
	{ "i386-nonblocking", i386_nonblocking, MUST_TRACE },
	{ "x32", x32 },
	{ 0 },
};
#else
const struct scenario scenarios[] = { { 0 } };
#endif
const struct scenario helpers[] = { { 0 } };
