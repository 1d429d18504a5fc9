/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls of a program, by what they are for. Each returns what the call does, or tells it by itself; call.c says which. */
#pragma once

#include "program.h"

enum { POLL_MAX = 8 };

struct call {
	unsigned int actor, number;
	char *const *words; /* arguments, after the call's name */
	unsigned int count;
	struct result *result;
};

/* A descriptor by the variable of this process, or the number, that a word names. */
int descriptor(const char *word);

/* waiting.c */
long do_poll(struct call *call);
long do_select(struct call *call);
long do_epoll_ctl(struct call *call);
long do_epoll_wait(struct call *call);
long do_items(struct call *call);

/* start.c */
long do_thread(struct call *call);
long do_fork(struct call *call);
long do_exit(struct call *call);
long do_exit_group(struct call *call);
long do_exec(struct call *call);
