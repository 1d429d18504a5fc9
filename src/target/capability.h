/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of ours that a target is the author of: made with no capability that its thread does not have,
 * so that the kernel refuses what it would refuse the target, with the same error.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct capabilities {
	uint64_t effective; /* ours */
	uint64_t left;	    /* of them */
};

/**
 * capabilities_lower() - give up, in the calling thread alone, what a target's thread has not: all of
 * them where it is in another user namespace, or cannot be looked at.
 * @ret: for capabilities_restore()
 *
 * Return: 0; a negative errno: nothing was given up, so do not make the call.
 */
int capabilities_lower(pid_t tid, struct capabilities *ret);

/**
 * capabilities_restore() - have them again.
 */
void capabilities_restore(const struct capabilities *lowered);
