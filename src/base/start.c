// SPDX-License-Identifier: LGPL-2.1-or-later
/* Starting threads; see start.h. */
#include "base/start.h"

/* The deepest path has a few buffers of some kilobytes; sanitizers multiply that. */
#define STACK_SIZE (1024 * 1024)

int start_thread(pthread_t *ret, void *(*run)(void *context), void *context)
{
	pthread_attr_t attributes;
	int r;

	r = pthread_attr_init(&attributes);
	if (r)
		return -r;
	r = pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (r == 0)
		r = pthread_create(ret, &attributes, run, context);
	pthread_attr_destroy(&attributes);
	return -r;
}
