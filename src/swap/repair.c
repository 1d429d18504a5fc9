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

/* The epoll instance that the last item was in; items of one instance follow each other. */
struct instance {
	int number;
	int fd;
};

static int get_instance(const struct caller *caller, int number, struct instance *instance)
{
	int r;

	if (instance->fd >= 0 && instance->number == number)
		return 0;
	instance->fd = fd_close(instance->fd);
	r = caller_get_file(caller, number, &instance->fd);
	if (r == 0)
		instance->number = number;
	return r;
}

/* epoll_ctl(2) as the target would call it for its own number. */
static int control(struct instance *instance, int operation, const struct watch_item *item, const int *file)
{
	struct epoll_event event = {.events = item->events, .data.u64 = item->data};
	int r;

	r = numbers_claim(item->number);
	if (r < 0)
		return r;
	/* Only now: the claim may have moved it. */
	if (dup3(*file, item->number, O_CLOEXEC) < 0)
		return -errno;
	r = epoll_ctl(instance->fd, operation, item->number, &event) < 0 ? -errno : 0;
	close(item->number);
	return r;
}

static int each(const struct caller *caller, int operation, const int *file,
		const struct watch_report *report, size_t count)
{
	struct instance instance = {.fd = -EBADF};
	int r = 0;

	numbers_own(&instance.fd);
	for (size_t i = 0; i < count; i++) {
		const struct watch_item *item = &report->items[i];

		r = get_instance(caller, item->epoll_number, &instance);
		if (r == 0)
			r = control(&instance, operation, item, file);
		/*
		 * EEXIST: another thread added the new file already. ENOENT, EBADF, EINVAL: another
		 * thread took the item out, or closed the instance.
		 */
		if (operation == EPOLL_CTL_ADD ? r == -EEXIST || r == -EBADF || r == -EINVAL
					       : r == -ENOENT || r == -EBADF || r == -EINVAL)
			r = 0;
		if (r < 0 && operation == EPOLL_CTL_ADD) {
			fd_close(instance.fd);
			numbers_disown(&instance.fd);
			/* Whole or not at all. */
			each(caller, EPOLL_CTL_DEL, file, report, i);
			return r;
		}
	}
	fd_close(instance.fd);
	numbers_disown(&instance.fd);
	return 0;
}

int repair_items(const struct caller *caller, const int *old, const int *new,
		 const struct watch_report *report, const char **ret_why)
{
	int r;

	if (report->item_count == 0)
		return 0;
	r = each(caller, EPOLL_CTL_ADD, new, report, report->item_count);
	if (r < 0)
		return r;
	each(caller, EPOLL_CTL_DEL, old, report, report->item_count);
	for (size_t i = 0; i < report->item_count; i++)
		if (!(report->items[i].events & ~PRIVATE_BITS))
			*ret_why = "a one-shot epoll item that had fired reports EPOLLERR and EPOLLHUP";
	return (int)report->item_count;
}
