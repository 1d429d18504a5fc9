// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An AF_INET6 socket reaches IPv4 as ::ffff:a.b.c.d, and a connect through a duplicate connects the
 * target's own file: nothing has to be swapped for a v4-mapped destination.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	int listening = server(AF_INET, 8, &to.sin6_port);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), copy;
	static const unsigned char mapped[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };

	if (fd < 0)
		missing("IPv6: errno %d", errno);
	memcpy(&to.sin6_addr, mapped, sizeof(mapped));
	copy = must(dup(fd));
	check(connect(copy, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EINPROGRESS,
	      "a v4-mapped connect does not begin: errno %d", errno);
	close(copy);
	check(wait_for(fd, POLLOUT, DEADLINE) == POLLOUT, "the connection does not come");
	check(!connect(fd, (struct sockaddr *)&to, sizeof(to)), "the result is not told");
	close(must(accept(listening, NULL, NULL)));
	return 0;
}
