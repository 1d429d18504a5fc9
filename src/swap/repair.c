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

static void let_go(struct repair *repair)
{
	fd_close(repair->number);
	repair->number = -1;
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

static bool is_of(const struct repair_instance *instance, const struct watch_item *item)
{
	return instance->fd >= 0 && instance->number == item->epoll_number && instance->owner == item->owner;
}

/*
 * A duplicate of the epoll instance that an item is in.
 * @file: which it has an item of
 *
 * Return: 0; -EBADF: it is there no more; ...
 */
static int open_instance(struct repair *repair, const struct watch_item *item, int file, struct repair_instance *ret)
{
	int r = repair_open_epoll(repair->caller, item, &ret->fd);

	if (r == 0 && (item->owner || !repair->sole) && !watch_is_instance(repair->watch, item, ret->fd, file)) {
		/* It may be anything by now. */
		ret->fd = linger_close(ret->fd);
		r = -EBADF;
	}
	ret->number = item->epoll_number;
	ret->owner = item->owner;
	return r;
}

/* That which was opened ahead for an item, or NULL; or, without an item, where one was that is in hand. */
static struct repair_instance *ahead_of(struct repair *repair, const struct watch_item *item)
{
	for (unsigned int i = 0; i < repair->ahead_count; i++) {
		struct repair_instance *instance = &repair->ahead[i];

		if (item ? is_of(instance, item)
			 : instance->fd < 0 && instance->number == repair->epoll.number && instance->owner == repair->epoll.owner)
			return instance;
	}
	return NULL;
}

static void put_away(struct repair *repair)
{
	struct repair_instance *place = repair->epoll.fd >= 0 ? ahead_of(repair, NULL) : NULL;

	if (place)
		place->fd = fd_take(&repair->epoll.fd);
	else
		repair->epoll.fd = fd_close(repair->epoll.fd);
}

/* The instance that an item is in, in our hand. Return: as open_instance(). */
static int take_epoll(struct repair *repair, const struct watch_item *item, int file)
{
	struct repair_instance *ahead;
	int r;

	if (is_of(&repair->epoll, item))
		return 0;
	put_away(repair);
	ahead = ahead_of(repair, item);
	if (ahead) {
		repair->epoll.number = ahead->number;
		repair->epoll.owner = ahead->owner;
		repair->epoll.fd = fd_take(&ahead->fd);
		return 0;
	}
	r = open_instance(repair, item, file, &repair->epoll);
	if (r < 0 && item->owner && !is_ours(r)) {
		repair->lost = true;
		r = -EBADF;
	}
	return r;
}

/* The socket, at the number of the item, in our table. */
static int take_number(struct repair *repair, int number, const int *file)
{
	int r;

	/* It may be there by itself. */
	if (*file == number) {
		let_go(repair);
		return 0;
	}
	if (repair->number != number) {
		let_go(repair);
		r = numbers_claim_for(number, file);
	} else if (repair->file != file) {
		r = dup3(*file, number, O_CLOEXEC) < 0 ? -errno : 0;
	} else {
		return 0;
	}
	if (r == 0) {
		repair->number = number;
		repair->file = file;
	}
	return r;
}

/*
 * epoll_ctl(2) as the target would call it for its own number. Return: 1: done; 0: nothing was to be done; or a negative
 * errno.
 */
static int control(struct repair *repair, int operation, const struct watch_item *item, const int *file)
{
	struct epoll_event event = {.events = item->events, .data.u64 = item->data};
	int r;

	/* In this order: what is opened next must not stand where the socket has to. */
	r = take_number(repair, item->number, file);
	if (r == 0)
		r = take_epoll(repair, item, operation == EPOLL_CTL_ADD ? *repair->old : *file);
	if (r == 0)
		r = epoll_ctl(repair->epoll.fd, operation, item->number, &event) < 0 ? -errno : 1;
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
static void take_back(struct repair *repair, const struct watch_report *report, const bool *ours, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ours[i])
			control(repair, EPOLL_CTL_DEL, &report->items[i], repair->new);
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
static void change(struct repair *repair, const struct watch_report *report, const struct watch_report *again, const bool *ours)
{
	for (size_t i = 0; i < report->item_count; i++) {
		const struct watch_item *before = &report->items[i];
		const struct watch_item *after = find(again, before);

		if (!ours[i] || !after || (after->events == before->events && after->data == before->data))
			continue;
		if (!((before->events | after->events) & EPOLLEXCLUSIVE))
			control(repair, EPOLL_CTL_MOD, after, repair->new);
		else if (control(repair, EPOLL_CTL_DEL, before, repair->new) > 0)
			control(repair, EPOLL_CTL_ADD, after, repair->new);
	}
}

/*
 * The old items go. One that is not there any more was taken out by another thread, which was told so: what stands in its
 * place is not wanted either. Whoever was told that it is back (EEXIST) has made no item of its own, and loses this one;
 * but that takes a call on the old file that began before the swap, and another within it. Where nobody else is there,
 * the old ones go by themselves (eventpoll_release()), unless somebody who collects events holds the file while we close it.
 */
static void forget_old(struct repair *repair, const struct watch_report *report, const bool *ours)
{
	for (size_t i = 0; i < report->item_count; i++)
		if ((!repair->sole || !report->items[i].solitary) &&
		    control(repair, EPOLL_CTL_DEL, &report->items[i], repair->old) == 0 && ours[i])
			control(repair, EPOLL_CTL_DEL, &report->items[i], repair->new);
}

void repair_begin(struct repair *repair, struct watch *watch, const struct caller *caller, const int *old, const int *new,
		  bool sole)
{
	repair->caller = caller;
	repair->watch = watch;
	repair->old = old;
	repair->new = new;
	repair->sole = sole;
	repair->epoll.fd = -EBADF;
	repair->ahead_count = 0;
	repair->lost = false;
	repair->number = -1;
	numbers_own(&repair->epoll.fd);
}

/* What is open, and may be of another number the next time. */
static void close_all(struct repair *repair)
{
	let_go(repair);
	repair->epoll.fd = fd_close(repair->epoll.fd);
	while (repair->ahead_count > 0) {
		struct repair_instance *last = &repair->ahead[--repair->ahead_count];

		last->fd = fd_close(last->fd);
		numbers_disown(&last->fd);
	}
}

void repair_end(struct repair *repair)
{
	close_all(repair);
	numbers_disown(&repair->epoll.fd);
}

void repair_open(struct repair *repair, const struct watch_report *report)
{
	for (size_t i = 0; i < report->item_count && repair->ahead_count < REPAIR_AHEAD; i++) {
		const struct watch_item *item = &report->items[i];
		struct repair_instance *next = &repair->ahead[repair->ahead_count];

		if (ahead_of(repair, item))
			continue;
		/* In this order: see control(). */
		if (i == 0 && take_number(repair, item->number, repair->new) < 0)
			return;
		next->fd = -EBADF;
		if (open_instance(repair, item, *repair->old, next) < 0)
			continue;
		numbers_own(&next->fd);
		repair->ahead_count++;
	}
}

void repair_undo(struct repair *repair, const struct watch_report *report)
{
	for (size_t i = 0; i < report->item_count; i++)
		control(repair, EPOLL_CTL_DEL, &report->items[i], repair->new);
	close_all(repair);
}

int repair_items(struct repair *repair, bool silent, const struct watch_report *report, struct watch_report *again,
		 const char **ret_why)
{
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
	fault_point("adding");
	for (; added < report->item_count; added++) {
		r = control(repair, EPOLL_CTL_ADD, &report->items[added], repair->new);
		if (r < 0)
			break;
		ours[added] = r > 0;
	}
	if (r < 0) {
		take_back(repair, report, ours, added);
	} else {
		r = 0;
		fault_point("added");
		/* What cannot be looked at again stays as it was seen: the caller may have been interrupted. */
		if (again && watch_look(repair->watch, repair->caller, -1, *repair->old, again) == 0)
			change(repair, report, again, ours);
		else
			again = NULL;
		fault_point("removing");
		forget_old(repair, report, ours);
		fault_point("removed");
	}
	if (ours != few)
		free(ours);
	close_all(repair);
	if (r < 0)
		return r;
	why = repair->lost ? foreign_epoll : repair_loses(report, silent, false);
	if (!why && again)
		why = repair_loses(again, silent, false);
	if (why)
		*ret_why = why;
	return (int)report->item_count;
}
