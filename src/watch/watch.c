// SPDX-License-Identifier: LGPL-2.1-or-later
/* The backends and the report that they fill; see watch.h. */
#include "watch/watch.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Best first. */
static const struct watch_backend *const backends[] = {
	&watch_kernel,
#ifdef HAVE_BPF
	&watch_bpf,
#endif
	&watch_procfs,
};

const struct watch_backend *watch_backend_at(size_t index)
{
	return index < sizeof(backends) / sizeof(backends[0]) ? backends[index] : NULL;
}

static int open_from(size_t first, const char *name, unsigned int replaces, struct watch **ret)
{
	int r = -ENOENT;

	for (size_t i = first; watch_backend_at(i); i++) {
		const struct watch_backend *backend = watch_backend_at(i);
		struct watch *watch = NULL;

		if (name && strcmp(name, backend->name) != 0)
			continue;
		r = backend->open(&watch, name != NULL, replaces);
		if (r < 0)
			continue;
		watch->backend = backend;
		*ret = watch;
		return 0;
	}
	return r;
}

int watch_open(const char *name, unsigned int replaces, struct watch **ret)
{
	return open_from(0, name, replaces, ret);
}

int watch_open_below(const struct watch_backend *backend, struct watch **ret)
{
	size_t i = 0;

	while (watch_backend_at(i) != backend)
		i++;
	return open_from(i + 1, NULL, 0, ret);
}

const char *watch_missing(const char *name)
{
	for (size_t i = 0; watch_backend_at(i); i++)
		if (strcmp(watch_backend_at(i)->name, name) == 0)
			return watch_backend_at(i)->missing();
	return NULL;
}

void watch_close(struct watch *watch)
{
	if (watch)
		watch->backend->close(watch);
}

void watch_begin(struct watch *watch, pid_t first)
{
	if (watch->backend->begin)
		watch->backend->begin(watch, first);
}

void watch_enter_thread(struct watch *watch)
{
	if (watch->backend->enter_thread)
		watch->backend->enter_thread(watch);
}

void watch_report_clear(struct watch_report *report)
{
	report->item_count = 0;
	report->duplicate_count = 0;
	report->rings = 0;
	report->strangers = 0;
	report->partial = false;
	report->references = -1;
	report->file = report->thread = 0;
	report->by = NULL;
	report->follows = false;
	report->counted = true;
	report->registrations = -1;
	report->beyond = NULL;
	report->image.size = 0;
	report->memory = NULL;
	report->threads = 0;
	report->sole = false;
	report->killable = false;
	report->cloexec = -1;
	report->limit = -1;
	report->plain.family = 0;
}

int watch_look(struct watch *watch, const struct caller *caller, int number, int file,
	       struct watch_report *report)
{
	watch_report_clear(report);
	return watch->backend->look(watch, caller, number, file, report);
}

int watch_look_fully(struct watch *watch, const struct caller *caller, int number, int file,
		     struct watch_report *report)
{
	if (!watch->backend->look_fully)
		return watch_look(watch, caller, number, file, report);
	watch_report_clear(report);
	return watch->backend->look_fully(watch, caller, number, file, report);
}

int watch_image(struct watch *watch, int file, struct image *ret)
{
	return watch->backend->image ? watch->backend->image(watch, file, ret) : -EOPNOTSUPP;
}

int watch_glance(struct watch *watch, const struct caller *caller, int number, int file,
		 struct watch_report *report)
{
	watch_report_clear(report);
	return watch->backend->glance ? watch->backend->glance(watch, caller, number, file, report) : -EAGAIN;
}

int watch_peek(struct watch *watch, const struct caller *caller, int number, const struct watch_memory *memory,
	       struct watch_report *report)
{
	watch_report_clear(report);
	return watch->backend->peek ? watch->backend->peek(watch, caller, number, memory, report) : -EAGAIN;
}

int watch_waiters(struct watch *watch, const struct caller *caller, const int *numbers, size_t count, int file,
		  struct watch_report *report)
{
	report->waiter_count = 0;
	report->running = 0;
	return watch->backend->waiters(watch, caller, numbers, count, file, report);
}

long watch_references(struct watch *watch, int file)
{
	return watch->backend->references ? watch->backend->references(watch, file) : -1;
}

long watch_registrations(struct watch *watch, int file)
{
	return watch->backend->registrations ? watch->backend->registrations(watch, file) : -1;
}

void watch_spare(struct watch *watch, uint64_t usec)
{
	if (watch->backend->spare)
		watch->backend->spare(watch, usec);
}

bool watch_compares(struct watch *watch)
{
	return watch->backend->compares && watch->backend->compares(watch);
}

bool watch_expect(struct watch *watch, const struct watch_report *report, int number)
{
	return watch->backend->compares && watch->backend->expect(watch, report, number);
}

void watch_expect_nothing(struct watch *watch, bool put)
{
	watch->backend->expect_nothing(watch, put);
}

/* Whether the item is there: a number may have been added for several files. */
static bool has_item(const struct watch_item *item, int epoll, int file)
{
	struct kcmp_epoll_slot slot = {.efd = epoll, .tfd = item->number};
	pid_t self = gettid();
	long r;

	do {
		r = syscall(SYS_kcmp, self, self, KCMP_EPOLL_TFD, (unsigned long)file, &slot);
		slot.toff++;
	} while (r > 0);
	return r == 0;
}

bool watch_is_instance(struct watch *watch, const struct watch_item *item, int epoll, int file)
{
	if (watch->backend->is_instance && item->instance)
		return watch->backend->is_instance(watch, item, epoll, file);
	return has_item(item, epoll, file);
}

/* Room for one more of @size bytes in an array that may move. */
static int grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 16;
	void *grown;

	if (count < *room)
		return 0;
	grown = reallocarray(*array, more, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = more;
	return 0;
}

int watch_report_item(struct watch_report *report, const struct watch_item *item)
{
	int r = grow((void **)&report->items, report->item_count, &report->item_room,
		     sizeof(*report->items));

	if (r == 0)
		report->items[report->item_count++] = *item;
	return r;
}

int watch_report_duplicate(struct watch_report *report, int number)
{
	int r = grow((void **)&report->duplicates, report->duplicate_count, &report->duplicate_room,
		     sizeof(*report->duplicates));

	if (r == 0)
		report->duplicates[report->duplicate_count++] = number;
	return r;
}

int watch_report_waiter(struct watch_report *report, const struct watch_waiter *waiter)
{
	int r = grow((void **)&report->waiters, report->waiter_count, &report->waiter_room,
		     sizeof(*report->waiters));

	if (r == 0)
		report->waiters[report->waiter_count++] = *waiter;
	return r;
}

void watch_report_free(struct watch_report *report)
{
	free(report->items);
	free(report->duplicates);
	free(report->waiters);
	*report = (struct watch_report){0};
}
