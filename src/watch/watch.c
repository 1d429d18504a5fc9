// SPDX-License-Identifier: LGPL-2.1-or-later
/* The backends and the report that they fill; see watch.h. */
#include "watch/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Best first. */
static const struct watch_backend *const backends[] = {
	&watch_procfs,
};

const struct watch_backend *watch_backend_at(size_t index)
{
	return index < sizeof(backends) / sizeof(backends[0]) ? backends[index] : NULL;
}

int watch_open(const char *name, struct watch **ret)
{
	int r = -ENOENT;

	for (size_t i = 0; watch_backend_at(i); i++) {
		const struct watch_backend *backend = watch_backend_at(i);
		struct watch *watch = NULL;

		if (name && strcmp(name, backend->name) != 0)
			continue;
		r = backend->open(&watch);
		if (r < 0)
			continue;
		watch->backend = backend;
		*ret = watch;
		return 0;
	}
	return r;
}

void watch_close(struct watch *watch)
{
	if (watch)
		watch->backend->close(watch);
}

int watch_look(struct watch *watch, const struct caller *caller, int number, int file,
	       struct watch_report *report)
{
	report->item_count = 0;
	report->duplicate_count = 0;
	report->references = -1;
	report->beyond = NULL;
	return watch->backend->look(watch, caller, number, file, report);
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

void watch_report_free(struct watch_report *report)
{
	free(report->items);
	free(report->duplicates);
	*report = (struct watch_report){0};
}
