// SPDX-License-Identifier: GPL-2.0-or-later
/* Fresh or engaged, in every state that a program can bring a TCP socket into; and the marks. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "socket/present.h"
#include "socket/snapshot.h"

static struct sockaddr_in listening(int *ret_fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	*ret_fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(*ret_fd, 5), 0);
	assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&address, &size), 0);
	return address;
}

static enum snapshot_state state_of(int fd)
{
	struct snapshot seen;

	assert_int_equal(snapshot_read(fd, &seen), 0);
	return seen.state;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	assert_int_equal(poll(&p, 1, 5000), 1);
}

static void test_kinds(void **state)
{
	int fds[2], file = open("/dev/null", O_RDONLY), path = open("/", O_PATH);
	int udp = socket(AF_INET, SOCK_DGRAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
	int icmp = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(state_of(file), SNAPSHOT_NOT_INET);
	assert_int_equal(state_of(path), SNAPSHOT_NOT_INET);
	assert_int_equal(state_of(fds[0]), SNAPSHOT_NOT_INET);
	assert_int_equal(state_of(local), SNAPSHOT_NOT_INET);
	assert_int_equal(state_of(udp), SNAPSHOT_FRESH);
	assert_int_equal(state_of(icmp), SNAPSHOT_OTHER);
	close(file);
	close(path);
	close(udp);
	close(icmp);
	close(local);
	close(fds[0]);
	close(fds[1]);
}

static void test_life(void **state)
{
	struct sockaddr_in to, none = {.sin_family = AF_UNSPEC};
	int server, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	to = listening(&server);
	assert_int_equal(state_of(server), SNAPSHOT_ENGAGED);
	assert_int_equal(state_of(fd), SNAPSHOT_FRESH);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	wait_for(fd, POLLOUT);
	assert_int_equal(state_of(fd), SNAPSHOT_ENGAGED);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(state_of(fd), SNAPSHOT_ENGAGED);
	assert_int_equal(connect(fd, (struct sockaddr *)&none, sizeof(none)), 0);
	assert_int_equal(state_of(fd), SNAPSHOT_FRESH);
	close(server);
	close(fd);
}

/* The trap: a refused socket is in CLOSE too, and has its refusal to report. */
static void test_refused(void **state)
{
	struct sockaddr_in to;
	int server, error, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(error);

	to = listening(&server);
	close(server);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	wait_for(fd, POLLOUT);
	assert_int_equal(state_of(fd), SNAPSHOT_ENGAGED);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
	assert_int_equal(error, ECONNREFUSED);
	assert_int_equal(state_of(fd), SNAPSHOT_ENGAGED);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, ECONNABORTED);
	assert_int_equal(state_of(fd), SNAPSHOT_FRESH);
	close(fd);
}

static void test_marks(void **state)
{
	static const struct {
		int family, type;
		enum present_form form;
	} cases[] = {
		{AF_INET6, SOCK_STREAM, PRESENT_INET},	 {AF_INET6, SOCK_DGRAM, PRESENT_INET},
		{AF_INET6, SOCK_STREAM, PRESENT_MAPPED}, {AF_INET6, SOCK_DGRAM, PRESENT_MAPPED},
		{AF_INET6, SOCK_STREAM, PRESENT_ITSELF}, {AF_INET6, SOCK_DGRAM, PRESENT_ITSELF},
		{AF_INET, SOCK_STREAM, PRESENT_INET_PEER}, {AF_INET, SOCK_STREAM, PRESENT_ITSELF},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int family, type = cases[i].type, fd = socket(cases[i].family, type, 0);

		assert_int_equal(present_read(fd, true, &family), PRESENT_ITSELF);
		assert_int_equal(present_mark(fd, cases[i].family, type, cases[i].form), 0);
		assert_int_equal(present_read(fd, true, &family), cases[i].form);
		if (cases[i].form != PRESENT_ITSELF)
			assert_int_equal(family, cases[i].family);
		/* What stands for an AF_INET socket does so for all its life. */
		if (cases[i].form == PRESENT_INET) {
			close(fd);
			continue;
		}
		assert_int_equal(present_mark(fd, cases[i].family, type, PRESENT_ITSELF), 0);
		assert_int_equal(present_read(fd, true, &family), PRESENT_ITSELF);
		close(fd);
	}
}

/* Where no rule can have made such a mark it is not looked for. */
static void test_mark_not_asked_for(void **state)
{
	int family, fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(present_mark(fd, AF_INET, SOCK_STREAM, PRESENT_INET_PEER), 0);
	assert_int_equal(present_read(fd, true, &family), PRESENT_INET_PEER);
	assert_int_equal(present_read(fd, false, &family), PRESENT_ITSELF);
	close(fd);
}

static int multicast_all(int fd)
{
	int value = -1;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &value, &size), 0);
	return value;
}

/* The option that tells the two forms apart is the program's own as long as there is no mark, and the default after it. */
static void test_marks_go(void **state)
{
	int zero = 0, fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &zero, sizeof(zero)), 0);
	assert_int_equal(present_mark(fd, AF_INET6, SOCK_STREAM, PRESENT_ITSELF), 0);
	assert_int_equal(multicast_all(fd), 0);
	assert_int_equal(present_mark(fd, AF_INET6, SOCK_STREAM, PRESENT_MAPPED), 0);
	assert_int_equal(present_mark(fd, AF_INET6, SOCK_STREAM, PRESENT_ITSELF), 0);
	assert_int_equal(multicast_all(fd), 1);
	close(fd);
}

/* A multicast receiver's own choice is no mark of ours. */
static void test_marks_of_udp(void **state)
{
	int family, zero = 0, fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof(zero)), 0);
	assert_int_equal(present_read(fd, true, &family), PRESENT_ITSELF);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds), cmocka_unit_test(test_life),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_marks),
		cmocka_unit_test(test_mark_not_asked_for), cmocka_unit_test(test_marks_go),
		cmocka_unit_test(test_marks_of_udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
