// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that restricted its own network with Landlock stays restricted, and may do what it may.
 */
#include <errno.h>
#include <linux/types.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

/* Linux 6.7; Debian 12's headers do not have them. */
#define ACCESS_NET_CONNECT_TCP (1ULL << 1)
#define RULE_NET_PORT 2
#define ACCESS_FS_MAKE_SOCK (1ULL << 9)
#define CREATE_RULESET_VERSION 1

struct ruleset {
	__u64 handled_access_fs, handled_access_net;
};

struct net_port {
	__u64 allowed_access, port;
};

static void need_landlock(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION) < 4)
		skip("Landlock with network rules (ABI 4, Linux 6.7)");
}

/* From now on this thread may connect to the server's port only. */
static void restrict_to(const struct server *server)
{
	struct ruleset rules = { .handled_access_net = ACCESS_NET_CONNECT_TCP };
	struct net_port port = { ACCESS_NET_CONNECT_TCP, ntohs(server->addr.sin_port) };
	int fd = must(syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0));

	must(syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &port, 0));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_landlock_restrict_self, fd, 0));
	close(fd);
}

static void try(const struct server *server, int flags, bool answers)
{
	int fd = tcp(flags), result = say_connect(fd, &server->addr), peer;

	if (answers && (!result || errno == EINPROGRESS)) {
		wait_poll(fd, POLLOUT);
		peer = server_accept(server);
		say_peer(fd);
		say_echo(fd, peer);
		close(peer);
	}
	say_error(fd);
	close(fd);
}

static void all(const struct server *allowed, const struct server *denied)
{
	say("allowed");
	try(allowed, 0, true);
	try(allowed, SOCK_NONBLOCK, true);
	say("denied");
	try(denied, 0, false);
	try(denied, SOCK_NONBLOCK, false);
	say_no_more_connections(denied);
}

static void itself(void)
{
	struct server allowed = server_open(LOOPBACK), denied = server_open(SITE);

	need_landlock();
	restrict_to(&allowed);
	all(&allowed, &denied);
	server_close(&allowed);
	server_close(&denied);
}

/* Free before, restricted afterwards: the answer is not remembered. */
static void later(void)
{
	struct server allowed = server_open(LOOPBACK), other = server_open(SITE);

	need_landlock();
	try(&other, 0, true);
	try(&allowed, SOCK_NONBLOCK, true);
	restrict_to(&allowed);
	all(&allowed, &other);
	server_close(&allowed);
	server_close(&other);
}

static void child_of_it(void)
{
	struct server allowed = server_open(LOOPBACK), denied = server_open(SITE);
	int status;
	pid_t child;

	need_landlock();
	restrict_to(&allowed);
	child = must(fork());
	if (!child) {
		all(&allowed, &denied);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	say("child: %x", status);
	server_close(&allowed);
	server_close(&denied);
}

/* Processes are told apart by the tick, 10 ms, in which they began: let some go by. */
static void let_ticks_pass(void)
{
	for (long start = now_ms(); now_ms() - start < 50;)
		sched_yield();
}

/* A child is restricted; its parent is not. */
static void only_child(void)
{
	struct server allowed = server_open(LOOPBACK), denied = server_open(SITE);
	int status;
	pid_t child;

	need_landlock();
	let_ticks_pass();
	child = must(fork());
	if (!child) {
		restrict_to(&allowed);
		all(&allowed, &denied);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	say("child: %x", status);
	try(&denied, 0, true);
	server_close(&allowed);
	server_close(&denied);
}

static void tried_helper(void)
{
	int allowed, denied;
	struct sockaddr_in to;

	if (sscanf(helper_argument, "%d,%d", &allowed, &denied) != 2)
		fail("no ports");
	for (int flags = 0; flags <= SOCK_NONBLOCK; flags += SOCK_NONBLOCK) {
		int fd = tcp(flags);

		to = inet(SITE, denied);
		say_connect(fd, &to);
		to = inet(LOOPBACK, allowed);
		say_connect(fd, &to);
		close(fd);
	}
	exit(0);
}

static void across_exec(void)
{
	struct server allowed = server_open(LOOPBACK), denied = server_open(SITE);
	char argument[32];
	int status;
	pid_t child;

	need_landlock();
	snprintf(argument, sizeof(argument), "%d,%d", allowed.addr.sin_port, denied.addr.sin_port);
	child = must(fork());
	if (!child) {
		restrict_to(&allowed);
		exec_helper("tried", argument);
	}
	must(waitpid(child, &status, 0));
	say("child: %x", status);
	say_no_more_connections(&denied);
	server_close(&allowed);
	server_close(&denied);
}

/* Landlock restricts a thread, not a process. */
struct pair {
	struct server allowed, denied;
};

static void *restricted_thread(void *argument)
{
	struct pair *pair = argument;

	restrict_to(&pair->allowed);
	all(&pair->allowed, &pair->denied);
	return NULL;
}

static void one_thread(void)
{
	struct pair pair = { server_open(LOOPBACK), server_open(SITE) };
	pthread_t thread;

	need_landlock();
	must(-pthread_create(&thread, NULL, restricted_thread, &pair));
	pthread_join(thread, NULL);
	say("the other thread");
	try(&pair.denied, 0, true);
	try(&pair.denied, SOCK_NONBLOCK, true);
	server_close(&pair.allowed);
	server_close(&pair.denied);
}

/* Rules for files only say nothing of the network. */
static void files_only(void)
{
	struct server server = server_open(LOOPBACK);
	struct ruleset rules = { .handled_access_fs = ACCESS_FS_MAKE_SOCK };
	int fd;

	need_landlock();
	fd = must(syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_landlock_restrict_self, fd, 0));
	close(fd);
	try(&server, 0, true);
	try(&server, SOCK_NONBLOCK, true);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "itself", itself, MUST_TRACE },
	{ "later", later, MUST_SWAP },
	{ "child-of-it", child_of_it, MUST_TRACE },
	{ "only-child", only_child, MUST_SWAP },
	{ "across-exec", across_exec, MUST_TRACE },
	{ "one-thread", one_thread, MUST_TRACE },
	{ "files-only", files_only, MUST_TRACE },
	{ 0 },
};
const struct scenario helpers[] = {
	{ "tried", tried_helper },
	{ 0 },
};
