// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A table of fixed size in our memory, by socket cookie: for who may keep nothing in the kernel.
 *
 * Cookies are given out in sequence, so a slot is reused only after as many newer sockets as there are slots.
 */
#include "swap/origin_store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SLOTS 65536

struct slot {
	uint32_t cookie; /* what the slot's place does not say of it; see cookie_of() */
	struct origin_record record;
};

struct table {
	struct origin_store store;
	struct slot *slots; /* SLOTS of them; pages appear as they are touched */
};

static int table_open(struct origin_store **ret, const char *path, const char **ret_why)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->slots = mmap(NULL, SLOTS * sizeof(*table->slots), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table->slots == MAP_FAILED) {
		free(table);
		return -ENOMEM;
	}
	*ret = &table->store;
	return 0;
}

static void table_close(struct origin_store *store)
{
	struct table *table = (struct table *)store;

	munmap(table->slots, SLOTS * sizeof(*table->slots));
	free(table);
}

/* Return: the slot that is a socket's, or NULL; @ret_cookie receives what is in there if it is the socket's. */
static struct slot *slot_of(struct origin_store *store, int fd, uint32_t *ret_cookie)
{
	const struct table *table = (struct table *)store;
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0 || cookie == 0)
		return NULL;
	/* 0 is for a slot that was never used. */
	*ret_cookie = (uint32_t)(cookie / SLOTS) + 1;
	return &table->slots[cookie % SLOTS];
}

static bool table_get(struct origin_store *store, int fd, struct origin_record *ret)
{
	uint32_t cookie;
	const struct slot *slot = slot_of(store, fd, &cookie);

	if (!slot || slot->cookie != cookie)
		return false;
	*ret = slot->record;
	return true;
}

static int table_put(struct origin_store *store, int fd, const struct origin_record *record)
{
	uint32_t cookie;
	struct slot *slot = slot_of(store, fd, &cookie);

	if (!slot)
		return -ENOTSOCK;
	*slot = (struct slot){.cookie = cookie, .record = *record};
	return 0;
}

const struct origin_way origin_table = {
	.name = "table",
	.open = table_open,
	.close = table_close,
	.get = table_get,
	.put = table_put,
};
