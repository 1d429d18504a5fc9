// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Repairing epoll from outside the kernel.
 *
 * An item is keyed by (open file, number in the table of who called epoll_ctl(2)). So the replacement
 * is put at the target's number in *our* table, and added there to our duplicate of the epoll
 * instance; to the target that item is as if it had made it. The old item is taken out the same way,
 * with the old file at that number: closing the file would do as well, but only once nobody else has it.
 *
 * All new items first, then the old ones: readiness is looked at when the item is added
 * (ep_insert()), so an edge that came meanwhile is not lost, and the number names the replacement by
 * now.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/numbers.h"

/* EP_PRIVATE_BITS in fs/eventpoll.c: what is left of the mask of a one-shot item that has fired. */
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

/*
 * What one repair holds open: items of one epoll instance follow each other, and most often there is one
 * item only, so both are kept from one epoll_ctl(2) to the next.
 */
struct hand {
	const struct caller *caller;
	int epoll;	  /* our duplicate of the instance, */
	int epoll_number; /* which has this number in the target's table */
	int number;	  /* of ours, where a duplicate of the one or the other socket stands; -1: none */
};

static void let_go(struct hand *hand)
{
	if (hand->number >= 0)
		close(hand->number);
	hand->number = -1;
}

/* Our duplicate of the epoll instance that an item is in. */
static int take_epoll(struct hand *hand, int number)
{
	int r;

	if (hand->epoll >= 0 && hand->epoll_number == number)
		return 0;
	/* What is opened now must not stand where a socket has to. */
	let_go(hand);
	hand->epoll = fd_close(hand->epoll);
	r = caller_get_file(hand->caller, number, &hand->epoll);
	if (r == 0)
		hand->epoll_number = number;
	return r;
}

/* The socket, at the number of the item, in our table. */
static int take_number(struct hand *hand, int number, const int *file)
{
	int r;

	if (hand->number != number) {
		let_go(hand);
		r = numbers_claim(number);
		if (r < 0)
			return r;
	}
	/* Only now: the claim may have moved it. */
	if (dup3(*file, number, O_CLOEXEC) < 0)
		return -errno;
	hand->number = number;
	return 0;
}

/* epoll_ctl(2) as the target would call it for its own number. */
static int control(struct hand *hand, int operation, const struct watch_item *item, const int *file)
{
	struct epoll_event event = {.events = item->events, .data.u64 = item->data};
	int r;

	r = take_epoll(hand, item->epoll_number);
	if (r == 0)
		r = take_number(hand, item->number, file);
	if (r == 0 && epoll_ctl(hand->epoll, operation, item->number, &event) < 0)
		r = -errno;
	/*
	 * EBADF, EINVAL: another thread closed the instance. EEXIST: one added the new file already.
	 * ENOENT: one took the item out.
	 */
	if (r == -EBADF || r == -EINVAL || r == (operation == EPOLL_CTL_ADD ? -EEXIST : -ENOENT))
		return 0;
	return r;
}

int repair_items(const struct caller *caller, const int *old, const int *new,
		 const struct watch_report *report, const char **ret_why)
{
	struct hand hand = {.caller = caller, .epoll = -EBADF, .number = -1};
	size_t added = 0;
	int r = 0;

	if (report->item_count == 0)
		return 0;
	numbers_own(&hand.epoll);
	while (r == 0 && added < report->item_count) {
		r = control(&hand, EPOLL_CTL_ADD, &report->items[added], new);
		if (r == 0)
			added++;
	}
	/* All, or none: what was added goes again. */
	for (size_t i = 0; i < added; i++)
		control(&hand, EPOLL_CTL_DEL, &report->items[i], r == 0 ? old : new);
	let_go(&hand);
	hand.epoll = fd_close(hand.epoll);
	numbers_disown(&hand.epoll);
	if (r < 0)
		return r;
	for (size_t i = 0; i < report->item_count; i++)
		if (!(report->items[i].events & ~PRIVATE_BITS))
			*ret_why = "a one-shot epoll item that had fired reports EPOLLERR and EPOLLHUP";
	return (int)report->item_count;
}
