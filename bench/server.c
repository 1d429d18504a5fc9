// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server that clients connect to while they are measured.
 *
 *     server PORT
 *
 * Listens on IPv4 and IPv6, port PORT (0: any), says "ready PORT", and goes on until its input ends.
 * Each connection gets one byte and is closed. The byte is the last one of the client's address,
 * so that a client can tell which way it came: by itself, by a proxy, translated.
 *
 * The server closes first and the client with a reset, so that nothing stays in TIME_WAIT. Each
 * listener has as many threads as there are processors; they wait in accept(2), so that no more of
 * them wake than there are connections.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static int listen_on(int family, uint16_t *port)
{
	const int one = 1;
	union address address = {.any.sa_family = (sa_family_t)family};
	socklen_t size = sizeof(address);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* The port has the same place in both. */
	address.in.sin_port = htons(*port);
	if (fd < 0)
		err(1, "socket");
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &address.any, size) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, &address.any, &size) < 0)
		err(1, "listen");
	*port = ntohs(address.in.sin_port);
	return fd;
}

static void *serve(void *argument)
{
	const int listener = *(const int *)argument;

	for (;;) {
		union address peer;
		socklen_t size = sizeof(peer);
		int fd = accept4(listener, &peer.any, &size, SOCK_CLOEXEC);
		uint8_t last;

		if (fd < 0) {
			/* The client was quicker to go, or everything is in use for the moment. */
			if (errno == ECONNABORTED || errno == EINTR || errno == ENFILE || errno == EMFILE)
				continue;
			err(1, "accept");
		}
		last = peer.any.sa_family == AF_INET6 ? peer.in6.sin6_addr.s6_addr[15] :
							(uint8_t)ntohl(peer.in.sin_addr.s_addr);
		/* Who does not hear it has gone. */
		(void)!send(fd, &last, sizeof(last), MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	static int listeners[2];
	uint16_t port;
	char byte;

	if (argc != 2)
		errx(2, "usage: server PORT");
	port = (uint16_t)atoi(argv[1]);
	listeners[0] = listen_on(AF_INET6, &port);
	listeners[1] = listen_on(AF_INET, &port);
	for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++)
		for (long j = 0; j < processors; j++) {
			pthread_t thread;

			if (pthread_create(&thread, NULL, serve, &listeners[i]))
				errx(1, "cannot make a thread");
		}
	printf("ready %u\n", port);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, sizeof(byte)) > 0)
		;
	return 0;
}
