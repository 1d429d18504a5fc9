// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs with seccomp filters of their own, which come before reseat's: what they forbid stays forbidden. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

/* This filter for one call, and everything else allowed. */
static void forbid(long number, uint32_t action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

/* connect(2) itself: what a filter takes is nothing that a trace would know of. */
static void connects(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	if (say_result("connect", connect(fd, (struct sockaddr *)&server.addr, sizeof(server.addr))) == 0) {
		say_peer(fd);
		peer = server_accept(&server);
		say_echo(fd, peer);
		close(peer);
	}
	say_no_more_connections(&server);
	close(fd);
	server_close(&server);
}

/* A call that has nothing to do with sockets. */
static void another_call(void)
{
	forbid(SYS_sync, SECCOMP_RET_ERRNO | EACCES);
	connects();
}

static void refused_by_filter(void)
{
	forbid(SYS_connect, SECCOMP_RET_ERRNO | ENETDOWN);
	connects();
}

/* Names are asked of the supervisor. */
static void names_refused(void)
{
	forbid(SYS_getpeername, SECCOMP_RET_ERRNO | EXFULL);
	connects();
}

static void trapped(int number, siginfo_t *info, void *context)
{
	say("SIGSYS: %s", info->si_syscall == SYS_connect ? "connect" : "another call");
	_exit(0);
}

static void trapped_by_filter(void)
{
	struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO };
	int status;

	if (!must(fork())) {
		must(sigaction(SIGSYS, &action, NULL));
		forbid(SYS_connect, SECCOMP_RET_TRAP);
		connects();
		_exit(1);
	}
	must(wait(&status));
	say("exit: %d", WEXITSTATUS(status));
}

static void killed_by_filter(void)
{
	int status;

	if (!must(fork())) {
		forbid(SYS_connect, SECCOMP_RET_KILL_PROCESS);
		connects();
		_exit(1);
	}
	must(wait(&status));
	say("signal: %d", WTERMSIG(status));
}

const struct scenario scenarios[] = {
	{ "another-call", another_call, MUST_SWAP | MUST_EXACT },
	{ "refused", refused_by_filter },
	{ "names-refused", names_refused, MUST_SWAP },
	{ "trapped", trapped_by_filter },
	{ "killed", killed_by_filter },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
