// SPDX-License-Identifier: GPL-2.0-or-later
/* fork, vfork, exec, daemons; targets that change user, root, or what others may see of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

#define NOBODY 65534

/* Connect, exchange bytes, close. */
static void use(struct server *server)
{
	int fd = tcp(0), peer;

	say_connect(fd, &server->addr);
	peer = server_accept(server);
	say_peer(fd);
	say_echo(fd, peer);
	close(fd);
	say_recv("server", peer);
	close(peer);
}

static void wait_child(pid_t child)
{
	int status;

	must(waitpid(child, &status, 0));
	say("child: %x", status);
}

static void forked(void)
{
	struct server server = server_open(LOOPBACK);
	pid_t child = must(fork());

	if (!child) {
		use(&server);
		_exit(3);
	}
	wait_child(child);
	use(&server);
	server_close(&server);
}

/* A helper's argument: the port of the server, in network order, and descriptors. */
static struct sockaddr_in helper_server(void)
{
	int port, fd;

	if (sscanf(helper_argument, "%d,%d", &port, &fd) < 1)
		fail("no port");
	name_port(port, "server");
	return inet(LOOPBACK, port);
}

static void connect_helper(void)
{
	struct sockaddr_in to = helper_server();
	int fd = tcp(0);

	say_open();
	say_connect(fd, &to);
	say_peer(fd);
	say_open();
	exit(4);
}

static void vfork_exec(void)
{
	struct server server = server_open(LOOPBACK);
	char argument[32];
	pid_t child;

	snprintf(argument, sizeof(argument), "%d", server.addr.sin_port);
	child = vfork();
	if (!child) {
		execl("/proc/self/exe", "helper", "--helper", "connect", argument, NULL);
		_exit(127);
	}
	wait_child(must(child));
	close(server_accept(&server));
	server_close(&server);
}

/* What is open across exec: the socket without CLOEXEC, connected; not the one with it. */
static void after_exec_helper(void)
{
	int fd, port;

	say_open();
	if (sscanf(helper_argument, "%d,%d", &port, &fd) != 2)
		fail("no descriptor");
	name_port(port, "server");
	wait_poll(fd, POLLOUT);
	say_error(fd);
	say_peer(fd);
	say_local(fd);
	say_result("send", send(fd, "exec", 4, 0));
	exit(5);
}

static void exec_after(int flags)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(flags), gone = tcp(flags | SOCK_CLOEXEC), first, second;
	char argument[32];
	pid_t child;

	say_connect(fd, &server.addr);
	first = server_accept(&server);
	say_connect(gone, &server.addr);
	second = server_accept(&server);
	snprintf(argument, sizeof(argument), "%d,%d", server.addr.sin_port, fd);
	child = must(fork());
	if (!child)
		exec_helper("after-exec", argument);
	close(fd);
	close(gone);
	wait_child(child);
	say_recv("server", first);
	say_recv("server", first);
	say_recv("server, second", second);
	close(first);
	close(second);
	server_close(&server);
}

static void exec_blocking(void)
{
	exec_after(0);
}

static void exec_nonblocking(void)
{
	exec_after(SOCK_NONBLOCK);
}

/* Pending when the program is replaced; the new one sees it connect. */
static void exec_pending(void)
{
	struct server silent = server_silent(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), peer;
	char argument[32];
	pid_t child;

	say_connect(fd, &silent.addr);
	snprintf(argument, sizeof(argument), "%d,%d", silent.addr.sin_port, fd);
	child = must(fork());
	if (!child)
		exec_helper("after-exec", argument);
	close(fd);
	server_drain(&silent);
	wait_child(child);
	peer = server_accept(&silent);
	say_recv("server", peer);
	say_recv("server", peer);
	close(peer);
	server_close(&silent);
}

/* A daemon: parentless, in a session of its own. */
static void daemonised(void)
{
	struct server server = server_open(LOOPBACK);
	int begin[2], done[2];
	pid_t child;
	char byte;

	must(pipe(begin));
	must(pipe(done));
	child = must(fork());
	if (!child) {
		must(setsid());
		if (must(fork()))
			_exit(0);
		close(begin[1]);
		close(done[0]);
		must(read(begin[0], &byte, 1));
		use(&server);
		_exit(0);
	}
	close(begin[0]);
	close(done[1]);
	wait_child(child);
	close(begin[1]);
	say_result("daemon ended", read(done[0], &byte, 1));
	close(done[0]);
	server_close(&server);
}

/* The program ends; its daemon connects afterwards. */
static void outlives(void)
{
	int alive[2];
	pid_t child;
	char byte;

	must(pipe(alive));
	child = must(fork());
	if (!child) {
		struct server server;

		must(setsid());
		if (must(fork()))
			_exit(0);
		close(alive[1]);
		must(read(alive[0], &byte, 1));
		close(alive[0]);
		server = server_open(LOOPBACK);
		use(&server);
		use(&server);
		say("daemon done");
		_exit(0);
	}
	close(alive[0]);
	wait_child(child);
	/* alive[1] stays open until this process has ended. */
}

static void becomes_user(void)
{
	struct server server = server_open(LOOPBACK);
	struct stat status;
	int fd;

	use(&server);
	must(setgroups(0, NULL));
	must(setresgid(NOBODY, NOBODY, NOBODY));
	must(setresuid(NOBODY, NOBODY, NOBODY));
	use(&server);
	fd = tcp(0);
	say_connect(fd, &server.addr);
	must(fstat(fd, &status));
	say("owner: %u", status.st_uid);
	close(fd);
	close(server_accept(&server));
	server_close(&server);
}

/* Without root's capabilities, still user 0: what a container's root is. */
static void effective_user(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0);
	struct stat status;

	must(seteuid(NOBODY));
	say_connect(fd, &server.addr);
	must(fstat(fd, &status));
	say("owner of a socket made before: %u", status.st_uid);
	close(server_accept(&server));
	close(fd);
	use(&server);
	must(seteuid(0));
	use(&server);
	server_close(&server);
}

static void undumpable(void)
{
	struct server server = server_open(LOOPBACK);

	must(prctl(PR_SET_DUMPABLE, 0));
	use(&server);
	must(prctl(PR_SET_DUMPABLE, 1));
	use(&server);
	server_close(&server);
}

static void changed_root(void)
{
	struct server server = server_open(LOOPBACK);
	char path[] = "/tmp/reseat-root.XXXXXX";
	pid_t child;

	if (!mkdtemp(path))
		fail("mkdtemp: %s", path);
	child = must(fork());
	if (!child) {
		must(chroot(path));
		must(chdir("/"));
		use(&server);
		_exit(0);
	}
	wait_child(child);
	must(rmdir(path));
	server_close(&server);
}

static void pid_namespace(void)
{
	struct server server = server_open(LOOPBACK);
	pid_t child = must(fork());

	if (!child) {
		must(unshare(CLONE_NEWPID));
		child = must(fork());
		if (!child) {
			say("pid %d", getpid());
			use(&server);
			_exit(0);
		}
		wait_child(child);
		_exit(0);
	}
	wait_child(child);
	server_close(&server);
}

/* Traced by its parent, as under a debugger: the tracer sees no stop that native does not have. */
static void traced(void)
{
	struct server server = server_open(LOOPBACK);
	unsigned int stops = 0;
	int go[2], status;
	pid_t child;
	char byte;

	must(pipe(go));
	child = must(fork());
	if (!child) {
		close(go[1]);
		must(read(go[0], &byte, 1));
		use(&server);
		_exit(9);
	}
	close(go[0]);
	must(ptrace(PTRACE_SEIZE, child, 0, 0));
	close(go[1]);
	for (;;) {
		must(waitpid(child, &status, 0));
		if (!WIFSTOPPED(status))
			break;
		stops++;
		must(ptrace(PTRACE_CONT, child, 0, 0));
	}
	say("child: %x, stops %u", status, stops);
	server_close(&server);
}

static void no_new_privs(void)
{
	struct server server = server_open(LOOPBACK);

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	use(&server);
	server_close(&server);
}

/* Children by the dozen that connect and end, none of them a zombie of anybody else. */
static void many_children(void)
{
	struct server server = server_open(LOOPBACK);
	unsigned int good = 0;

	for (int i = 0; i < 40; i++) {
		pid_t child = must(fork());
		int status;

		if (!child) {
			int fd = tcp(0);

			_exit(!!do_connect(fd, &server.addr, sizeof(server.addr)));
		}
		must(waitpid(child, &status, 0));
		good += !status;
		close(server_accept(&server));
	}
	say("good: %u", good);
	say_result("wait", waitpid(-1, NULL, WNOHANG));
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "forked", forked, MUST_SWAP },
	{ "vfork-exec", vfork_exec, MUST_SWAP },
	{ "exec-blocking", exec_blocking, MUST_SWAP },
	{ "exec-nonblocking", exec_nonblocking, MUST_SWAP },
	{ "exec-pending", exec_pending, MUST_SWAP | SLOW },
	{ "daemonised", daemonised, MUST_SWAP },
	{ "outlives", outlives, MUST_SWAP },
	{ "becomes-user", becomes_user, MUST_SWAP | NEEDS_ROOT },
	{ "effective-user", effective_user, MUST_SWAP | NEEDS_ROOT },
	{ "undumpable", undumpable, MUST_TRACE },
	{ "changed-root", changed_root, MUST_SWAP | NEEDS_ROOT },
	{ "pid-namespace", pid_namespace, MUST_SWAP | NEEDS_ROOT },
	{ "traced", traced, MUST_TRACE },
	{ "no-new-privs", no_new_privs, MUST_SWAP },
	{ "many-children", many_children, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = {
	{ "connect", connect_helper },
	{ "after-exec", after_exec_helper },
	{ 0 },
};
