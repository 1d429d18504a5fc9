/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connect(2), from the address in the target's memory to what its caller is told.
 *
 *     request -> look at the socket -> plan: pass, in place, or swap -> do it -> outcome
 *
 * Nothing here waits for the network or for another thread of the target. The notification itself is
 * answered by the caller of this layer, from the outcome.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "policy/policy.h"
#include "socket/address.h"
#include "target/caller.h"

/* How a connect was dealt with. */
enum swap_how {
	SWAP_PASS,     /* the kernel does what the program asked for */
	SWAP_NATIVE,   /* the same, for a socket that is engaged already: connect asks for the result */
	SWAP_IN_PLACE, /* the program's own socket, connected to another address */
	SWAP_SWAPPED,  /* a replacement stands at the number */
	SWAP_REJECTED, /* the policy says no */
	SWAP_FAILED,   /* something of ours failed; the program sees that errno and keeps its socket */
};

/* What became of one connect. */
struct swap_outcome {
	bool concerns_ipv4;    /* false: not an IPv4 destination; nothing to tell, all else is unset */
	enum swap_how how;
	union address dest;    /* what the program asked for, AF_INET; family 0: could not be read */
	int number;
	struct policy_decision decision;
	union address made;    /* where it went instead; family 0 where nothing was made */
	unsigned int items;    /* epoll registrations that follow */
	unsigned int duplicates;
	bool exact;
	const char *why;       /* for pass and native: the reason; for what is not exact: what is missing */

	bool resume;	       /* answer CONTINUE; else @error is the answer */
	int error;	       /* 0 or a positive errno */

	/* A blocking connect with SO_SNDTIMEO: the socket carries an endless timeout meanwhile. After
	 * the answer, see timeouts.h. */
	bool has_timeout;
	struct timeval timeout;
	uint64_t inode;        /* of the socket that connects; with @has_timeout */
};

/* What a program passed to connect(2). */
struct swap_request {
	int number;
	uint64_t address; /* in the target's memory */
	uint32_t length;
};

struct swap_options {
	const struct policy *policy;
	const char *watch_backend; /* or NULL */
};

struct swap;

/**
 * swap_new() - everything that can fail before the first connect.
 * @error: receives a line for a person
 *
 * Return: 0 or a negative errno with @error set.
 */
int swap_new(struct swap **ret, const struct swap_options *options, struct policy_error *error);

/**
 * swap_enter_thread() - prepare the calling thread, which must be the only one to use @swap from now on
 * and have a descriptor table of its own: descriptors are registered (numbers.h), the ring that starts
 * connects on blocking sockets is made.
 */
void swap_enter_thread(struct swap *swap);
void swap_free(struct swap *swap);

/**
 * swap_connect() - deal with one connect.
 *
 * Return: 0 with @ret filled; -ENOENT: the caller is gone, nothing is owed to it. Never another error:
 * what fails is told in the outcome.
 */
int swap_connect(struct swap *swap, const struct caller *caller, const struct swap_request *request,
		 struct swap_outcome *ret);

/**
 * swap_waits() - whether something is kept for a while; from any thread. swap_expire(), called now and
 * then by the thread of swap_connect(), lets go of it in time.
 */
bool swap_waits(const struct swap *swap);
void swap_expire(struct swap *swap);

/**
 * swap_restrict() - a thread is about to take a Landlock ruleset (landlock_restrict_self(2)).
 * @number: the ruleset in the target's table
 */
void swap_restrict(struct swap *swap, const struct caller *caller, int number);

/**
 * swap_translates() - whether any socket of any target can present itself as another: false until the
 * first swap that changes the peer. Lets what asks for names answer at once.
 */
bool swap_translates(const struct swap *swap);

/**
 * swap_name() - what a program that asks for a socket's name is told.
 * @fd: a duplicate of the socket
 * @peer: getpeername(2), else getsockname(2)
 * @ret: receives the address, of the family that the program believes its socket to have
 *
 * Return: true; false where the kernel's own answer is right.
 */
bool swap_name(struct swap *swap, int fd, bool peer, union address *ret);

/**
 * swap_sent_on() - a thread that asks about a socket is about to be answered by the kernel.
 */
void swap_sent_on(struct swap *swap, pid_t tid, int number);

/**
 * swap_binds() - whether a bind(2) on a socket is ours to make: its program believes the socket to be
 * AF_INET, it is a fresh TCP socket in our reach, and its thread is under no rules that only its own
 * calls meet. The marks alone prove nothing: a program can set them.
 *
 * swap_bind() - make it, to an IPv4 address.
 * @fd: a duplicate of the socket
 *
 * Return: 0, or the errno that the program is to see, negative.
 */
bool swap_binds(struct swap *swap, const struct caller *caller, int fd);
int swap_bind(const struct caller *caller, int fd, const union address *local);

/**
 * swap_believes_inet() - whether a program believes the socket, which is AF_INET6, to be AF_INET.
 */
bool swap_believes_inet(struct swap *swap, int fd);

const char *swap_how_name(enum swap_how how);
