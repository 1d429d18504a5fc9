/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting threads. */
#pragma once

#include <pthread.h>

/**
 * start_thread() - pthread_create(3) with a stack that does not depend on RLIMIT_STACK, which the
 * program's user may have set for the program.
 *
 * Return: 0 or a negative errno.
 */
int start_thread(pthread_t *ret, void *(*run)(void *context), void *context);
