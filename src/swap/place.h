/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The network namespaces that a policy speaks of: ours, for which it is made, and those of its rules.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct place {
	int fd;		 /* the namespace; -EBADF for ours, where nothing has to be entered */
	uint64_t cookie; /* SO_NETNS_COOKIE of a socket made in it */
};

struct places;

/**
 * places_open() - open every namespace that the policy names, and see that sockets can be made there.
 * @error: receives a line for a person on failure
 *
 * "self" is ours. Return: 0 or a negative errno: -ENOENT: no such path; -EPERM: CAP_SYS_ADMIN is
 * missing; -EINVAL: not a network namespace.
 */
int places_open(const struct policy *policy, struct places **ret, struct policy_error *error);
void places_close(struct places *places);

/**
 * places_own_descriptors() - register the descriptors with numbers.h, in the thread that uses them.
 */
void places_own_descriptors(struct places *places);

/**
 * places_fd() - the namespace that a cookie names (SO_NETNS_COOKIE): a descriptor, borrowed, or -EBADF where it
 * is our own or none of the policy's.
 */
int places_fd(const struct places *places, uint64_t cookie);

/**
 * places_unprivileged_port() - the first port that takes no privilege in a network namespace
 * (net.ipv4.ip_unprivileged_port_start).
 * @netns: as places_fd() tells. The calling thread goes there and comes back; it aborts where it cannot
 */
unsigned int places_unprivileged_port(const struct places *places, int netns);

/* Our own namespace: a descriptor to come back by, and its cookie. */
int places_home_fd(const struct places *places);
uint64_t places_home_cookie(const struct places *places);

/**
 * places_socket() - make a socket of AF_INET that is never connected, to ask things of a namespace.
 * @cookie: ours, or that of one that a rule names
 *
 * Return: 0; -ENOENT: another namespace; the errno of socket(2) or setns(2), negative. Aborts where the
 * way back fails.
 */
int places_socket(const struct places *places, uint64_t cookie, int *ret);

/* The namespace of a rule with POLICY_NETNS. */
const struct place *places_of_rule(const struct places *places, const struct policy_rule *rule);

/* Whether a cookie is that of a namespace that a rule names (ours left out). */
bool places_named(const struct places *places, uint64_t cookie);
