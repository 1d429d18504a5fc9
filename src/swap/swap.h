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

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "policy/policy.h"
#include "socket/address.h"
#include "socket/present.h"
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
	const char *watch;     /* the backend that found them; NULL: nobody looked */
	bool exact;
	const char *why;       /* for pass and native: the reason; for what is not exact: what is missing */

	bool observed;	       /* nothing was done: all this is what would have been */
	uint32_t aside_usec;   /* of the time that this took, what only observing takes */

	bool resume;	       /* answer CONTINUE; else @error is the answer */
	int error;	       /* 0 or a positive errno; observed: what it would have been, as far as known */
	size_t sent;	       /* SWAP_TO_FASTOPEN, without error: how many bytes */

	/* A blocking connect with SO_SNDTIMEO: the socket carries an endless timeout meanwhile. After
	 * the answer, see timeouts.h. */
	bool has_timeout;
	struct timeval timeout;
	uint64_t inode;        /* of the socket that connects; with @has_timeout */
};

/* What a socket is dealt with for. */
enum swap_purpose {
	SWAP_TO_CONNECT,
	SWAP_TO_FASTOPEN, /* a send with MSG_FASTOPEN, which connects */
	SWAP_TO_SEND,	  /* a datagram to an address, without connect: put in place, not connected */
	SWAP_TO_RESTORE,  /* see swap_restore() */
};

/* What a program passed to connect(2), or to another call that takes an address. */
struct swap_request {
	enum swap_purpose purpose;
	int number;
	uint64_t address; /* in the target's memory */
	uint32_t length;
	bool only_ask; /* how it would be dealt with: nothing is done, and the outcome has no more */
	/* SWAP_TO_FASTOPEN: what is sent with it, ours. A blocking socket sends it itself. */
	const void *data;
	size_t size;
	int flags;
};

struct swap_options {
	const struct policy *policy;
	const char *watch_backend; /* or NULL */
	int listener; /* borrowed: of which is asked what the kernel can do; or -EBADF */
	pid_t first;		   /* see watch_begin() */
	bool observe;		   /* change nothing, and say what would be: observe.c */
	const char *origins;	   /* where sockets' origins are shared: origin.h; or NULL */
};

struct swap;

/**
 * swap_new() - everything that can fail before the first connect.
 * @error: receives a line for a person, where more can be said than the errno does
 *
 * Return: 0 or a negative errno.
 */
int swap_new(struct swap **ret, const struct swap_options *options, struct policy_error *error);

/**
 * swap_on_replaced() - be told of each datagram socket that has been replaced, while the old one still is there.
 * @replaced: called by the thread of swap_connect(), with the old one's inode and a duplicate of the new one, borrowed
 */
void swap_on_replaced(struct swap *swap, void (*replaced)(void *context, uint64_t inode, int new), void *context);

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
 * swap_leave_hidden() - a connect of a process that does not let itself be looked at: the kernel's.
 * @number: the descriptor, or -1 where not even that can be seen
 */
void swap_leave_hidden(struct swap_outcome *ret, int number);

/**
 * swap_restore() - a swapped socket becomes again what its program made it: one that is to listen, so that all
 * that accept(2) gives is native. The call itself is the kernel's then.
 *
 * Return: 0 with @ret filled; -ENOENT: the caller is gone.
 */
int swap_restore(struct swap *swap, const struct caller *caller, int number,
		 struct swap_outcome *ret);

/**
 * swap_waits() - whether something is kept for a while; from any thread. swap_expire(), called now and
 * then by the thread of swap_connect(), lets go of it in time.
 */
bool swap_waits(const struct swap *swap);
void swap_expire(struct swap *swap);

/**
 * swap_idle() - after a call was answered: what was put off until nobody waits for it.
 */
void swap_idle(struct swap *swap);

/**
 * swap_restrict() - a thread is about to take a Landlock ruleset (landlock_restrict_self(2)).
 * @number: the ruleset in the target's table
 */
void swap_restrict(struct swap *swap, const struct caller *caller, int number);

/**
 * swap_ring() - a thread is about to make an io_uring, which can hold sockets where nothing shows it.
 */
void swap_ring(struct swap *swap, const struct caller *caller);

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
 * swap_destination() - where a datagram goes that is sent to an address on a socket that presents itself
 * as another.
 * @fd: a duplicate of the socket
 * @asked: what the program passed, @length bytes of it
 * @ret: receives where to send it to
 *
 * From any thread. Return: 1 with @ret; 0: the kernel's own sending is right; or the errno that the program is to see,
 * negative.
 */
int swap_destination(struct swap *swap, const struct caller *caller, int fd,
		     const union address *asked, socklen_t length, union address *ret);

/**
 * swap_source() - whom a program is told that a datagram, or an error, came from.
 * @fd: a duplicate of the socket that received it
 * @real: as the kernel says; may be @ret
 *
 * From any thread. Return: true with @ret, of the family that the program believes its socket to have;
 * false where the kernel's own answer is right.
 */
bool swap_source(struct swap *swap, int fd, const union address *real, union address *ret);

/**
 * swap_received_at() - the local address that a program is told a datagram was sent to (IP_PKTINFO).
 * @fd: a duplicate of the socket that received it
 * @real: as the kernel says
 * @from: where it came from, as the kernel says; family 0: not known
 *
 * From any thread.
 */
struct in_addr swap_received_at(struct swap *swap, int fd, const struct in6_addr *real,
				const union address *from);

/**
 * swap_form() - how a socket presents itself. From any thread.
 */
enum present_form swap_form(const struct swap *swap, int fd);

/**
 * swap_at_send() - whether sockets are put in place by their first datagram to an address.
 */
bool swap_at_send(const struct swap *swap);

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
int swap_bind(struct swap *swap, const struct caller *caller, int fd, const union address *local);

/**
 * swap_believes_inet() - whether a program believes the socket, which is AF_INET6, to be AF_INET.
 */
bool swap_believes_inet(struct swap *swap, int fd);

/**
 * swap_lose() - a program is about to set an option; if it is one that cannot be read back, its socket is
 * remembered, and passes from then on: a key that is lost unseen is worse than a connect that fails.
 */
void swap_lose(struct swap *swap, const struct caller *caller, int number, int level, int name);

/**
 * swap_set_ip() - set an option of IPPROTO_IP on both sides of a socket that its program believes to be
 * AF_INET.
 * @fd: a duplicate of the socket
 * @value: as the program gave it, @length bytes
 *
 * Return: 0; or -ENODATA: it is no such socket, the option has no other side, or cannot be set, which the
 * kernel is to say.
 */
int swap_set_ip(struct swap *swap, int fd, int name, const void *value, socklen_t length);

/**
 * swap_inet6_level() - what setsockopt(2), or else getsockopt(2), of an option of IPPROTO_IPV6 says on a
 * socket that its program believes to be AF_INET.
 * @fd: a duplicate of the socket
 *
 * Return: the errno, negative; or -ENODATA where the kernel's own answer is right.
 */
int swap_inet6_level(struct swap *swap, int fd, bool set, int name);

/**
 * swap_mtu() - what IP_MTU is told of a socket that its program believes to be AF_INET: the longest IPv4
 * packet that still goes through once translated.
 * @fd: a duplicate of the socket
 *
 * Return: true; false where the kernel's own answer is right.
 */
bool swap_mtu(struct swap *swap, int fd, int *ret);

/**
 * swap_interface() - ioctl(2) for the IPv4 address of an interface, on a socket that its program believes
 * to be AF_INET.
 * @fd: a duplicate of the socket
 * @request: SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFDSTADDR or SIOCGIFPFLAGS
 *
 * Return: 0, or the errno that the program is to see, negative; -ENODATA where the kernel's own answer is
 * right.
 */
int swap_interface(struct swap *swap, int fd, unsigned int request, struct ifreq *interface);

const char *swap_how_name(enum swap_how how);
