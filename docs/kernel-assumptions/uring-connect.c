// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IORING_OP_CONNECT with a non-blocking first try starts a connect on a *blocking* socket without
 * touching its flags; the owner's own connect(2) then waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	int listening = silent_server(AF_INET6, &to.sin6_port);
	int fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)), result;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	long start = now_ms();

	result = io_uring_queue_init(2, &ring, 0);
	if (result < 0)
		missing("io_uring: errno %d", -result);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_connect(sqe, fd, (struct sockaddr *)&to, sizeof(to));
	check(io_uring_submit(&ring) == 1, "not submitted");
	while (tcp_state(fd) != TCP_SYN_SENT && now_ms() - start < DEADLINE)
		poll(NULL, 0, 1);
	check(tcp_state(fd) == TCP_SYN_SENT, "the connect does not start");
	check(!(must(fcntl(fd, F_GETFL)) & O_NONBLOCK), "the flags changed");
	io_uring_queue_exit(&ring);
	check(tcp_state(fd) == TCP_SYN_SENT, "the end of the ring ends the connect");
	close(must(accept(listening, NULL, NULL)));
	check(!connect_to(fd, AF_INET6, to.sin6_port), "connect does not wait for it");
	check(connect_to(fd, AF_INET6, to.sin6_port) == -EISCONN, "not connected");
	return 0;
}
