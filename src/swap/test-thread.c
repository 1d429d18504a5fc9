// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The thread that swaps has a descriptor table of its own, in which only what is registered stays: what each watch backend
 * has opened is among it.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/numbers.h"
#include "swap/internal.h"

struct looking {
	struct swap *swap;
	long references;
	size_t items;
	int result;
};

static void *look(void *context)
{
	const int none = -1;
	const struct caller caller = {.listener = &none, .tid = gettid()};
	struct looking *looking = context;
	struct epoll_event event = {.events = EPOLLIN};
	int epoll, fd;

	looking->result = -EBADF;
	if (unshare(CLONE_FILES) < 0)
		return NULL;
	swap_enter_thread(looking->swap);
	if (numbers_keep_registered() < 0)
		return NULL;
	epoll = epoll_create1(0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return NULL;
	looking->result = watch_look(looking->swap->watch, &caller, fd, fd, &looking->swap->report);
	looking->items = looking->swap->report.item_count;
	looking->references = looking->swap->report.references;
	numbers_disown_all();
	return NULL;
}

static void check(const char *backend, bool tells_references)
{
	struct policy *policy;
	struct policy_error error;
	struct swap_options options = {.watch_backend = backend, .listener = -EBADF};
	struct looking looking = {0};
	pthread_t thread;

	if (watch_missing(backend)) {
		print_message("%s needs %s\n", backend, watch_missing(backend));
		skip();
	}
	assert_int_equal(policy_new(&policy), 0);
	options.policy = policy;
	assert_int_equal(swap_new(&looking.swap, &options, &error), 0);
	assert_int_equal(pthread_create(&thread, NULL, look, &looking), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(looking.result, 0);
	assert_int_equal(looking.items, 1);
	/* Which /proc does not, to which a backend falls back that cannot do its work. */
	assert_int_equal(looking.references >= 1, tells_references);
	swap_free(looking.swap);
	policy_free(policy);
}

static void test_procfs(void **state)
{
	check("procfs", false);
}

static void test_bpf(void **state)
{
	check("bpf", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_procfs),
		cmocka_unit_test(test_bpf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
