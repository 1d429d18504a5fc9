/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small program of calls, as text, and what those who execute it share.
 *
 *	ACTOR[+][~] [VARIABLE =] CALL [ARGUMENT]...
 *
 * Actors 0 to 3 are threads and processes of the program; 0 is there from the start, the others by `thread K`
 * and `fork K`. `p` is the other side of its connections, and looks at it from outside.
 * Lines are executed one after the other: the next begins when a call has returned, or waits. Those that are
 * marked + are let go together with the next; ~ says that a call ends by itself, with time.
 * Variables a to z hold descriptors, and each process has its own; A to Z are the other side's.
 */
#pragma once

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	LINES_MAX = 96,
	WORDS_MAX = 10,
	ACTORS = 4,
	VARIABLES = 26,
	RESULT_MAX = 480,
	PEER = -1,
};

struct line {
	int actor;
	bool together; /* with the next */
	bool patient;
	char target; /* the variable that takes the result, or 0 */
	unsigned int count;
	char *words[WORDS_MAX];
	char *text; /* as it was written */
};

struct program {
	unsigned int mode; /* the order of what is let go together; interpret.c */
	char point[32];	   /* where the first of what is let go together is held, or "" */
	unsigned int skip; /* after so many times that it passed there */
	unsigned int count;
	struct line lines[LINES_MAX];
};

/* What is told of a line. Written by who executes it, and read when that has said that it is done. */
struct result {
	unsigned int used;
	char text[RESULT_MAX];
};

struct actor {
	atomic_uint told;    /* the line to execute, counted from 1 */
	atomic_uint begun;
	atomic_uint done;
	_Atomic int64_t at;  /* when to begin: CLOCK_MONOTONIC, ns */
	atomic_int pid, tid; /* 0: nobody */
	unsigned int process; /* the actor that is its process's first thread */
};

/* What a process needs that executes the interpreter anew. */
struct anew {
	int pid, fd; /* who has this memory, as what */
	in_port_t first, silent;
	int variables[VARIABLES];
	char text[LINES_MAX * 160]; /* the program */
};

struct shared {
	atomic_uint events; /* counts what actors do; futex(2) of who waits for that */
	atomic_uint exec; /* a process is between two programs */
	struct anew anew;
	struct actor actors[ACTORS];
	struct result results[LINES_MAX];
};

extern struct shared *shared;
extern struct program program;

/**
 * program_read() - the next program of standard input, into `program`.
 *
 * Errors in it end the process, with a message that names the line. Return: false at the end of input.
 */
bool program_read(void);

/* The same from lines that were read before. */
void program_parse(char *text);

/* Add to the result of a line. What does not fit is lost. */
void tell(struct result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A call's return value, or the name of its errno. */
void tell_result(struct result *result, long value);

const char *errno_name(int error);

/* A number, or the names of constants joined by |. Ends the process if there is no such name. */
uint32_t constant(const char *words);

/* The names of EPOLL... and POLL... bits, joined by |. */
void tell_events(struct result *result, uint32_t events);

struct named_option {
	const char *name;
	int level, option;
	enum { OPTION_INT, OPTION_LINGER, OPTION_TIME, OPTION_BYTE } kind;
};

/* An option by its name. Ends the process if there is none. */
const struct named_option *option_by_name(const char *name);

/*
 * Addresses are written [FAMILY:]HOST/PORT, or unspec. Hosts and ports are roles, which are the same in each
 * run; port_first() says where the ports that they stand for begin.
 */
enum { PORTS_EACH = 4 };

void ports_use(in_port_t first, in_port_t silent);
in_port_t port_first(void);

/* Return: the length of an address by its text. Ends the process if it is none. */
socklen_t address_by_name(const char *text, struct sockaddr_storage *ret);

void tell_address(struct result *result, const void *address, socklen_t length);

/* Data that is sent by a line: a letter of its own. */
char line_letter(unsigned int number);

void tell_data(struct result *result, const char *data, size_t size);

/* actor.c */

/* Be an actor until told to exit. */
_Noreturn void actor_live(unsigned int number);

/* Let somebody know that something happened, and wait for it. */
void event_happened(void);
void futex_wake_all(atomic_uint *word);
void futex_wait(atomic_uint *word, unsigned int seen, long timeout_ns);
int64_t now_ns(void);

/* start.c: go on as the first actor of a process that has executed this program again. */
_Noreturn void actor_anew(const char *pid, const char *fd, const char *actor);
void actor_signals(void);

/* call.c: execute a line as an actor. */
void call_execute(unsigned int actor, const struct line *line, unsigned int number, struct result *result);
int *call_variables(void);

/* peer.c: the other side. */
void peer_open(void);
void peer_execute(const struct line *line, unsigned int number, struct result *result);
/* What arrived and nobody asked for; then whether the connections have ended. Each to standard output. */
void peer_rest(void);
void peer_close(void);
in_port_t peer_silent(void);

/* look.c: the program from outside. */
enum look { LOOK_RUNS, LOOK_WAITS, LOOK_HELD, LOOK_STOPPED, LOOK_GONE };
enum look look_at(const struct actor *actor);
/* All open descriptors and epoll items of a process, to standard output. */
void look_open(unsigned int number, pid_t pid);
/* The items of one epoll instance. */
void look_items(struct result *result, pid_t pid, int number);
