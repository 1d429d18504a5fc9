// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CONTINUE after a swap is right for a connecting stream socket only.
 *
 * The kernel does not look at the address while the socket is connecting. Once it is connected, the
 * call gives 0 once (what waited for the result), then EISCONN; a replacement that was refused
 * gives the refusal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	in_port_t port, nobody;
	int listening = server(AF_INET6, 8, &port), gone = server(AF_INET6, 8, &nobody);
	int fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	/* An IPv4 address on the IPv6 socket: as the target's call after a swap. */
	check(connect_to(fd, AF_INET6, port) == -EINPROGRESS, "connect does not begin");
	must(fcntl(fd, F_SETFL, 0));
	check(!connect_to(fd, AF_INET, port), "an IPv4 address is not let be while connecting");
	check(connect_to(fd, AF_INET, port) == -EISCONN, "no EISCONN afterwards");
	close(fd);

	close(gone);
	fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	check(connect_to(fd, AF_INET6, nobody) == -EINPROGRESS, "connect does not begin");
	check(wait_for(fd, POLLOUT, DEADLINE), "the refusal does not come");
	check(connect_to(fd, AF_INET, nobody) == -ECONNREFUSED, "the refusal is not told");
	check(connect_to(fd, AF_INET, nobody) == -EINVAL, "a new attempt ignores the family");
	close(listening);
	return 0;
}
