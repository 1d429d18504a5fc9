// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Repairing epoll from outside the kernel.
 *
 * An item is keyed by (open file, number in the table of who called epoll_ctl(2)). So the replacement
 * is put at the target's number in *our* table, and added there to our duplicate of the epoll
 * instance; to the target that item is as if it had made it. The old item is taken out the same way,
 * with the old file at that number; where nobody else has it, closing the file does as well.
 *
 * All new items first, then the old ones: readiness is looked at when the item is added
 * (ep_insert()), so an edge that came meanwhile is not lost, and the number names the replacement by
 * now. Between the two the old ones are looked at once more, where other threads run: nobody can change them any more,
 * but somebody may have since they were seen.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"
#include "target/thread.h"

/* EP_PRIVATE_BITS in fs/eventpoll.c: what is left of the mask of a one-shot item that has fired. */
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

/* Items that no memory is asked for. */
#define FEW 8

static const char foreign_epoll[] = "an epoll instance that only another process has was out of reach";

/*
 * What one repair holds open: items of one epoll instance follow each other, and most often there is one
 * item only, so both are kept from one epoll_ctl(2) to the next.
 */
struct hand {
	const struct caller *caller;
	struct watch *watch;
	const int *old, *new;
	bool sole;	  /* nobody but us changes the caller's table */
	int epoll;	  /* our duplicate of the instance, */
	int epoll_number; /* which has this number */
	pid_t owner;	  /* in the table of this thread, or in the caller's (0) */
	bool lost;	  /* one that another process had could not be duplicated */
	int number;	  /* of ours, where a duplicate of the one or the other socket stands; -1: none */
	const int *file;  /* which */
};

static void let_go(struct hand *hand)
{
	if (hand->number >= 0)
		close(hand->number);
	hand->number = -1;
}

int repair_open_epoll(const struct caller *caller, const struct watch_item *item, int *ret)
{
	enum thread_whose whose;

	if (!item->owner)
		return caller_get_file(caller, item->epoll_number, ret);
	return thread_get_file(item->owner, item->epoll_number, ret, &whose);
}

static bool is_ours(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/*
 * Our duplicate of the epoll instance that an item is in.
 * @file: which it has an item of
 *
 * Return: 0; -EBADF: it is there no more; ...
 */
static int take_epoll(struct hand *hand, const struct watch_item *item, int file)
{
	int r;

	if (hand->epoll >= 0 && hand->epoll_number == item->epoll_number && hand->owner == item->owner)
		return 0;
	hand->epoll = fd_close(hand->epoll);
	r = repair_open_epoll(hand->caller, item, &hand->epoll);
	if (r == 0 && (item->owner || !hand->sole) && !watch_is_instance(hand->watch, item, hand->epoll, file)) {
		/* It may be anything by now. */
		hand->epoll = linger_close(hand->epoll);
		r = -EBADF;
	}
	if (r < 0 && item->owner && !is_ours(r)) {
		hand->lost = true;
		r = -EBADF;
	}
	hand->epoll_number = item->epoll_number;
	hand->owner = item->owner;
	return r;
}

/* The socket, at the number of the item, in our table. */
static int take_number(struct hand *hand, int number, const int *file)
{
	int r;

	/* It may be there by itself. */
	if (*file == number) {
		let_go(hand);
		return 0;
	}
	if (hand->number != number) {
		let_go(hand);
		r = numbers_claim_for(number, file);
	} else if (hand->file != file) {
		r = dup3(*file, number, O_CLOEXEC) < 0 ? -errno : 0;
	} else {
		return 0;
	}
	if (r == 0) {
		hand->number = number;
		hand->file = file;
	}
	return r;
}

/*
 * epoll_ctl(2) as the target would call it for its own number. Return: 1: done; 0: nothing was to be done; or a negative
 * errno.
 */
static int control(struct hand *hand, int operation, const struct watch_item *item, const int *file)
{
	struct epoll_event event = {.events = item->events, .data.u64 = item->data};
	int r;

	/* In this order: what is opened next must not stand where the socket has to. */
	r = take_number(hand, item->number, file);
	if (r == 0)
		r = take_epoll(hand, item, operation == EPOLL_CTL_ADD ? *hand->old : *file);
	if (r == 0)
		r = epoll_ctl(hand->epoll, operation, item->number, &event) < 0 ? -errno : 1;
	/*
	 * EBADF, EINVAL: another thread closed the instance. EEXIST: one added the new file already.
	 * ENOENT: one took the item out.
	 */
	if (r == -EBADF || r == -EINVAL || r == (operation == EPOLL_CTL_ADD ? -EEXIST : -ENOENT))
		return 0;
	return r;
}

/* What of an item is only nearly as it was; NULL: nothing. */
static const char *approximate(const struct watch_item *item, bool silent, bool follows)
{
	if (!follows && !(item->events & ~PRIVATE_BITS))
		return "a one-shot epoll item that had fired reports EPOLLERR and EPOLLHUP";
	/* Whether the old one's edge was seen already nobody knows. A connect that takes time ends in one. */
	if (silent && (item->events & EPOLLOUT) && (item->events & EPOLLET))
		return "an edge-triggered epoll item reports once more that the socket can be written to";
	return NULL;
}

const char *repair_loses(const struct watch_report *report, bool silent, bool follows)
{
	const char *last = NULL;

	for (size_t i = 0; i < report->item_count; i++) {
		const char *why = approximate(&report->items[i], silent, follows);

		if (why)
			last = why;
	}
	return last;
}

/* All, or none: what was added goes again. */
static void take_back(struct hand *hand, const struct watch_report *report, const bool *ours, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ours[i])
			control(hand, EPOLL_CTL_DEL, &report->items[i], hand->new);
}

static const struct watch_item *find(const struct watch_report *report, const struct watch_item *wanted)
{
	for (size_t i = 0; i < report->item_count; i++) {
		const struct watch_item *item = &report->items[i];

		if (item->number == wanted->number && item->instance == wanted->instance &&
		    item->owner == wanted->owner && item->epoll_number == wanted->epoll_number)
			return item;
	}
	return NULL;
}

/*
 * Until the number named the new file other threads could change an item. That holds for the new one, unless they have
 * changed it once more since, which is not seen.
 */
static void change(struct hand *hand, const struct watch_report *report, const struct watch_report *again, const bool *ours)
{
	for (size_t i = 0; i < report->item_count; i++) {
		const struct watch_item *before = &report->items[i];
		const struct watch_item *after = find(again, before);

		if (!ours[i] || !after || (after->events == before->events && after->data == before->data))
			continue;
		if (!((before->events | after->events) & EPOLLEXCLUSIVE))
			control(hand, EPOLL_CTL_MOD, after, hand->new);
		else if (control(hand, EPOLL_CTL_DEL, before, hand->new) > 0)
			control(hand, EPOLL_CTL_ADD, after, hand->new);
	}
}

/*
 * The old items go. One that is not there any more was taken out by another thread, which was told so: what stands in its
 * place is not wanted either. Whoever was told that it is back (EEXIST) has made no item of its own, and loses this one;
 * but that takes a call on the old file that began before the swap, and another within it. Where nobody else is there,
 * the old ones go by themselves (eventpoll_release()), unless somebody who collects events holds the file while we close it.
 */
static void forget_old(struct hand *hand, const struct watch_report *report, const bool *ours)
{
	for (size_t i = 0; i < report->item_count; i++)
		if ((!hand->sole || !report->items[i].solitary) &&
		    control(hand, EPOLL_CTL_DEL, &report->items[i], hand->old) == 0 && ours[i])
			control(hand, EPOLL_CTL_DEL, &report->items[i], hand->new);
}

void repair_undo(struct watch *watch, const struct caller *caller, const int *new, const struct watch_report *report)
{
	struct hand hand = {
		.caller = caller, .watch = watch, .old = new, .new = new, .sole = true, .epoll = -EBADF, .number = -1};

	numbers_own(&hand.epoll);
	for (size_t i = 0; i < report->item_count; i++)
		control(&hand, EPOLL_CTL_DEL, &report->items[i], new);
	let_go(&hand);
	hand.epoll = fd_close(hand.epoll);
	numbers_disown(&hand.epoll);
}

int repair_items(struct watch *watch, const struct caller *caller, const int *old, const int *new, bool silent,
		 bool sole, const struct watch_report *report, struct watch_report *again, const char **ret_why)
{
	struct hand hand = {
		.caller = caller, .watch = watch, .old = old, .new = new, .sole = sole, .epoll = -EBADF, .number = -1};
	const char *why;
	bool few[FEW] = {0};
	bool *ours = few; /* which were added here */
	size_t added = 0;
	int r = 0;

	if (report->item_count == 0)
		return 0;
	if (report->item_count > FEW)
		ours = calloc(report->item_count, sizeof(*ours));
	if (!ours)
		return -ENOMEM;
	numbers_own(&hand.epoll);
	fault_point("adding");
	for (; added < report->item_count; added++) {
		r = control(&hand, EPOLL_CTL_ADD, &report->items[added], new);
		if (r < 0)
			break;
		ours[added] = r > 0;
	}
	if (r < 0) {
		take_back(&hand, report, ours, added);
	} else {
		r = 0;
		fault_point("added");
		/* What cannot be looked at again stays as it was seen: the caller may have been interrupted. */
		if (again && watch_look(watch, caller, -1, *old, again) == 0)
			change(&hand, report, again, ours);
		else
			again = NULL;
		fault_point("removing");
		forget_old(&hand, report, ours);
		fault_point("removed");
	}
	if (ours != few)
		free(ours);
	let_go(&hand);
	hand.epoll = fd_close(hand.epoll);
	numbers_disown(&hand.epoll);
	if (r < 0)
		return r;
	why = hand.lost ? foreign_epoll : repair_loses(report, silent, false);
	if (!why && again)
		why = repair_loses(again, silent, false);
	if (why)
		*ret_why = why;
	return (int)report->item_count;
}
