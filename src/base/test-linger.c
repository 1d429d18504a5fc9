// SPDX-License-Identifier: GPL-2.0-or-later
/* The last duplicate of a socket that would linger is closed without waiting. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/linger.h"

/* A connected pair, the first with data that the other's full buffer does not take. */
static void make_pair(int pair[2], int seconds)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct linger linger = {1, seconds};
	socklen_t size = sizeof(address);
	static char data[1 << 16];
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int small = 2048;

	assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(bind(server, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size), 0);
	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(pair[0], (struct sockaddr *)&address, size), 0);
	pair[1] = accept(server, NULL, NULL);
	assert_true(pair[1] >= 0);
	close(server);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	while (send(pair[0], data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

static void drain(int fd)
{
	char data[1 << 16];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		;
	/* Ended, not reset: nothing that was written is lost. */
	assert_int_equal(n, 0);
	close(fd);
}

static void test_last(void **state)
{
	int pair[2];
	uint64_t start;

	make_pair(pair, 3);
	start = clock_usec();
	errno = EPIPE;
	assert_int_equal(linger_close(pair[0]), -EBADF);
	assert_int_equal(errno, EPIPE);
	assert_true(clock_usec() - start < 1000000);
	assert_int_equal(fcntl(pair[0], F_GETFD), -1);
	drain(pair[1]);
}

/* Afterwards it is gone, so the owner's own close waits. */
static void test_not_the_last(void **state)
{
	int pair[2];
	uint64_t start;

	make_pair(pair, 1);
	linger_close(fcntl(pair[0], F_DUPFD_CLOEXEC, 0));
	start = clock_usec();
	close(pair[0]);
	assert_true(clock_usec() - start > 900000);
	drain(pair[1]);
}

static void test_anything(void **state)
{
	int fd = dup(0);

	linger_close(fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(linger_close(-1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last),
		cmocka_unit_test(test_not_the_last),
		cmocka_unit_test(test_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
