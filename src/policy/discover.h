/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of RFC 7050 that ask nobody; discover.c puts them together. */
#pragma once

#include <stdio.h>

#include "policy/policy.h"

/* ipv4only.arpa has two; each may come in as many forms as a network has prefixes. */
#define DISCOVER_RECORDS_MAX 32

/**
 * discover_prefix() - the prefix that a network's AAAA records of ipv4only.arpa show.
 *
 * The first record that carries 192.0.0.170 or 192.0.0.171 decides, where the value stands at one
 * of the six places of RFC 6052 and nowhere else in the address (RFC 7050 section 3).
 *
 * Return: whether there is one. @ret is untouched where not.
 */
bool discover_prefix(const struct in6_addr *records, size_t count, struct policy_prefix6 *ret);

/**
 * discover_answer() - the AAAA records of a DNS message, as many as @ret has room for.
 *
 * Return: their number, or -EBADMSG.
 */
int discover_answer(const unsigned char *message, size_t length,
		    struct in6_addr ret[static DISCOVER_RECORDS_MAX]);

/**
 * discover_hosts() - the IPv6 addresses that a file in the manner of hosts(5) has for
 * ipv4only.arpa.
 *
 * Return: their number.
 */
int discover_hosts(FILE *file, struct in6_addr ret[static DISCOVER_RECORDS_MAX]);
