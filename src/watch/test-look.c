// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each backend finds of a socket in a process: ours.
 *
 *     ep --(s, ET)--> socket <--(d, closed since)-- ep2 = dup of ep2     further number: e
 *     outer ---------> ep
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch/watch.h"

static void add(int epoll, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static const struct watch_item *find(const struct watch_report *report, uint64_t data)
{
	for (size_t i = 0; i < report->item_count; i++)
		if (report->items[i].data == data)
			return &report->items[i];
	fail_msg("no item with data %llx", (unsigned long long)data);
	return NULL;
}

static void test_look(void **state)
{
	const int none = -1;
	const struct caller caller = {.listener = &none, .tid = gettid()};
	struct watch_report report = {0};
	const char *backend = *state;
	struct watch *watch;
	int socket_fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
	int duplicate = dup(socket_fd), further = dup(socket_fd);
	int ep = epoll_create1(0), ep2 = epoll_create1(0), outer = epoll_create1(0);
	int same = dup(ep2), first = socket_fd;
	const struct watch_item *item;
	int r;

	add(ep, socket_fd, EPOLLIN | EPOLLET, 0xfeedfacecafebeefULL);
	add(ep2, duplicate, EPOLLOUT | EPOLLONESHOT, 2);
	add(ep, other, EPOLLIN, 3);
	add(outer, ep, EPOLLIN, 4);
	/* So many that fdinfo comes in several pieces. */
	for (int i = 0; i < 600; i++)
		add(ep2, eventfd(0, 0), EPOLLIN, 1000 + i);
	close(duplicate);

	r = watch_open(backend, 0, &watch);
	if (r < 0) {
		print_message("%s: %s\n", backend, strerror(-r));
		skip();
	}
	assert_string_equal(watch->backend->name, backend);
	assert_int_equal(watch_look(watch, &caller, socket_fd, socket_fd, &report), 0);
	assert_int_equal(report.item_count, 2);
	item = find(&report, 0xfeedfacecafebeefULL);
	assert_int_equal(item->number, socket_fd);
	assert_int_equal(item->epoll_number, ep);
	assert_int_equal(item->events & (EPOLLIN | EPOLLET), EPOLLIN | EPOLLET);
	item = find(&report, 2);
	assert_int_equal(item->number, duplicate);
	assert_true(item->epoll_number == ep2 || item->epoll_number == same);
	assert_int_equal(report.duplicate_count, 1);
	assert_int_equal(report.duplicates[0], further);

	/* With no number left out, all numbers of the file are further ones. */
	assert_int_equal(watch_look(watch, &caller, -1, socket_fd, &report), 0);
	assert_int_equal(report.duplicate_count, 2);

	assert_int_equal(watch_look(watch, &caller, other, other, &report), 0);
	assert_int_equal(report.item_count, 1);
	assert_int_equal(report.duplicate_count, 0);
	/* In this table alone, by one number: the instance is where it was. */
	assert_true(report.references == 1 || report.references == -1);
	watch_report_free(&report);
	watch_close(watch);
	close_range(first, ~0U, 0);
}

static void test_no_such_backend(void **state)
{
	struct watch *watch;

	assert_int_equal(watch_open("nonesuch", 0, &watch), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"look, procfs", test_look, NULL, NULL, (void *)"procfs"},
		{"look, bpf", test_look, NULL, NULL, (void *)"bpf"},
		cmocka_unit_test(test_no_such_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
