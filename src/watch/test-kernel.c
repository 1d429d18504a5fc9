// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process whose call waits, and what its files are watched by:
 *
 *     ep --(number, ET)---> old socket <--(one-shot, spent: further)-- ep2
 *     ep --(closed since)->    |
 *                              +--> number, further
 *
 * The kernel replaces it with a new one, for which it has to be one with the project's patches. On another the backend has
 * to say what it needs. RESEAT_KERNEL=patched in the environment says that it is one.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compat.h"
#include "target/table.h"
#include "watch/watch.h"

static int load_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* A child with a copy of our table, whose call waits. */
struct target {
	int listener;
	struct caller caller;
};

static void start(struct target *target)
{
	/* Room for what a kernel's notification may have besides. */
	union {
		struct seccomp_notif notification;
		unsigned char bytes[512];
	} received = {0};
	int number = -1, ends[2], pidfd;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		number = load_filter();
		if (write(ends[1], &number, sizeof(number)) < 0 || number < 0)
			_exit(1);
		_exit(syscall(SYS_getpriority, PRIO_PROCESS, 0) != 0);
	}
	assert_int_equal(read(ends[0], &number, sizeof(number)), sizeof(number));
	assert_true(number >= 0);
	close(ends[0]);
	close(ends[1]);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	target->listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	assert_true(target->listener >= 0);
	close(pidfd);
	assert_int_equal(ioctl(target->listener, SECCOMP_IOCTL_NOTIF_RECV, &received), 0);
	target->caller = (struct caller){
		.listener = &target->listener,
		.id = received.notification.id,
		.tid = pid,
	};
}

static void end(const struct target *target)
{
	struct seccomp_notif_resp response = {.id = target->caller.id};
	int status;

	assert_int_equal(ioctl(target->listener, SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
	assert_int_equal(waitpid(target->caller.tid, &status, 0), target->caller.tid);
	assert_int_equal(status, 0);
	close(target->listener);
}

/* The backend, if this is its kernel. */
static struct watch *open_watch(const struct target *target)
{
	const char *kernel = getenv("RESEAT_KERNEL");
	bool patched = kernel && strcmp(kernel, "patched") == 0;
	unsigned int replaces = caller_replace_flags(target->listener);
	struct watch *watch = NULL;
	int r = watch_open("kernel", replaces, &watch);

	if (r == 0) {
		assert_string_equal(watch->backend->name, "kernel");
		assert_int_equal(replaces, CALLER_EXPECT | CALLER_FOLLOW | CALLER_DUPLICATES);
		return watch;
	}
	assert_false(patched);
	assert_int_equal(r, -ENOTSUP);
	assert_non_null(watch_missing("kernel"));
	return NULL;
}

static void test_not_a_listener(void **state)
{
	struct watch *watch;
	int file = memfd_create("file", 0);

	assert_int_equal(caller_replace_flags(-1), 0);
	assert_int_equal(caller_replace_flags(file), 0);
	assert_int_equal(watch_open("kernel", CALLER_EXPECT, &watch), -ENOTSUP);
	close(file);
}

static void add(int epoll, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static uint32_t mask_of(const struct watch_report *report, uint64_t data)
{
	for (size_t i = 0; i < report->item_count; i++)
		if (report->items[i].data == data)
			return report->items[i].events;
	fail_msg("no item with data %llu", (unsigned long long)data);
	return 0;
}

static void test_replace(void **state)
{
	const unsigned int flags = CALLER_FOLLOW | CALLER_DUPLICATES;
	int old = socket(AF_INET, SOCK_STREAM, 0), new = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int further = dup(old), closed = dup(old);
	int ep = epoll_create1(0), ep2 = epoll_create1(0);
	struct watch_report report = {0};
	struct epoll_event event;
	struct target target;
	struct watch *watch;

	add(ep, old, EPOLLIN | EPOLLET, 1);
	add(ep2, further, EPOLLOUT | EPOLLONESHOT, 2);
	add(ep, closed, EPOLLIN, 3);
	close(closed);
	assert_int_equal(epoll_wait(ep2, &event, 1, 0), 1);
	start(&target);
	watch = open_watch(&target);
	if (!watch) {
		end(&target);
		return;
	}
	/* The call waits for us; and nobody is looked for. */
	assert_int_equal(watch_look(watch, &target.caller, old, old, &report), 0);
	assert_true(report.follows);
	assert_int_equal(report.registrations, 3);
	assert_int_equal(watch_look_fully(watch, &target.caller, old, old, &report), 0);
	assert_false(report.follows);
	assert_int_equal(report.item_count, 3);
	assert_int_equal(report.duplicate_count, 1);

	/* Something else stands there: nothing happens. */
	assert_int_equal(caller_replace_file(&target.caller, old, ep, new, true, flags), -ESTALE);
	assert_int_equal(caller_replace_file(&target.caller, old, new, ep, true, 0), -ESTALE);
	assert_int_equal(caller_has_file(&target.caller, old, old), 1);
	assert_int_equal(watch_registrations(watch, old), 3);
	assert_int_equal(watch_registrations(watch, new), 0);

	assert_int_equal(caller_replace_file(&target.caller, old, old, new, true, flags), 0);
	assert_int_equal(caller_has_file(&target.caller, old, new), 1);
	assert_int_equal(caller_has_file(&target.caller, further, new), 1);
	assert_int_equal(watch_registrations(watch, old), 1);
	assert_int_equal(watch_registrations(watch, new), 2);
	assert_int_equal(watch_look(watch, &target.caller, -1, new, &report), 0);
	assert_int_equal(report.item_count, 2);
	assert_int_equal(mask_of(&report, 1), EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP);
	assert_int_equal(mask_of(&report, 2), EPOLLONESHOT);
	assert_int_equal(watch_look(watch, &target.caller, -1, old, &report), 0);
	assert_int_equal(report.item_count, 1);
	assert_int_equal(report.duplicate_count, 0);
	watch_report_free(&report);
	end(&target);
	watch_close(watch);
	table_forget();
	close_range(old, ~0U, 0);
}

/* So many that their lines come in several pieces. */
#define MANY 700

static void test_many(void **state)
{
	int file = socket(AF_INET, SOCK_STREAM, 0), ep = epoll_create1(0);
	struct target target;
	struct watch *watch;

	start(&target);
	watch = open_watch(&target);
	for (int i = 0; i < MANY; i++) {
		if (watch)
			assert_int_equal(watch_registrations(watch, file), i);
		add(ep, dup(file), EPOLLIN, i);
	}
	end(&target);
	watch_close(watch);
	table_forget();
	close_range(file, ~0U, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_a_listener),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
