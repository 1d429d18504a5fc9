// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CONTINUE after a swap waits natively.
 *
 * The target's own connect(2) looks its number up again, meets the replacement while it is
 * connecting, and waits for it: the call returns 0 and the server sees one connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

static in_port_t port;

static int target(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));

	check(!connect_to(fd, AF_INET, port), "connect fails");
	check(tcp_state(fd) == TCP_ESTABLISHED, "connect does not wait");
	return 0;
}

int main(void)
{
	int listening = silent_server(AF_INET6, &port), fd;
	struct target t = target_start(target, SYS_connect, 0);
	struct seccomp_notif notification = receive(&t);

	fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	check(connect_to(fd, AF_INET6, port) == -EINPROGRESS,
	      "a non-blocking connect does not wait");
	must(fcntl(fd, F_SETFL, 0));
	must(replace(&t, notification.id, fd, notification.data.args[0], 0));
	close(fd);
	must(answer(&t, notification.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	wait_blocked(t.pid, SYS_connect);
	/* Make room in the queue: the SYN that is sent again after a second connects. */
	close(must(accept(listening, NULL, NULL)));
	check(!target_end(&t), "the target differs");
	check(wait_for(listening, POLLIN, 0), "no connection");
	close(must(accept(listening, NULL, NULL)));
	check(!wait_for(listening, POLLIN, 0), "a second connection");
	return 0;
}
