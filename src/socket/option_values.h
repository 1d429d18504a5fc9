/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values to change an option with, to see where it is kept; see option_learn.c. */
#pragma once

#include "socket/option.h"

struct option_try {
	const void *data;
	socklen_t size;
};

/**
 * option_values_at() - one of the values to try; false past the last.
 *
 * Among them is one that differs from whatever a fresh socket has, in every word that the option has a value in.
 */
bool option_values_at(const struct option *option, size_t index, struct option_try *ret);
