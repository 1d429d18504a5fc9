// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said of a call that waits, and of one that has gone. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/caller.h"

/* A call that does not wait: its tid may be anybody's by now. */
static void test_write_gone(void **state)
{
	static const int no_listener = -1;
	const struct caller caller = {.listener = &no_listener, .tid = gettid()};
	volatile int mine = 1;
	const int theirs = 2;
	struct iovec place = {(void *)&mine, sizeof(mine)};

	assert_int_equal(caller_write(&caller, (uintptr_t)&mine, &theirs, sizeof(theirs)), -ENOENT);
	assert_int_equal(caller_scatter(&caller, &place, 1, &theirs, sizeof(theirs)), -ENOENT);
	assert_int_equal(mine, 1);
}

/* A child whose getppid(2) waits. Return: its listener, of which it has the only other number. */
static int start_call(pid_t *ret_pid)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = 4, .filter = code};
	int ends[2], number, pidfd, listener;

	assert_int_equal(pipe(ends), 0);
	*ret_pid = fork();
	assert_true(*ret_pid >= 0);
	if (*ret_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		number = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
				      &program);
		if (write(ends[1], &number, sizeof(number)) == sizeof(number))
			syscall(SYS_getppid);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &number, sizeof(number)), sizeof(number));
	pidfd = (int)syscall(SYS_pidfd_open, *ret_pid, 0);
	listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	assert_true(listener >= 0);
	close(pidfd);
	close(ends[0]);
	close(ends[1]);
	return listener;
}

#define ASKED 100000

struct disturber {
	int listener;
	pid_t whom;
	bool end;
};

/* The kernel takes the lock that it answers under to poll, too. */
static void *poll_listener(void *context)
{
	struct disturber *disturber = context;
	struct pollfd item = {.fd = disturber->listener, .events = POLLIN};

	while (!__atomic_load_n(&disturber->end, __ATOMIC_RELAXED))
		poll(&item, 1, 0);
	return NULL;
}

static void *send_signals(void *context)
{
	struct disturber *disturber = context;

	while (!__atomic_load_n(&disturber->end, __ATOMIC_RELAXED))
		syscall(SYS_tgkill, getpid(), disturber->whom, SIGUSR1);
	return NULL;
}

static void on_signal(int number)
{
}

/* A call that waits is not taken for one that has gone, whatever signals come while the kernel is asked. */
static void test_signalled(void **state)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct disturber disturber = {.whom = gettid()};
	struct seccomp_notif request = {0};
	struct caller caller = {.listener = &disturber.listener};
	unsigned int gone = 0, refused = 0;
	pthread_t threads[5];
	pid_t pid;
	int file;

	disturber.listener = start_call(&pid);
	assert_int_equal(ioctl(disturber.listener, SECCOMP_IOCTL_NOTIF_RECV, &request), 0);
	caller.id = request.id;
	caller.tid = (pid_t)request.pid;
	file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigaction(SIGUSR1, &action, NULL);
	for (size_t i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, i ? poll_listener : send_signals, &disturber);
	for (unsigned int i = 0; i < ASKED; i++) {
		gone += !caller_valid(&caller);
		refused += i % 8 == 0 && caller_put_file(&caller, 20, file, true) < 0;
	}
	__atomic_store_n(&disturber.end, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(gone, 0);
	assert_int_equal(refused, 0);
	assert_false(caller_valid(&caller));
	assert_int_equal(caller_put_file(&caller, 20, file, true), -ENOENT);
	close(disturber.listener);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_gone),
		cmocka_unit_test(test_signalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
