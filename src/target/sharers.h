/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who else has a file in a descriptor table.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * sharers_exist() - whether another process has the open file of a thread as well.
 * @tid: a thread of the process that has it, which is left out together with who shares its table
 * @file: our duplicate of the file, a socket
 *
 * Reads the table of every process of our pid namespace that we may look at, so it costs the more the more
 * there are; what nobody may look at, a message in flight and an io_uring's files are not found. A thread
 * with a table of its own counts as its process.
 */
bool sharers_exist(pid_t tid, int file);
