// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replacements whose caller went away before it got them; see parked.h. */
#include "swap/parked.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"

void parked_init(struct parked *parked)
{
	memset(parked, 0, sizeof(*parked));
	for (int i = 0; i < PARKED_MAX; i++)
		parked->slots[i].fd = -EBADF;
}

void parked_own_descriptors(struct parked *parked)
{
	for (int i = 0; i < PARKED_MAX; i++)
		numbers_own(&parked->slots[i].fd);
}

static void drop(struct parked *parked, struct parked_one *slot)
{
	if (!slot->tid)
		return;
	slot->fd = linger_close(slot->fd);
	slot->tid = 0;
	parked->count--;
}

void parked_put(struct parked *parked, const struct parked_one *one)
{
	struct parked_one *slot = &parked->slots[0];
	int fd = one->fd;

	for (int i = 1; i < PARKED_MAX && slot->tid; i++)
		if (!parked->slots[i].tid || parked->slots[i].since < slot->since)
			slot = &parked->slots[i];
	drop(parked, slot);
	*slot = *one;
	slot->fd = fd;
	parked->count++;
	slot->since = clock_usec();
}

int parked_take(struct parked *parked, const struct parked_one *wanted)
{
	for (int i = 0; parked->count > 0 && i < PARKED_MAX; i++) {
		struct parked_one *slot = &parked->slots[i];

		if (slot->tid != wanted->tid || slot->number != wanted->number ||
		    slot->old_inode != wanted->old_inode ||
		    !address_equal(&slot->dest, &wanted->dest) ||
		    !address_equal(&slot->peer, &wanted->peer))
			continue;
		slot->tid = 0;
		parked->count--;
		return fd_take(&slot->fd);
	}
	return -ENOENT;
}

void parked_expire(struct parked *parked)
{
	uint64_t now;

	if (!parked->count)
		return;
	now = clock_usec();
	for (int i = 0; i < PARKED_MAX; i++)
		if (now - parked->slots[i].since > PARKED_USEC)
			drop(parked, &parked->slots[i]);
}
