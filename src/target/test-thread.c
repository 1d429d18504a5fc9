// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking at another process, and ending a call that it is blocked in. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/kick.h"
#include "target/table.h"
#include "target/thread.h"

/* A child that reads from a socket on which nothing ever comes, and exits with the errno it gets. */
static pid_t blocked_child(int *ret_fd)
{
	int sockets[2];
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	child = fork();
	if (child == 0) {
		char byte;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "blocked");
		_exit(syscall(SYS_read, sockets[0], &byte, 1) < 0 ? errno : 0);
	}
	*ret_fd = sockets[0];
	return child;
}

static void await(pid_t child, long nr)
{
	struct thread_syscall seen = {0};

	do
		assert_int_equal(thread_syscall(child, &seen), 0);
	while (!seen.blocked || seen.nr != nr);
}

static void test_look(void **state)
{
	struct thread_identity who;
	enum thread_whose whose;
	char name[16];
	int fd, got;
	pid_t child = blocked_child(&fd);

	await(child, SYS_read);
	thread_name(child, name);
	assert_string_equal(name, "blocked");
	assert_int_equal(thread_tgid(child), child);
	assert_true(thread_is_alone(child));
	assert_int_equal(thread_identity(child, &who), 0);
	assert_int_equal(who.ppid, getpid());
	assert_int_equal(thread_get_file(child, fd, &got, &whose), 0);
	close(got);
	assert_int_equal(whose, thread_pidfd_works() ? THREAD_NAMED : THREAD_PROCESS);
	/* What is proven of another thread, or of one that was never asked, says nothing. */
	thread_prove(getpid());
	assert_int_equal(thread_get_file(child, fd, &got, &whose), 0);
	close(got);
	assert_int_equal(whose, thread_pidfd_works() ? THREAD_NAMED : THREAD_PROCESS);
	thread_prove(child);
	assert_int_equal(thread_get_file(child, fd, &got, &whose), 0);
	close(got);
	assert_int_equal(whose, thread_pidfd_works() ? THREAD_PROVEN : THREAD_PROCESS);
	/* A pidfd that is opened anew is of whoever has the tid by then. */
	thread_forget();
	assert_int_equal(thread_get_file(child, fd, &got, &whose), 0);
	close(got);
	assert_int_equal(whose, thread_pidfd_works() ? THREAD_NAMED : THREAD_PROCESS);
	assert_int_equal(thread_get_file(child, 999, &got, &whose), -EBADF);
	assert_int_equal(table_cloexec(child, fd), 0);
	assert_true(table_cloexec(child, 999) < 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(thread_get_file(child, fd, &got, &whose), -ESRCH);
	close(fd);
}

static void test_end_call(void **state)
{
	int fd, status;
	pid_t child = blocked_child(&fd);

	await(child, SYS_read);
	assert_int_equal(thread_end_call(child, SYS_read, EINPROGRESS, 5000000), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EINPROGRESS);
	close(fd);
}

/* A thread that is in another call than it was taken to be keeps its result: here, it restarts. */
static void test_end_other_call(void **state)
{
	int fd;
	pid_t child = blocked_child(&fd);

	await(child, SYS_read);
	assert_int_equal(thread_end_call(child, SYS_write, EINPROGRESS, 5000000), 0);
	await(child, SYS_read);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(thread_end_call(child, SYS_read, EINPROGRESS, 5000000), -ESRCH);
	close(fd);
}

static enum kick_state kick(pid_t tid, long nr)
{
	struct kick one = {.tid = tid, .nr = nr};

	return thread_kick(&one, 5000000);
}

static void test_kick(void **state)
{
	int fd, status;
	pid_t child = blocked_child(&fd);
	pid_t tracer;

	await(child, SYS_read);
	assert_int_equal(kick(child, SYS_read), KICK_RESUMES);
	await(child, SYS_read);
	/* Nobody who waits for it sees a stop. */
	assert_int_equal(waitpid(child, &status, WNOHANG | WUNTRACED | WCONTINUED), 0);
	assert_int_equal(kick(child, SYS_write), KICK_OVER);
	await(child, SYS_read);
	tracer = fork();
	if (tracer == 0) {
		ptrace(PTRACE_SEIZE, child, NULL, NULL);
		pause();
		_exit(0);
	}
	while (!thread_is_traced(child))
		sched_yield();
	assert_int_equal(kick(child, SYS_read), KICK_REFUSED);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(kick(child, SYS_read), KICK_GONE);
	close(fd);
}

static void *idle(void *context)
{
	pthread_barrier_wait(context);
	pthread_barrier_wait(context);
	return NULL;
}

static void test_not_alone(void **state)
{
	pthread_barrier_t barrier;
	pthread_t thread;

	assert_true(thread_is_alone(gettid()));
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, idle, &barrier), 0);
	pthread_barrier_wait(&barrier);
	assert_false(thread_is_alone(gettid()));
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_end_call),
		cmocka_unit_test(test_end_other_call),
		cmocka_unit_test(test_kick),
		cmocka_unit_test(test_not_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
