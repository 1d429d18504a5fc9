// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Landlock binds the process that calls, not the socket: a connect that a supervisor makes through
 * the target's own socket is not denied. So a target under network rules has to be let be.
 */
#include <errno.h>
#include <linux/types.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

#define ACCESS_NET_CONNECT_TCP (1ULL << 1)

struct ruleset {
	__u64 handled_access_fs, handled_access_net;
};

static in_port_t port;

static int target(void)
{
	struct ruleset rules = { .handled_access_net = ACCESS_NET_CONNECT_TCP };
	int fd = must(socket(AF_INET, SOCK_STREAM, 0)), ruleset;

	ruleset = must(syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0));
	must(syscall(SYS_landlock_restrict_self, ruleset, 0));
	check(connect_to(fd, AF_INET, port) == -EACCES, "Landlock does not deny");
	check(connect_to(fd, AF_INET, port) == 0, "the supervisor is denied too");
	return 0;
}

int main(void)
{
	int listening = server(AF_INET, 8, &port), fd;
	struct seccomp_notif notification;
	struct target t;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 4)
		missing("Landlock with network rules (ABI 4, Linux 6.7)");
	t = target_start(target, SYS_connect, 0);
	notification = receive(&t);
	must(answer(&t, notification.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	notification = receive(&t);
	fd = copy_of(&t, notification.data.args[0]);
	must(answer(&t, notification.id, connect_to(fd, AF_INET, port), 0, 0));
	check(!target_end(&t), "the target differs");
	close(listening);
	return 0;
}
