/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In what kernels differ, where programs see it. */
#pragma once

#include <stdbool.h>

/**
 * kernel_length_comes_first() - whether the kernel writes an address's length before the address:
 * since Linux 6.18 it does, so that a bad address still leaves the length changed. Probed once.
 */
bool kernel_length_comes_first(void);
