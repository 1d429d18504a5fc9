/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the option table share. */
#pragma once

#include "socket/option.h"

/* What is taken along, in the order in which it is set (option_table.c), and all else (option_rest.c). */
extern const struct option option_table[];
extern const size_t option_table_count;
extern const struct option option_rest[];
extern const size_t option_rest_count;

/*
 * Copying where reading and writing are not symmetric (option_care.c). Return: 0; -ENOPROTOOPT,
 * -EOPNOTSUPP: this kernel or this kind of socket has no such option; another negative errno: it is set
 * and could not be taken along.
 */
int option_copy_buffers(const struct option *option, int from, int to);
int option_copy_filter(const struct option *option, int from, int to);
int option_copy_linger(const struct option *option, int from, int to);
int option_copy_bytes(const struct option *option, int from, int to);
int option_copy_text(const struct option *option, int from, int to);
int option_copy_maxseg(const struct option *option, int from, int to);
int option_copy_fastopen_key(const struct option *option, int from, int to);
int option_copy_timestamps(const struct option *option, int from, int to);

/* The same for what can be seen to be there and cannot be copied: an error where it is. */
int option_find_repair(const struct option *option, int from, int to);
int option_find_authentication(const struct option *option, int from, int to);
