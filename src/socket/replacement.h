/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making the socket that takes another's place.
 */
#pragma once

#include "socket/option.h"
#include "socket/present.h"
#include "socket/snapshot.h"

/* What is to be made. */
struct replacement {
	int family;
	int netns;		/* a descriptor of the namespace to make it in, or -EBADF: ours */
	int home;		/* a descriptor of our own namespace, to come back to */
	union address peer;	/* where it will connect: decides what a bound address becomes */
	enum present_form form; /* how it presents itself */
	bool marked;		/* and carries the mark of it */
};

/**
 * replacement_make() - a fresh, non-blocking socket with everything that the program gave the old one:
 * options, owner, who gets SIGIO, bound address and port, SELinux label.
 * @image: of the old socket (option_prepare()), or NULL
 * @old: a duplicate of the old socket, which is as before afterwards. A port that it only seems to have,
 *	from a connect that came to nothing, is left behind
 * @ret_refused: receives what could not be taken along (static text), or NULL
 *
 * A bound address of the other family becomes the any address with the same port, unless the peer is
 * IPv4-mapped, when it is mapped too.
 *
 * Return: 0; the errno of socket(2) or bind(2), as a negative number. Changes the calling thread's
 * network namespace and changes it back; it aborts where the way back fails, for every later socket
 * would be made in the wrong place.
 */
int replacement_make(const struct replacement *want, const struct option_set *options, int old,
		     const struct snapshot *seen, const struct image *image, int *ret, const char **ret_refused);

/**
 * replacement_finish() - give the new socket the status flags of the old one, once it has been connected
 * without waiting. O_ASYNC must be on already, if it is among them: see replacement_set_async().
 *
 * Return: 0 or a negative errno.
 */
int replacement_finish(int fd, const struct snapshot *seen);

/**
 * replacement_set_async() - turn O_ASYNC on.
 * @number: the replacement under the target's number, in a table of the calling thread's: signals carry
 *	the number that O_ASYNC was set through (fasync_helper())
 *
 * Return: 0 or a negative errno.
 */
int replacement_set_async(int number);
