// SPDX-License-Identifier: GPL-2.0-or-later
/* What the assumption programs are written with. */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "assume.h"

void differs(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: the kernel differs: ", file, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	exit(1);
}

void missing(const char *format, ...)
{
	const char *no_skip = getenv("RESEAT_NO_SKIP");
	va_list arguments;

	fprintf(stderr, "missing: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	exit(no_skip && !strcmp(no_skip, "1") ? 1 : 77);
}

int must_(long result, const char *call, const char *file, int line)
{
	if (result < 0) {
		fprintf(stderr, "%s:%d: %s: %s\n", file, line, call, strerror(errno));
		exit(1);
	}
	return result;
}

int load_filter(int number, unsigned long flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	int fd;

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		     SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &program);
	return fd < 0 ? -errno : fd;
}

struct target target_start(int (*run)(void), int number, unsigned long flags)
{
	struct target target;
	int pair[2], listener;
	char go;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	fflush(NULL);
	target.pid = must(fork());
	if (!target.pid) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL));
		close(pair[0]);
		listener = load_filter(number, flags);
		must(write(pair[1], &listener, sizeof(listener)));
		must(read(pair[1], &go, 1));
		close(listener);
		close(pair[1]);
		exit(run());
	}
	close(pair[1]);
	must(read(pair[0], &listener, sizeof(listener)));
	if (listener == -EINVAL && flags)
		missing("seccomp(2) flags 0x%lx", flags);
	if (listener < 0)
		missing("seccomp notification: %s", strerror(-listener));
	target.pidfd = must(syscall(SYS_pidfd_open, target.pid, 0));
	target.listener = copy_of(&target, listener);
	must(write(pair[0], "g", 1));
	close(pair[0]);
	return target;
}

int target_end(struct target *target)
{
	int status;

	must(waitpid(target->pid, &status, 0));
	close(target->listener);
	close(target->pidfd);
	return status;
}

struct seccomp_notif receive(const struct target *target)
{
	struct seccomp_notif notification = { 0 };

	check(wait_for(target->listener, POLLIN, DEADLINE) & POLLIN, "no notification");
	must(ioctl(target->listener, SECCOMP_IOCTL_NOTIF_RECV, &notification));
	return notification;
}

int answer(const struct target *target, uint64_t id, int error, int64_t value, uint32_t flags)
{
	struct seccomp_notif_resp response = {
		.id = id,
		.error = error,
		.val = value,
		.flags = flags,
	};

	return ioctl(target->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 ? -errno : 0;
}

int replace(const struct target *target, uint64_t id, int source, int number, uint32_t flags)
{
	struct seccomp_notif_addfd addfd = {
		.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD | flags,
		.srcfd = source,
		.newfd = number,
	};
	int result = ioctl(target->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd);

	return result < 0 ? -errno : result;
}

int copy_of(const struct target *target, int number)
{
	return must(syscall(SYS_pidfd_getfd, target->pidfd, number, 0));
}

static socklen_t loopback(struct sockaddr_storage *address, int family, in_port_t port)
{
	memset(address, 0, sizeof(*address));
	address->ss_family = family;
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)address;

		in->sin_port = port;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

		in6->sin6_port = port;
		in6->sin6_addr = in6addr_loopback;
		return sizeof(*in6);
	}
}

int server(int family, int queue, in_port_t *port)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, family, 0);
	int fd = must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		missing("the %s loopback address: %s", family == AF_INET ? "IPv4" : "IPv6",
			strerror(errno));
	must(listen(fd, queue));
	must(getsockname(fd, (struct sockaddr *)&address, &length));
	*port = family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port :
				    ((struct sockaddr_in6 *)&address)->sin6_port;
	return fd;
}

int silent_server(int family, in_port_t *port)
{
	int fd = server(family, 0, port);
	int filler = must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	/*
	 * A queue of length 0 takes one connection; the filler stays open until the program ends.
	 */
	must(connect_to(filler, family, *port));
	return fd;
}

int connect_to(int fd, int family, in_port_t port)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, family, port);

	return connect(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
}

short wait_for(int fd, short events, int timeout)
{
	struct pollfd item = { .fd = fd, .events = events };
	int count = must(poll(&item, 1, timeout));

	return count ? item.revents : 0;
}

long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void wait_blocked(pid_t tid, int number)
{
	char path[64], line[256];
	long start = now_ms();

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	while (now_ms() - start < DEADLINE) {
		FILE *file = fopen(path, "re");

		if (!file)
			missing("%s: %s", path, strerror(errno));
		if (!fgets(line, sizeof(line), file))
			line[0] = 0;
		fclose(file);
		if (line[0] >= '0' && line[0] <= '9' && atoi(line) == number)
			return;
		poll(NULL, 0, 1);
	}
	differs(__FILE__, __LINE__, "thread %d is not in system call %d", tid, number);
}

int tcp_state(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	return info.tcpi_state;
}
