// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a socket says of itself: getpeername, getsockname, SO_DOMAIN and the like, with odd
 * arguments.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"

static void say_option(const char *what, int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0)
		say_result(what, -1);
	else
		say("%s: %d length %u", what, value, length);
}

static void say_all(int fd)
{
	say_peer(fd);
	say_local(fd);
	say_option("SO_DOMAIN", fd, SO_DOMAIN);
	say_option("SO_TYPE", fd, SO_TYPE);
	say_option("SO_PROTOCOL", fd, SO_PROTOCOL);
	say_option("SO_ACCEPTCONN", fd, SO_ACCEPTCONN);
	say_error(fd);
}

static void life(void)
{
	struct server server = server_open(SITE);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = tcp(0), peer;

	say("before");
	say_all(fd);
	say_connect(fd, &server.addr);
	say("connected");
	say_all(fd);
	peer = server_accept(&server);
	shutdown(fd, SHUT_WR);
	say("shut down");
	say_all(fd);
	close(peer);
	wait_tcp_state(fd, TCP_CLOSE);
	say("closed by the server");
	say_all(fd);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_all(fd);
	close(fd);
	server_close(&server);
}

static void pending(void)
{
	struct server silent = server_silent(SITE);
	int fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &silent.addr);
	say_all(fd);
	close(fd);
	server_close(&silent);
}

static void refused(void)
{
	struct server refusing = server_refusing(SITE);
	int fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &refusing.addr);
	wait_poll(fd, POLLOUT);
	say_all(fd);
	say_all(fd);
	close(fd);
	server_close(&refusing);
}

/* The bytes of a buffer that a call was to fill: what was written, and that nothing else was. */
static void say_bytes(const unsigned char *buffer, size_t size)
{
	size_t written = 0;

	for (size_t i = 0; i < size; i++)
		if (buffer[i] != 0x5a)
			written = i + 1;
	say("written up to %zu", written);
}

static void buffers(int fd, const char *what, long number)
{
	static const int lengths[] = { 0, 1, 2, 7, 8, 15, 16, 17, 28, 128, -1, -2147483647 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		unsigned char buffer[160];
		int length = lengths[i];
		long result;

		memset(buffer, 0x5a, sizeof(buffer));
		result = syscall(number, fd, buffer, &length);
		say("%s with %d: %ld %s, length %d", what, lengths[i], result,
		    result < 0 ? errno_name(errno) : "", length);
		/* The port may be any: where it lies within, 0x5a must not be mistaken. */
		if (length > 4 && lengths[i] >= 4)
			buffer[2] = buffer[3] = 1;
		say_bytes(buffer, sizeof(buffer));
	}
}

static void short_buffers(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(0), peer;

	buffers(fd, "getsockname before", SYS_getsockname);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	buffers(fd, "getpeername", SYS_getpeername);
	buffers(fd, "getsockname", SYS_getsockname);
	close(peer);
	close(fd);
	server_close(&server);
}

static void pointers(int fd, const char *what, long number)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad = (void *)16;
	char buffer[64];
	int length;

	if (memory == MAP_FAILED)
		fail("mmap");
	must(mprotect(memory + page, page, PROT_NONE));
	say("%s", what);
	length = sizeof(buffer);
	say_result("no address", syscall(number, fd, NULL, &length));
	say("length %d", length);
	length = sizeof(buffer);
	say_result("bad address", syscall(number, fd, bad, &length));
	say("length %d", length);
	say_result("no length", syscall(number, fd, buffer, NULL));
	say_result("bad length", syscall(number, fd, buffer, bad));
	length = 0;
	say_result("no address, length 0", syscall(number, fd, NULL, &length));
	say("length %d", length);
	/* The end of the buffer is the end of the memory. */
	length = 16;
	say_result("to the end", syscall(number, fd, memory + page - 16, &length));
	length = 17;
	say_result("to the end, length 17", syscall(number, fd, memory + page - 16, &length));
	length = 16;
	say_result("across the end", syscall(number, fd, memory + page - 8, &length));
	must(mprotect(memory, page, PROT_READ));
	length = 16;
	say_result("read only", syscall(number, fd, memory, &length));
	say_result("closed number", syscall(number, 777, buffer, &length));
	say_result("no socket", syscall(number, 1, buffer, &length));
	say_result("negative", syscall(number, -1, buffer, &length));
	must(munmap(memory, 2 * page));
}

static void bad_pointers(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(0), peer;

	pointers(fd, "getpeername before", SYS_getpeername);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	pointers(fd, "getpeername", SYS_getpeername);
	pointers(fd, "getsockname", SYS_getsockname);
	close(peer);
	close(fd);
	server_close(&server);
}

static void domain_buffers(void)
{
	static const int lengths[] = { 0, 1, 2, 3, 4, 5, 8, -1 };
	struct server server = server_open(SITE);
	int fd = tcp(0), peer, domain = 0;
	long result;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		unsigned char buffer[8];
		int length = lengths[i];

		memset(buffer, 0x5a, sizeof(buffer));
		result = syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, buffer, &length);
		say("SO_DOMAIN with %d: %ld %s, length %d, %02x%02x%02x%02x%02x", lengths[i],
		    result, result < 0 ? errno_name(errno) : "", length, buffer[0], buffer[1],
		    buffer[2], buffer[3], buffer[4]);
	}
	say_result("no value",
		   syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, NULL, &(int){ 4 }));
	say_result("no length",
		   syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &(int){ 0 }, NULL));
	result = syscall(SYS_getsockopt, fd | UPPER_HALF(5), SOL_SOCKET | UPPER_HALF(3),
			 SO_DOMAIN | UPPER_HALF(7), &domain, &(int){ sizeof(domain) });
	say("SO_DOMAIN with upper halves: %ld %d", result, domain);
	close(peer);
	close(fd);
	server_close(&server);
}

static void peer_option(void)
{
	struct server server = server_open(SITE);
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int fd = tcp(0), peer;

	say_result("SO_PEERNAME", getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &address, &length));
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	length = sizeof(struct sockaddr_in);
	say_result("SO_PEERNAME", getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &address, &length));
	say_address("SO_PEERNAME", &address, length, PEER);
	length = 8;
	say_result("SO_PEERNAME of 8", getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &address, &length));
	close(peer);
	close(fd);
	server_close(&server);
}

/* Sockets that are none of reseat's business. */
static void others(void)
{
	struct server server = server_open(SITE);
	int pair[2], udp = must(socket(AF_INET, SOCK_DGRAM, 0)), fd = tcp(0), peer;
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	say_all(pair[0]);
	say_all(udp);
	say_local(server.fd);
	say_option("SO_ACCEPTCONN", server.fd, SO_ACCEPTCONN);
	say_connect(fd, &server.addr);
	wait_poll(server.fd, POLLIN);
	peer = must(accept(server.fd, (struct sockaddr *)&address, &length));
	say_address("accepted from", &address, length, LOCAL);
	say_all(peer);
	close(peer);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	close(udp);
	server_close(&server);
}

/* The inode changes with the socket, but it stays a socket, and /proc agrees with fstat. */
static void inode(void)
{
	struct server server = server_open(SITE);
	char path[64], link[64] = "", expected[64];
	struct stat status;
	int fd = tcp(0);

	say_connect(fd, &server.addr);
	must(fstat(fd, &status));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(readlink(path, link, sizeof(link) - 1));
	snprintf(expected, sizeof(expected), "socket:[%lu]", (unsigned long)status.st_ino);
	say("a socket: %s mode %o links %lu", S_ISSOCK(status.st_mode) ? "yes" : "no",
	    status.st_mode & 07777, (unsigned long)status.st_nlink);
	say("as in /proc: %s", strcmp(link, expected) ? "no" : "yes");
	close(fd);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "life", life, MUST_SWAP },
	{ "pending", pending, MUST_SWAP },
	{ "refused", refused, MUST_SWAP },
	{ "short-buffers", short_buffers, MUST_SWAP },
	{ "bad-pointers", bad_pointers, MUST_SWAP },
	{ "domain-buffers", domain_buffers, MUST_SWAP },
	{ "peer-option", peer_option, MUST_SWAP },
	{ "others", others, MUST_SWAP },
	{ "inode", inode, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
