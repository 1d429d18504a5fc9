// SPDX-License-Identifier: GPL-2.0-or-later
/* Connected datagram sockets: what is sent and received, with addresses, lengths and flags of all kinds. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "udp-server.h"

static void echo(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd);

	say_peer(fd);
	udp_send(&server, &client, "hello");
	wait_poll(fd, POLLIN);
	say_recv("recv", fd);
	udp_send(&server, &client, "again");
	wait_poll(fd, POLLIN);
	say_recvfrom("recvfrom", fd, 0);
	say_result("send", send(fd, "four", 4, 0));
	say_arrived(&server);
	close(fd);
	server_close(&server);
}

static void nonblocking(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, SOCK_NONBLOCK);
	struct sockaddr_in client = udp_address(&server, fd);

	say_recvfrom("nothing", fd, 0);
	say_poll(fd, POLLIN | POLLOUT);
	udp_send(&server, &client, "hello");
	wait_poll(fd, POLLIN);
	say_recvfrom("something", fd, 0);
	say_recvfrom("nothing more", fd, 0);
	must(fcntl(fd, F_SETFL, 0));
	say_recvfrom("MSG_DONTWAIT", fd, MSG_DONTWAIT);
	close(fd);
	server_close(&server);
}

/* The bytes of an address that a call was to fill, less its port. */
static void say_written(const char *what, long result, const unsigned char *buffer, size_t size, int given,
			int length)
{
	size_t written = 0;

	for (size_t i = 0; i < size; i++)
		if (buffer[i] != 0x5a && i != 2 && i != 3)
			written = i + 1;
	say("%s with %d: %ld %s, length %d, written up to %zu", what, given, result,
	    result < 0 ? errno_name(errno) : "", length, written);
}

static void lengths(void)
{
	static const int given[] = { 0, 1, 2, 7, 8, 15, 16, 17, 28, 128, 1000, -1 };
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd);

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		unsigned char buffer[160];
		int length = given[i];
		char data[8];
		long result;

		memset(buffer, 0x5a, sizeof(buffer));
		udp_send(&server, &client, "abc");
		wait_poll(fd, POLLIN);
		result = syscall(SYS_recvfrom, fd, data, sizeof(data), 0, buffer, &length);
		say_written("recvfrom", result, buffer, sizeof(buffer), given[i], length);
	}
	say_recvfrom("all were taken", fd, MSG_DONTWAIT);
	close(fd);
	server_close(&server);
}

static void pointers(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd), from;
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct {
		const char *what;
		void *data, *address, *length;
	} cases[] = {
		{ "data", (void *)16, &from, memory },
		{ "address", memory + 64, (void *)16, memory },
		{ "length", memory + 64, &from, (void *)16 },
		{ "no length", memory + 64, &from, NULL },
		{ "end of the data", memory + page - 2, &from, memory },
		{ "end of the address", memory + 64, memory + page - 4, memory },
	};

	must(mprotect(memory + page, page, PROT_NONE));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int length = 16;

		memcpy(memory, &length, sizeof(length));
		udp_send(&server, &client, "abc");
		wait_poll(fd, POLLIN);
		say_result(cases[i].what, syscall(SYS_recvfrom, fd, cases[i].data, 8, 0,
						  cases[i].address, cases[i].length));
		memcpy(&length, memory, sizeof(length));
		say("length %d", length);
		say_recvfrom("the same datagram again", fd, MSG_DONTWAIT);
	}
	close(fd);
	server_close(&server);
}

static void truncated(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd), from;
	static const int flags[] = { MSG_PEEK, MSG_PEEK | MSG_TRUNC, MSG_TRUNC, 0, MSG_PEEK, 0 };
	static const size_t sizes[] = { 3, 3, 3, 3, 0, 0 };
	char buffer[8];

	udp_send(&server, &client, "hello");
	udp_send(&server, &client, "world");
	udp_send(&server, &client, "again");
	wait_poll(fd, POLLIN);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		socklen_t length = sizeof(from);
		ssize_t n;

		memset(buffer, 0, sizeof(buffer));
		n = recvfrom(fd, buffer, sizes[i], flags[i], (struct sockaddr *)&from, &length);
		say("flags %x size %zu: %zd %s length %u", flags[i], sizes[i], n, buffer, length);
	}
	say_recvfrom("empty", fd, MSG_DONTWAIT);
	udp_send(&server, &client, "");
	wait_poll(fd, POLLIN);
	say_recvfrom("no bytes", fd, 0);
	close(fd);
	server_close(&server);
}

/* The largest datagram that there is, and one byte more. */
static void large(void)
{
	static char out[65508], in[65536];
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0), size = 1 << 20;
	struct sockaddr_in client = udp_address(&server, fd), from;
	socklen_t length = sizeof(from);

	must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	memset(out, 'x', sizeof(out));
	must(sendto(server.fd, out, 65507, 0, (struct sockaddr *)&client, sizeof(client)));
	wait_poll(fd, POLLIN);
	say_result("recvfrom", recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &length));
	say("the same: %s", memcmp(in, out, 65507) ? "no" : "yes");
	say_result("sendto", sendto(fd, out, 65507, 0, (struct sockaddr *)&server.addr,
				    sizeof(server.addr)));
	say_arrived(&server);
	say_result("sendto, more", sendto(fd, out, 65508, 0, (struct sockaddr *)&server.addr,
					  sizeof(server.addr)));
	say_result("sendto, much more", sendto(fd, out, 1 << 20, 0, (struct sockaddr *)&server.addr,
					       sizeof(server.addr)));
	close(fd);
	server_close(&server);
}

static void addressed(void)
{
	struct server server = udp_open(SITE, "server"), other = udp_open(SITE2, "other");
	struct sockaddr_in local = udp_refusing(LOOPBACK), unspecified = other.addr;
	struct sockaddr_in6 six = inet6("::1", other.addr.sin_port);
	struct sockaddr_in none = other.addr;
	int fd = udp_connected(&server, 0);
	struct sockaddr *to = (struct sockaddr *)&other.addr;

	say_result("to its peer", sendto(fd, "one", 3, 0, (struct sockaddr *)&server.addr,
					 sizeof(server.addr)));
	say_arrived(&server);
	say_result("to another", sendto(fd, "two", 3, 0, to, sizeof(other.addr)));
	say_arrived(&other);
	say_result("to its peer again", send(fd, "three", 5, 0));
	say_arrived(&server);
	say_result("no bytes", sendto(fd, "", 0, 0, to, sizeof(other.addr)));
	say_arrived(&other);
	say_result("MSG_CONFIRM", sendto(fd, "four", 4, MSG_CONFIRM, to, sizeof(other.addr)));
	say_arrived(&other);
	say_result("MSG_MORE", sendto(fd, "fi", 2, MSG_MORE, to, sizeof(other.addr)));
	say_result("and the rest", sendto(fd, "ve", 2, 0, to, sizeof(other.addr)));
	say_arrived(&other);
	say_result("MSG_OOB", sendto(fd, "six", 3, MSG_OOB, to, sizeof(other.addr)));
	say_result("too short", sendto(fd, "x", 1, 0, to, 15));
	say_result("longer", sendto(fd, "seven", 5, 0, (struct sockaddr *)&(struct sockaddr_storage){
			.ss_family = AF_INET }, 200));
	say_result("negative length", sendto(fd, "x", 1, 0, to, -1));
	say_result("no length", sendto(fd, "x", 1, 0, to, 0));
	say_result("bad address", sendto(fd, "x", 1, 0, (struct sockaddr *)16, sizeof(other.addr)));
	say_result("bad data", sendto(fd, (void *)16, 1, 0, to, sizeof(other.addr)));
	say_result("AF_INET6", sendto(fd, "x", 1, 0, (struct sockaddr *)&six, sizeof(six)));
	unspecified.sin_family = AF_UNSPEC;
	say_result("AF_UNSPEC", sendto(fd, "eight", 5, 0, (struct sockaddr *)&unspecified,
				       sizeof(unspecified)));
	say_arrived(&other);
	none.sin_port = 0;
	say_result("port 0", sendto(fd, "x", 1, 0, (struct sockaddr *)&none, sizeof(none)));
	say_result("to nobody", sendto(fd, "x", 1, 0, (struct sockaddr *)&local, sizeof(local)));
	none = inet(NOWHERE, htons(9));
	say_result("nowhere", sendto(fd, "x", 1, 0, (struct sockaddr *)&none, sizeof(none)));
	close(fd);
	server_close(&other);
	server_close(&server);
}

/* Disconnected, it is anybody's again. */
static void disconnected(void)
{
	struct server server = udp_open(SITE, "server"), other = udp_open(SITE2, "other");
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	/* A port that the program asked for stays when it disconnects. */
	struct sockaddr_in client = udp_refusing(SITE);
	int fd = udp(0);

	must(bind(fd, (struct sockaddr *)&client, sizeof(client)));
	say_connect(fd, &server.addr);
	client = udp_address(&server, fd);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	udp_send(&other, &client, "from another");
	wait_poll(fd, POLLIN);
	say_recvfrom("recvfrom", fd, 0);
	say_result("send", send(fd, "x", 1, 0));
	say_result("sendto", sendto(fd, "two", 3, 0, (struct sockaddr *)&other.addr,
				    sizeof(other.addr)));
	say_arrived(&other);
	close(fd);
	server_close(&other);
	server_close(&server);
}

/* Stream sockets tell no address. */
static void stream(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	must(send(peer, "hello", 5, 0));
	wait_poll(fd, POLLIN);
	say_recvfrom("recvfrom", fd, 0);
	say_recvfrom("nothing", fd, MSG_DONTWAIT);
	say_recvfrom("error queue", fd, MSG_ERRQUEUE);
	say_result("sendto", sendto(fd, "x", 1, 0, (struct sockaddr *)&server.addr,
				    sizeof(server.addr)));
	close(peer);
	say_recvfrom("end", fd, 0);
	close(fd);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "echo", echo, MUST_SWAP },
	{ "nonblocking", nonblocking, MUST_SWAP },
	{ "lengths", lengths, MUST_SWAP },
	{ "pointers", pointers, MUST_SWAP },
	{ "truncated", truncated, MUST_SWAP },
	{ "large", large, MUST_SWAP },
	{ "addressed", addressed, MUST_SWAP },
	{ "disconnected", disconnected, MUST_SWAP },
	{ "stream", stream, MUST_SWAP },
	{ 0 },
};

const struct scenario helpers[] = { { 0 } };
