// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is sent for a program; see outgoing.h. */
#include "intercept/outgoing.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

int outgoing_gather(const struct caller *caller, const struct message *message, int flags, size_t max,
		    struct outgoing_data *ret)
{
	struct outgoing_data data = {.size = message->size < max ? message->size : max};
	int r;

	if ((flags & MSG_ZEROCOPY) && data.size) {
		data.mapped = data.size;
		data.bytes = mmap(NULL, data.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);
		if (data.bytes == MAP_FAILED)
			return -ENOMEM;
	} else {
		data.bytes = malloc(data.size + 1);
		if (!data.bytes)
			return -ENOMEM;
	}
	r = caller_gather(caller, message->places, message->count, data.bytes, data.size);
	if (r < 0)
		outgoing_free(&data);
	else
		*ret = data;
	return r;
}

void outgoing_free(struct outgoing_data *data)
{
	if (data->mapped)
		munmap(data->bytes, data->mapped);
	else
		free(data->bytes);
	*data = (struct outgoing_data){0};
}
