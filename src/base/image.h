/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel has of a socket, byte for byte: who can read it (src/watch) and who knows what to make of it
 * (src/socket) share this and nothing else.
 */
#pragma once

#include <stddef.h>

/* Fields that are told by name, as no socket of ours can be used to find them. */
enum image_field {
	IMAGE_NET,	    /* pointer: the socket's network namespace */
	IMAGE_ULP,	    /* pointer: TCP; the upper layer protocol that it was given */
	IMAGE_AO,	    /* pointer: TCP; keys of the authentication option */
	IMAGE_TX_DELAY,	    /* 4 bytes: TCP */
	IMAGE_MIN_TTL,	    /* 1 byte */
	IMAGE_MIN_HOPCOUNT, /* 1 byte: AF_INET6 */
	IMAGE_HEADERS,	    /* pointer: AF_INET6; extension headers */
	IMAGE_FIELDS,
};

/*
 * The flags of struct socket, 8 bytes, and the object of the protocol (struct tcp6_sock and the like). Where nothing is
 * said of a field only its own kernel knows what lies there.
 */
struct image {
	const unsigned char *bytes;
	size_t size;
	const unsigned short *fields; /* where they lie, by enum image_field; 0: this kernel or socket has none */
};

/* How to read one. */
struct image_reader {
	/*
	 * @fd: a socket of ours; @ret: stands until the next call. Return: 0; -EAGAIN: not yet; another negative
	 * errno: never.
	 */
	int (*read)(void *context, int fd, struct image *ret);
	void *context;
};
