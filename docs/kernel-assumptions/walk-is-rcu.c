// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that may sleep (BPF_PROG_TYPE_SYSCALL) is under RCU while it walks a hash map: what RCU frees stays until
 * the walk is over. So a grace period that begins meanwhile does not end (membarrier(2) waits for one).
 *
 * Outside of such a walk one ends, where the kernel can be preempted; elsewhere this holds for whatever runs in it,
 * which is said.
 */
#include <linux/membarrier.h>
#include <linux/types.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "assume-bpf.h"
#include "bpf/hold.h"

/* Made by others, and not to be changed here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "hold.skel.h"
#pragma GCC diagnostic pop

/* Many times as long as a grace period takes. */
#define LONGEST slowly(200)

static struct hold_bpf *program;

static void *wait_for_grace_period(void *context)
{
	volatile struct hold *hold = &program->bss->hold;

	while (!hold->inside)
		sched_yield();
	must(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	hold->returned = true;
	return NULL;
}

/* Whether a grace period ended while the program was in the kernel. */
static bool ended_early(bool guarded)
{
	pthread_t thread;

	program->bss->hold = (struct hold){ .guarded = guarded, .longest = LONGEST * 1000000ULL };
	must(-pthread_create(&thread, NULL, wait_for_grace_period, NULL));
	run_program(program->progs.stay_inside.prog_fd);
	pthread_join(thread, NULL);
	return program->bss->hold.early;
}

int main(void)
{
	bool preempted = false;

	program = hold_bpf__open();
	check(program, "no memory");
	loaded(hold_bpf__load(program));
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		missing("a second processor");
	for (int i = 0; i < 3; i++) {
		check(!ended_early(true), "a grace period ended during the walk");
		preempted |= ended_early(false);
	}
	if (!preempted)
		fprintf(stderr, "no grace period ends while anything runs in this kernel\n");
	return 0;
}
