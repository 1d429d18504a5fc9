/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the assumption programs are written with: a target that a filter watches, and a verdict.
 *
 * Each program here holds one behaviour of the kernel that reseat relies on. It exits 0 where the
 * running kernel behaves so, 77 where that cannot be tried (the missing thing is named), 1 where it
 * differs.
 */
#pragma once

#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../tests/slow.h"

#define DEADLINE slowly(5000) /* milliseconds */

/* The behaviour holds, or the program ends with 1 and the text. */
#define check(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			differs(__FILE__, __LINE__, __VA_ARGS__);                                  \
	} while (0)

__attribute__((noreturn, format(printf, 3, 4))) void differs(const char *file, int line,
							     const char *format, ...);
__attribute__((noreturn, format(printf, 1, 2))) void missing(const char *format, ...);

/* For calls that prepare. */
#define must(call) must_(call, #call, __FILE__, __LINE__)
int must_(long result, const char *call, const char *file, int line);

/* A child process whose calls of one number are notified. */
struct target {
	pid_t pid;
	int pidfd;
	int listener;
};

/**
 * target_start() - fork, load the filter in the child, run @run there.
 * @number: the system call to notify
 * @flags: SECCOMP_FILTER_FLAG_* besides NEW_LISTENER
 *
 * The child exits with what @run returns. Both end when the parent does.
 */
struct target target_start(int (*run)(void), int number, unsigned long flags);
/* waitpid(2): the status of the child; closes what the parent has of it. */
int target_end(struct target *target);

/* The next notification, within the deadline. */
struct seccomp_notif receive(const struct target *target);
/* SECCOMP_IOCTL_NOTIF_SEND. Return: 0 or a negative errno. */
int answer(const struct target *target, uint64_t id, int error, int64_t value, uint32_t flags);
/* SECCOMP_IOCTL_NOTIF_ADDFD over a number of the target. Return: the number or a negative errno. */
int replace(const struct target *target, uint64_t id, int source, int number, uint32_t flags);
/* Our duplicate of a descriptor of the target. */
int copy_of(const struct target *target, int number);

/* A TCP server on the loopback address, with a queue of the length; the port in network order. */
int server(int family, int queue, in_port_t *port);
/* A server with a full queue: a connect to it stays pending. */
int silent_server(int family, in_port_t *port);
/* connect(2) to the port on the loopback address of the family. Return: 0 or a negative errno. */
int connect_to(int fd, int family, in_port_t port);
/* Wait for poll(2) events within @timeout milliseconds. Return: revents, 0 on time-out. */
short wait_for(int fd, short events, int timeout);
/* Wait until the thread sleeps in the system call. */
void wait_blocked(pid_t tid, int number);
int tcp_state(int fd);
long now_ms(void);

/* The filter itself, on the calling thread. Return: the listener or a negative errno. */
int load_filter(int number, unsigned long flags);

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
