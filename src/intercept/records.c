// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which calls are received and not yet answered; see records.h. */
#include "intercept/records.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct records {
	pthread_mutex_t lock;
	struct supervisor_held *slots;
	size_t count;
	size_t used;	   /* slots that were ever taken */
	uint32_t *free;	   /* of those, the ones that are free; pages appear as they are touched */
	size_t free_count;
};

int records_new(struct records **ret, struct supervisor_held *slots, size_t count)
{
	struct records *records = calloc(1, sizeof(*records));

	if (!records)
		return -ENOMEM;
	records->slots = slots;
	records->count = slots ? count : 0;
	records->free = calloc(records->count + 1, sizeof(*records->free));
	if (!records->free) {
		free(records);
		return -ENOMEM;
	}
	pthread_mutex_init(&records->lock, NULL);
	*ret = records;
	return 0;
}

void records_free(struct records *records)
{
	if (!records)
		return;
	pthread_mutex_destroy(&records->lock);
	free(records->free);
	free(records);
}

struct supervisor_held *records_add(struct records *records, const struct caller *caller)
{
	struct supervisor_held *slot = NULL;

	pthread_mutex_lock(&records->lock);
	if (records->free_count)
		slot = &records->slots[records->free[--records->free_count]];
	else if (records->used < records->count)
		slot = &records->slots[records->used++];
	pthread_mutex_unlock(&records->lock);
	if (!slot)
		return NULL;
	atomic_store(&slot->tid, caller->tid);
	atomic_store(&slot->id, caller->id);
	return slot;
}

void records_remove(struct records *records, struct supervisor_held *slot)
{
	if (!slot)
		return;
	atomic_store(&slot->id, 0);
	pthread_mutex_lock(&records->lock);
	records->free[records->free_count++] = (uint32_t)(slot - records->slots);
	pthread_mutex_unlock(&records->lock);
}
