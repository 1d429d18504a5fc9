/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options that a program can have set before connect, as one table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* The longest value in the table. */
#define OPTION_SIZE 16

struct option_set;

/* One option: how to read it from the old socket and what to do with it on the new one. */
struct option {
	const char *text; /* "SO_KEEPALIVE" */
	int level, name;
	socklen_t size; /* of the value, at most OPTION_SIZE; 0: an int */
	/* Set besides on an AF_INET6 replacement of an AF_INET socket: the IPv6 side of it. */
	int level6, name6;
	bool place_only; /* means something in its network namespace alone */
	bool inet6_only; /* exists on AF_INET6 sockets alone */
	/* Where reading and writing are not symmetric; NULL: getsockopt, compare, setsockopt. */
	int (*copy)(const struct option *option, int from, int to);
};

/**
 * option_at() - the table; NULL past the end. For tests and for `reseat check`.
 */
const struct option *option_at(size_t index);

/**
 * option_set_new() - the values of fresh sockets, to tell what a program changed.
 *
 * Reads every option from a fresh socket of each family and protocol that works here. Return: 0,
 * -ENOMEM, or the errno of socket(2) for TCP over IPv4.
 */
int option_set_new(struct option_set **ret);
void option_set_free(struct option_set *set);

/**
 * option_copy() - give a fresh socket the options of another.
 * @from: read only
 * @from_family, @protocol: what @from is
 * @to: the replacement
 * @to_family: its family; going from AF_INET to AF_INET6, the IPv6 side of an option is set as well
 * @elsewhere: it is in another network namespace
 * @ret_refused: receives the first option that could not be set (text from the table), or NULL
 *
 * Return: 0. What cannot be set is no error: the caller reports it.
 */
void option_copy(const struct option_set *set, int from, int from_family, int protocol, int to,
		 int to_family, bool elsewhere, const char **ret_refused);
