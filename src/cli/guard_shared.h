/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page that the guard and the worker of one `reseat run` share; what the worker leaves behind
 * when it is killed. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum worker_stage {
	WORKER_STARTING, /* COMMAND waits for the worker's word */
	WORKER_FAILED,	 /* the worker has said no and ends; COMMAND does not start */
	WORKER_READY,	 /* COMMAND has started, or may at any moment */
};

struct guard_shared {
	/* Thread whose notification the worker has received and not yet answered; 0: none. Written
	 * by the worker's receiving thread. A worker that dies leaves that thread waiting for good,
	 * and nobody can receive its notification again: the guard ends its process. */
	_Atomic uint32_t current_tid;
	_Atomic uint32_t stage; /* enum worker_stage; written by the worker */
};
