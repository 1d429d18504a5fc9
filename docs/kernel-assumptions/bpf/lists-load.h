/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lists.bpf.c for the program that includes this. */
#pragma once

#include <linux/types.h>

#include "assume-bpf.h"
#include "bpf/lists.h"

/* Made by others, and not to be changed here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "lists.skel.h"
#pragma GCC diagnostic pop

static struct lists_bpf *lists_program;

static inline void load_lists(void)
{
	lists_program = lists_bpf__open();
	check(lists_program, "no memory");
	loaded(lists_bpf__load(lists_program));
}

/* The lists of a file; of -1: the calling thread's address only. */
static inline const struct lists *lists_of(int file)
{
	struct lists *lists = &lists_program->bss->lists;

	lists->file = file;
	run_program(lists_program->progs.copy_lists.prog_fd);
	return lists;
}
