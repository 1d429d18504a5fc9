// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keeping descriptor numbers free; see numbers.h. */
#include "base/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A process with a lower RLIMIT_NOFILE could not have opened what a supervisor needs. */
#define SURELY_ALLOWED 32

static _Thread_local int **owned;
static _Thread_local int owned_count, owned_room;

void numbers_own(int *fd)
{
	if (owned_count == owned_room) {
		int room = owned_room ? 2 * owned_room : 64;
		int **grown = reallocarray(owned, room, sizeof(*grown));

		if (!grown)
			return;
		owned = grown;
		owned_room = room;
	}
	owned[owned_count++] = fd;
}

void numbers_disown_all(void)
{
	free(owned);
	owned = NULL;
	owned_count = owned_room = 0;
}

void numbers_disown(int *fd)
{
	/* The last registered is the first to go, as a rule. */
	for (int i = owned_count - 1; i >= 0; i--) {
		if (owned[i] == fd) {
			owned[i] = owned[--owned_count];
			return;
		}
	}
}

int numbers_claim(int number)
{
	if (fcntl(number, F_GETFD) < 0) {
		struct rlimit limit;

		/* Every kernel and limit allows this many; dup3(2) would say so of the rest, but late. */
		if (number < SURELY_ALLOWED)
			return 0;
		if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
			return -errno;
		return (rlim_t)number < limit.rlim_cur ? 0 : -EMFILE;
	}
	for (int i = 0; i < owned_count; i++) {
		int moved;

		if (*owned[i] != number)
			continue;
		/* Upwards, where fewer targets have their sockets; anywhere if that fails. */
		moved = fcntl(number, F_DUPFD_CLOEXEC, number + 64);
		if (moved < 0)
			moved = fcntl(number, F_DUPFD_CLOEXEC, 0);
		if (moved < 0)
			return -errno;
		*owned[i] = moved;
		close(number);
		return 0;
	}
	return -EBUSY;
}

int numbers_claim_for(int number, const int *fd)
{
	/* The lowest that is free from there on: mostly it is the one, and then nothing had to be asked. */
	int got = fcntl(*fd, F_DUPFD_CLOEXEC, number);
	int r;

	if (got == number)
		return 0;
	if (got >= 0)
		close(got);
	r = numbers_claim(number);
	if (r < 0)
		return r;
	return dup3(*fd, number, O_CLOEXEC) < 0 ? -errno : 0;
}

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int numbers_keep_registered(void)
{
	int *kept = calloc(owned_count + 1, sizeof(*kept));
	int count = 0;
	unsigned int from = 0;

	if (!kept)
		return -ENOMEM;
	for (int i = 0; i < owned_count; i++)
		if (*owned[i] >= 0)
			kept[count++] = *owned[i];
	qsort(kept, count, sizeof(kept[0]), ascending);
	for (int i = 0; i < count; i++) {
		if ((unsigned int)kept[i] > from)
			close_range(from, kept[i] - 1, 0);
		from = kept[i] + 1;
	}
	close_range(from, ~0U, 0);
	free(kept);
	return 0;
}
