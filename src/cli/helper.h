/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that works beside COMMAND: it must keep nothing of COMMAND's world. */
#pragma once

#include <stddef.h>

/**
 * helper_detach() - give up the descriptors and the folder that were inherited.
 * @name: for /proc/PID/comm
 * @keep: descriptors that stay open, -EBADF for none; anything else from 3 up is closed, and 0 to 2
 *	become
 *	/dev/null. None of them is below 3 (helper_reserve()).
 *
 * The terminal, pipes and files that COMMAND was given would otherwise stay open after COMMAND
 * closed them: whoever reads a pipe's other end would wait for ever.
 */
void helper_detach(const char *name, const int *keep, size_t count);

/**
 * helper_reserve() - fill unused descriptors below 3, CLOEXEC, so that nothing that reseat opens
 * later stands there.
 *
 * Return: whether standard error was open.
 */
int helper_reserve(void);

/**
 * helper_remember() - where the command line stands that this process shows; call it first in main().
 * helper_title() - show @name in its place, so that nobody who looks for COMMAND finds its helpers. The
 * arguments are gone afterwards.
 */
void helper_remember(int argc, char **argv);
void helper_title(const char *name);
