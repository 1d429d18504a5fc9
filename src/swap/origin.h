/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is kept of a socket that neither it nor the policy can tell.
 *
 * Where its program meant to go, for rules that cannot be read backwards: one that sends a whole prefix or
 * a range of ports to one address does not tell from the peer what was asked for. How a socket presents itself,
 * where it cannot carry that itself: MPTCP sockets do not have the options of present.h. Where its program bound
 * it, where the socket is bound to any address. An option that it was given and that cannot be read back.
 *
 * It is kept with the socket where the kernel lets us (origin_storage.c), else by its cookie (origin_table.c).
 * In the kernel it can be kept under a name, too, which other supervisors know it by: those of other programs, and
 * the one that comes after us. They have other policies, so where sockets may come from them every destination is
 * kept, and what is kept goes before what our policy says.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "socket/address.h"
#include "socket/present.h"

struct origins;

/**
 * origins_new() - nothing is known yet, or what is in the map of that name.
 * @path: in a bpffs, made there unless it exists; NULL: for us alone
 * @ret_why: receives what is missing where a path was given and cannot be used; static text
 *
 * Return: 0; -ENOMEM; with a path another negative errno.
 */
int origins_new(struct origins **ret, const char *path, const char **ret_why);
void origins_free(struct origins *origins);

/**
 * origins_enter_thread() - the calling thread has left the process's descriptor table, and is the only one of
 * those that use @origins that has; numbers.h.
 */
void origins_enter_thread(struct origins *origins);

/**
 * origins_shared() - whether there are sockets of others.
 */
bool origins_shared(const struct origins *origins);

/* Where a program meant to go. */
struct origin {
	struct sockaddr_in dest;
	union address peer;	/* that the socket went to instead */
	struct in_addr local;	/* that the program is shown as its own address there */
	enum present_form form; /* PRESENT_ITSELF: the socket tells itself, or does not stand for another */
};

/**
 * origin_put() - remember it. What else is known of the socket stays.
 */
void origin_put(struct origins *origins, int fd, const struct origin *origin);

/**
 * origin_get() - what its program asked for of a socket that went to @peer.
 * @peer: an IPv4 address also in its mapped form
 * @ret_local: receives the local address
 *
 * Return: false where that is not known (any more), or where the socket went elsewhere last.
 */
bool origin_get(struct origins *origins, int fd, const union address *peer, struct sockaddr_in *ret,
		struct in_addr *ret_local);

/**
 * origin_form() - how a socket presents itself, as far as it is remembered; else PRESENT_ITSELF.
 */
enum present_form origin_form(struct origins *origins, int fd);

/**
 * origin_lose() - remember that a socket was given an option that cannot be read back.
 *
 * origin_lost() - which it was given so, the last of several. Return: false where there is none.
 */
void origin_lose(struct origins *origins, int fd, int level, int name);
bool origin_lost(struct origins *origins, int fd, int *ret_level, int *ret_name);

/**
 * origin_bind() - remember the address that a socket's program bound it to, where the socket is bound to any.
 * origin_local() - that address. Return: false where there is none.
 */
void origin_bind(struct origins *origins, int fd, struct in_addr local);
bool origin_local(struct origins *origins, int fd, struct in_addr *ret);
