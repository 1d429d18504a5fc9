/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page that the guard and the worker of one `reseat run` share; what the worker leaves behind
 * when it is killed. */
#pragma once

#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdint.h>

#include "intercept/intercept.h"

enum worker_stage {
	WORKER_STARTING, /* COMMAND waits for the worker's word */
	WORKER_FAILED,	 /* the worker has said no and ends; COMMAND does not start */
	WORKER_READY,	 /* COMMAND has started, or may at any moment */
};

/*
 * As many as there are numbers for descriptors (fs.nr_open's default), of which each call that waits for its
 * socket has one. Pages appear as they are touched.
 */
#define GUARD_HELD_MAX 1048576

struct guard_shared {
	_Atomic uint32_t stage; /* enum worker_stage; written by the worker */
	/* The last notification that the worker received: the kernel writes it here before RECV returns, so
	 * that it is known also where the worker does not live to see it. A worker that dies leaves its
	 * sender waiting for good, and nobody can receive it again: the guard ends that process. */
	_Alignas(struct seccomp_notif) unsigned char request[1024];
	/* Those that wait, likewise. */
	struct supervisor_held held[GUARD_HELD_MAX];
};
