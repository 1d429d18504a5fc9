// SPDX-License-Identifier: GPL-2.0-or-later
/* Arguments that no careful program passes: what the kernel would have said, and nothing lost. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"

/* connect(2) as it is, so that no wrapper of the C library stands between. */
static void raw(const char *what, long fd, const void *address, long length)
{
	say_result(what, syscall(SYS_connect, fd, address, length));
}

/* The socket is as good as new: it connects. */
static void still_good(int fd, const struct server *server)
{
	int peer;

	say_connect(fd, &server->addr);
	peer = server_accept(server);
	say_echo(fd, peer);
	say_no_more_connections(server);
	close(peer);
}

static void addresses(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0);

	raw("NULL, length 16", fd, NULL, sizeof(server.addr));
	raw("NULL, length 0", fd, NULL, 0);
	raw("16, length 16", fd, (void *)16, sizeof(server.addr));
	raw("the end of memory", fd, (void *)UINTPTR_MAX, sizeof(server.addr));
	raw("kernel memory", fd, (void *)0xffffffff81000000UL, sizeof(server.addr));
	still_good(fd, &server);
	close(fd);
	server_close(&server);
}

static void lengths(void)
{
	static const long values[] = {
		-1, 0, 1, 2, 3, 7, 8, 15, INT_MIN, INT_MAX, 129, 1 << 20, UPPER_HALF(1),
		UPPER_HALF(1) + 15,
	};
	struct server server = server_open(LOOPBACK);
	static char block[1 << 20];
	int fd = tcp(0);

	memcpy(block, &server.addr, sizeof(server.addr));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		say("length %ld", values[i]);
		raw("connect", fd, block, values[i]);
	}
	still_good(fd, &server);
	close(fd);
	server_close(&server);
}

/* More than a struct sockaddr_in, up to sizeof(struct sockaddr_storage), is taken as one. */
static void long_addresses(void)
{
	static const int values[] = { 17, 28, 110, 128 };
	struct server server = server_open(LOOPBACK);
	char block[128] = { 0 };

	memcpy(block, &server.addr, sizeof(server.addr));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		int fd = tcp(0), peer;

		say("length %d", values[i]);
		raw("connect", fd, block, values[i]);
		peer = server_accept(&server);
		say_peer(fd);
		close(fd);
		close(peer);
	}
	server_close(&server);
}

/* The address ends where the memory ends; the registers' upper halves are not part of an int. */
static void edges(void)
{
	struct server server = server_open(LOOPBACK);
	size_t page = sysconf(_SC_PAGESIZE), size = sizeof(server.addr);
	char *memory =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = tcp(0), peer;

	if (memory == MAP_FAILED)
		fail("mmap");
	must(mprotect(memory + page, page, PROT_NONE));
	memcpy(memory + page - 8, &server.addr, 8);
	raw("across the end", fd, memory + page - 8, size);
	memcpy(memory + page - size, &server.addr, size);
	raw("to the end and beyond", fd, memory + page - size, size + 1);
	raw("upper half", fd | UPPER_HALF(5), memory + page - size, size | UPPER_HALF(3));
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	/* Memory that can be read, not written. */
	must(mprotect(memory, page, PROT_READ));
	fd = tcp(0);
	raw("read only", fd, memory + page - size, size);
	close(server_accept(&server));
	close(fd);
	must(munmap(memory, 2 * page));
	server_close(&server);
}

static void families(void)
{
	static const int values[] = { AF_UNSPEC, AF_UNIX, AF_INET6, AF_NETLINK,
				      AF_PACKET, 200,	  65535 };
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0);

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char block[128] = { 0 };
		struct sockaddr *address = (struct sockaddr *)block;

		memcpy(block, &server.addr, sizeof(server.addr));
		address->sa_family = values[i];
		say("family %d", values[i]);
		raw("connect, length 16", fd, block, 16);
		raw("connect, length 28", fd, block, 28);
	}
	still_good(fd, &server);
	close(fd);
	server_close(&server);
}

static void numbers(void)
{
	struct server server = server_open(LOOPBACK);
	int fds[2], plain = must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	int path = must(open("/proc/self/exe", O_PATH | O_CLOEXEC));
	int ep = must(epoll_create1(0)), closed = tcp(0);

	must(pipe(fds));
	close(closed);
	raw("a pipe", fds[0], &server.addr, sizeof(server.addr));
	raw("a file", plain, &server.addr, sizeof(server.addr));
	raw("O_PATH", path, &server.addr, sizeof(server.addr));
	raw("epoll", ep, &server.addr, sizeof(server.addr));
	raw("closed", closed, &server.addr, sizeof(server.addr));
	raw("-1", -1, &server.addr, sizeof(server.addr));
	raw("AT_FDCWD", AT_FDCWD, &server.addr, sizeof(server.addr));
	raw("a large number", 1000000000, &server.addr, sizeof(server.addr));
	raw("INT_MAX", INT_MAX, &server.addr, sizeof(server.addr));
	raw("closed, bad address", closed, (void *)16, sizeof(server.addr));
	raw("a pipe, bad address", fds[0], (void *)16, sizeof(server.addr));
	raw("a pipe, length -1", fds[0], &server.addr, -1);
	say_no_more_connections(&server);
	close(fds[0]);
	close(fds[1]);
	close(plain);
	close(path);
	close(ep);
	server_close(&server);
}

static void limit(rlim_t count)
{
	struct rlimit limits;

	must(getrlimit(RLIMIT_NOFILE, &limits));
	limits.rlim_cur = count;
	must(setrlimit(RLIMIT_NOFILE, &limits));
}

/* No number is free in the program: connect(2) needs none. */
static void table_full(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	limit(fd + 1);
	say_result("socket", socket(AF_INET, SOCK_STREAM, 0));
	say_connect(fd, &server.addr);
	limit(256);
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	server_close(&server);
}

/* A number above the limit that was lowered afterwards. */
static void above_limit(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	must(dup2(fd, 200));
	close(fd);
	limit(100);
	say_connect(200, &server.addr);
	peer = server_accept(&server);
	say_peer(200);
	say_echo(200, peer);
	close(200);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

/* One duplicate within the limit, one above it: they stay one open file. */
static void duplicate_above_limit(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	must(dup2(fd, 200));
	limit(100);
	say_connect(fd, &server.addr);
	say("same file: %s", same_file(fd, 200) ? "yes" : "no");
	peer = server_accept(&server);
	say_echo(fd, peer);
	say_echo(200, peer);
	close(fd);
	close(200);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

static void no_limit_left(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	limit(0);
	say_connect(fd, &server.addr);
	limit(256);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "addresses", addresses, MUST_SWAP },
	{ "lengths", lengths, MUST_SWAP },
	{ "long-addresses", long_addresses, MUST_SWAP },
	{ "edges", edges, MUST_SWAP },
	{ "families", families, MUST_SWAP },
	{ "numbers", numbers },
	{ "table-full", table_full, MUST_TRACE },
	{ "above-limit", above_limit, MUST_TRACE },
	{ "duplicate-above-limit", duplicate_above_limit, MUST_TRACE },
	{ "no-limit-left", no_limit_left, MUST_TRACE },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
