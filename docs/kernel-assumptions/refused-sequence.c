// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * connect(2) after a refusal: ECONNREFUSED while the error is unread; ECONNABORTED once where
 * SO_ERROR took it; then a new attempt. The TCP state is CLOSE all the time, so the state alone
 * does not tell a fresh socket from a refused one.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	in_port_t port;
	int gone = server(AF_INET, 8, &port), fd, error;
	socklen_t length = sizeof(error);

	close(gone);
	fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	check(tcp_state(fd) == TCP_CLOSE, "a fresh socket is not in CLOSE");
	for (int i = 0; i < 2; i++) {
		check(connect_to(fd, AF_INET, port) == -EINPROGRESS, "no attempt");
		check(wait_for(fd, POLLOUT, DEADLINE), "the refusal does not come");
		check(tcp_state(fd) == TCP_CLOSE, "a refused socket is not in CLOSE");
		check(connect_to(fd, AF_INET, port) == -ECONNREFUSED, "no ECONNREFUSED");
	}
	for (int i = 0; i < 2; i++) {
		check(connect_to(fd, AF_INET, port) == -EINPROGRESS, "no attempt");
		check(wait_for(fd, POLLOUT, DEADLINE), "the refusal does not come");
		must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
		check(error == ECONNREFUSED, "SO_ERROR is %d", error);
		check(connect_to(fd, AF_INET, port) == -ECONNABORTED, "no ECONNABORTED");
	}
	return 0;
}
