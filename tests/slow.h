/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that are slower than most: an emulated one, say. Python has the same in slow.py. */
#pragma once

#include <stdlib.h>

/**
 * slowly() - a time of any unit, multiplied by what RESEAT_SLOW in the environment says.
 *
 * For how often something happens to a program, and for how long something may take that has to happen; what must not happen is not watched for any longer.
 */
static inline int slowly(int time)
{
	const char *factor = getenv("RESEAT_SLOW");

	return factor && atoi(factor) > 1 ? time * atoi(factor) : time;
}
