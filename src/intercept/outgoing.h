/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a program sends and we send for it: which of its flags, and its data.
 */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

#include "base/compat.h"
#include "intercept/message.h"

/*
 * The flags that go on to our send. Whether it waits, and whether it signals, is for us to say; others
 * have no effect on a send, or are the kernel's own.
 */
#define OUTGOING_FLAGS                                                                             \
	(MSG_CONFIRM | MSG_DONTROUTE | MSG_EOR | MSG_MORE | MSG_OOB | MSG_PROBE | MSG_ZEROCOPY)

/* A program's data, in our memory. */
struct outgoing_data {
	void *bytes;
	size_t size;
	size_t mapped; /* 0: allocated */
};

/**
 * outgoing_gather() - copy a message's data.
 * @flags: of the send. With MSG_ZEROCOPY the kernel goes on reading the pages when the send is over, and
 *	tells the program when it is done; so they are no memory that is used again: unmapped, they stay
 *	what they are for as long as they are needed.
 * @max: no more of it than this
 *
 * Return: 0 with @ret, which outgoing_free() frees; -ENOMEM; or as caller_gather().
 */
int outgoing_gather(const struct caller *caller, const struct message *message, int flags, size_t max,
		    struct outgoing_data *ret);
void outgoing_free(struct outgoing_data *data);
#define _cleanup_outgoing_ __attribute__((cleanup(outgoing_free)))
