// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keeping descriptor numbers free; see numbers.h. */
#include "base/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"

/* A process with a lower RLIMIT_NOFILE could not have opened what a supervisor needs. */
#define SURELY_ALLOWED 32

/* Stand-ins are put at no higher numbers: each takes a fifth of a microsecond once. */
#define EXPECTED_MAX 1024

static _Thread_local int **owned;
static _Thread_local int owned_count, owned_room;

/*
 * What is opened stands at the lowest number that is free. So for it to stand at a certain one all below it are taken, those
 * that nothing else stands at by stand-ins: duplicates of one file that is of no use.
 */
static _Thread_local struct {
	bool off;	/* for they took numbers that were needed */
	bool made;
	int file;
	int low;	/* below it all numbers are taken, but for */
	int gap;	/* this one, as it was left; -1: none */
	uint64_t at[EXPECTED_MAX / 64];
} standins;

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

static bool is_standin(int number)
{
	return number >= 0 && number < EXPECTED_MAX && (standins.at[number / 64] >> (number % 64) & 1);
}

static void note_standin(int number, bool stands)
{
	const uint64_t bit = (uint64_t)1 << (number % 64);

	if (stands)
		standins.at[number / 64] |= bit;
	else
		standins.at[number / 64] &= ~bit;
}

/* Each free number from @from to below @end. */
static bool fill(int from, int end)
{
	while (from < end) {
		int got = fcntl(standins.file, F_DUPFD_CLOEXEC, from);

		if (got < 0)
			return false;
		from = got + 1;
		if (got < end)
			note_standin(got, true);
		else
			fd_close(got);
	}
	return true;
}

static bool make_standins(void)
{
	if (!standins.made) {
		/* So that who looks at our table sees what they are: /memfd:number. */
		standins.file = memfd_create("number", MFD_CLOEXEC);
		standins.made = standins.file >= 0;
		standins.gap = -1;
		if (standins.made)
			numbers_own(&standins.file);
	}
	return standins.made;
}

/* So that all below standins.low are taken, again. */
static bool close_gap(void)
{
	int gap = standins.gap;

	standins.gap = -1;
	return gap < 0 || fill(gap, gap + 1);
}

static void drop_standins(void)
{
	for (int i = 0; standins.made && i < EXPECTED_MAX; i++)
		if (is_standin(i))
			fd_close(i);
	if (standins.made) {
		numbers_disown(&standins.file);
		fd_close(standins.file);
	}
	memset(&standins, 0, sizeof(standins));
}

void numbers_forget(void)
{
	drop_standins();
	standins.off = true;
}

void numbers_disown_all(void)
{
	drop_standins();
	free(owned);
	owned = NULL;
	owned_count = owned_room = 0;
}

/* Return: false: there are no more numbers. */
static bool make_gap(int number)
{
	if (!make_standins() || !close_gap())
		return false;
	if (standins.low <= number) {
		if (!fill(standins.low, number))
			return false;
		standins.low = number + 1;
	}
	if (is_standin(number)) {
		note_standin(number, false);
		fd_close(number);
	}
	standins.gap = number;
	return true;
}

void numbers_expect(int number)
{
	if (standins.off || number >= EXPECTED_MAX || (standins.made && standins.gap == number && standins.low > number))
		return;
	if (number >= 0 ? !make_gap(number) : standins.made && !close_gap())
		numbers_forget();
}

void numbers_missed(int number)
{
	if (number < standins.low)
		standins.low = number;
}

int numbers_claim(int number)
{
	if (is_standin(number))
		numbers_expect(number);
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
	if (is_standin(number))
		numbers_expect(number);
	/* The lowest that is free from there on: mostly it is the one, and then nothing had to be asked. */
	int got = fcntl(*fd, F_DUPFD_CLOEXEC, number);
	int r;

	if (got == number)
		return 0;
	if (got >= 0)
		fd_close(got);
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
	drop_standins();
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
