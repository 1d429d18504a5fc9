/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where what is known of a socket is kept: a struct of functions for each way; origin.c chooses. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is set in a record. */
enum {
	ORIGIN_ASKED = 1 << 0, /* addr, port, local, peer */
	ORIGIN_BOUND = 1 << 1, /* bound */
	ORIGIN_LOST = 1 << 2,  /* level, name */
};

/* All of one socket. It lies in maps that reseats of several versions share; see origin_storage.c. */
struct origin_record {
	uint32_t addr;	/* addresses and port in network order */
	uint32_t local;
	uint32_t bound;
	uint32_t peer;	/* a digest of address and port */
	uint16_t port;
	uint16_t level, name;
	uint8_t form;	/* enum present_form */
	uint8_t set;
};

struct origin_store {
	const struct origin_way *way;
};

struct origin_way {
	const char *name;

	/* @path: as origins_new(), which it is NULL for where the way has no names.
	 * Return: 0; or a negative errno, with *ret_why where it is not for want of memory. */
	int (*open)(struct origin_store **ret, const char *path, const char **ret_why);
	void (*close)(struct origin_store *store);
	void (*enter_thread)(struct origin_store *store); /* or NULL */

	/* The rest is called by one thread at a time. */

	/* Return: whether there is a record. */
	bool (*get)(struct origin_store *store, int fd, struct origin_record *ret);
	/* Return: 0; a negative errno: it is not kept, nor anything older. */
	int (*put)(struct origin_store *store, int fd, const struct origin_record *record);
};

extern const struct origin_way origin_storage, origin_table;
