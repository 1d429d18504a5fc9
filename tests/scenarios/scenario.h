/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every scenario is written with.
 *
 * A scenario is a function that does things with sockets and says, line by line, what it saw:
 * return values, errno names, event masks, data, addresses. The twin runner (tests/twin/) runs it
 * natively and under reseat and compares the lines, so they must be the same in every native run:
 * ports are printed by the name that the scenario gave them, the local address as "local", times as
 * a yes or no within a tolerance.
 *
 * A program is a table of scenarios; its main() is in scenario.c:
 *
 *     PROGRAM --list		prints a line for each: name, flags
 *     PROGRAM NAME [REPORT]	runs one; what the runner has to know goes to the file REPORT
 *     PROGRAM --helper NAME	runs a helper: the program executed by a scenario that calls exec
 *
 * Nothing here sleeps to synchronise: a scenario waits for a condition, with a deadline after which
 * it fails aloud.
 */
#pragma once

#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../slow.h"

enum scenario_flags {
	MUST_SWAP = 1 << 0,  /* at least one connect has to be swapped, or started in place */
	MUST_TRACE = 1 << 1, /* at least one connect has to appear in the trace */
	NEEDS_ROOT = 1 << 2, /* uses a privilege; skipped for an ordinary user */
	SLOW = 1 << 3,	     /* waits for a retransmission or runs thousands of rounds */
	MUST_EXACT = 1 << 4, /* no connect may be reported as approximate */
	MUST_APPROXIMATE = 1 << 5, /* at least one has to be */
	/* Policies to run under in place of the usual ones (twin/run.py). */
	UNDER_NETNS = 1 << 6,
	UNDER_RECVMSG = 1 << 7,
	UNDER_SEND = 1 << 8,
	UNDER_NETNS_SEND = 1 << 9,
	UNDER_NAT64 = 1 << 10, /* its servers have to be reachable over IPv6 */
	UNDER_TO = 1 << 11, /* likewise */
	UNDER_TO_INET = 1 << 12,
	COUNTS = 1 << 13, /* "at most" so many of something, of which a busy machine has more: in one run
			   * of three */
	MAY_ASK = 1 << 14, /* it is too much for some watch backends, which ask another one then */
};

struct scenario {
	const char *name;
	void (*run)(void);
	unsigned int flags;
};

/* Each program defines these; both end with an empty entry. */
extern const struct scenario scenarios[];
extern const struct scenario helpers[];

/* How long a condition may take before the scenario is given up, in milliseconds. */
#define DEADLINE slowly(10000)
/* How long "nothing happens" is watched for. */
#define QUIET 60

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A value in the upper half of a register, which is no part of an int argument; nothing where a
 * register is no longer than an int. */
#if LONG_MAX > INT_MAX
#define UPPER_HALF(value) ((long)(value) << 32)
#else
#define UPPER_HALF(value) 0L
#endif

/* Stop the scenario: the surroundings are not what they have to be. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
/* Stop the scenario: this machine or this user lacks what the text names. */
__attribute__((noreturn, format(printf, 1, 2))) void skip(const char *format, ...);

/* For calls that prepare: anything but a value >= 0 fails the scenario. */
#define must(call) must_(call, #call, __FILE__, __LINE__)
int must_(long result, const char *call, const char *file, int line);

/* A line for the reader of the runner's output that is not compared: a count, a measurement. */
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);

/* exec(2) of this program as the helper, with one argument, which helper_argument is then. */
__attribute__((noreturn)) void exec_helper(const char *name, const char *argument);
extern const char *helper_argument;

/* One line of what was seen. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/**
 * say_result() - "what: 0" or "what: -1 ECONNREFUSED".
 * Return: @result; errno is kept.
 */
long say_result(const char *what, long result);

/* "EINPROGRESS", "0"; never NULL. */
const char *errno_name(int error);

/* "IN OUT ET" for EPOLLIN | EPOLLOUT | EPOLLET (and the same bits of poll(2)); in a buffer of the
 * thread that the next call but three overwrites. */
const char *events_name(uint32_t events);

/* The port, in network order, is printed by this name from now on. */
void name_port(in_port_t port, const char *name);
const char *port_name(in_port_t port);

enum name_kind {
	PEER,  /* the address is printed as it is */
	LOCAL, /* an address of this host, or 192.0.0.2, is printed as "local" */
};

/* "AF_INET 198.51.100.1 port server". */
void say_address(const char *what, const void *address, socklen_t length, enum name_kind kind);

/* getpeername(2), getsockname(2), and what they return. */
void say_peer(int fd);
void say_local(int fd);
/* getsockopt of SO_ERROR: "SO_ERROR: ECONNREFUSED". */
void say_error(int fd);
/* Which descriptors the process has open: "open: 0 1 2 3". */
void say_open(void);

/* connect(2), counted for the runner where it is to an IPv4 destination; nothing said. */
int do_connect(int fd, const void *address, socklen_t length);
/* connect(2) to an IPv4 address, with "connect: 0" or "connect: -1 EINPROGRESS". */
int say_connect(int fd, const struct sockaddr_in *to);

/* socket(AF_INET, SOCK_STREAM | @flags). */
int tcp(int flags);
struct sockaddr_in inet(const char *address, in_port_t port);
struct sockaddr_in6 inet6(const char *address, in_port_t port);
int set(int fd, int level, int name, int value);

/* poll(2) one descriptor until @events or an error; fails at the deadline. Return: revents. */
short wait_poll(int fd, short events);
/* poll(2) for no time: "poll: OUT HUP". */
void say_poll(int fd, short events);
/* Wait until the TCP socket has the state (TCP_INFO); fails at the deadline. */
void wait_tcp_state(int fd, int state);
/* Wait until the thread sleeps in the system call. */
void wait_blocked(pid_t tid, long number);
/* ... in one of several. */
void wait_blocked_in_one(pid_t tid, const long *numbers, size_t count);
/* Whether the thread sleeps in a function of the kernel whose name has a word in it (/proc/TID/wchan). */
bool sleeps_in(pid_t tid, const char *word);

long now_ms(void);
long now_ns(void);
/* "WHAT after 300 ms: yes", allowing for a slow machine above and 20 ms below. */
void say_elapsed(const char *what, long since, long expected);

/* Bytes through a connection, both ways: "echo: yes". */
void say_echo(int client, int server);
/* recv(2) with a deadline: "WHAT: 5 hello", "WHAT: EOF", "WHAT: -1 ECONNRESET". */
void say_recv(const char *what, int fd);
/* Two descriptors name the same open file (kcmp(2)). */
bool same_file(int a, int b);
