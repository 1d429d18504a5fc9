/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes whose descriptors came about at random, for test-compare.c.
 *
 *     tester --fork--> process --fork--> process ...   each opens, duplicates, closes, registers, forks;
 *                                                      then starts threads that wait; then waits itself
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "watch/watch.h"

#define PROCESSES_MAX 6
#define THREADS_MAX   4

/* What a process says of itself when all of its threads wait. */
struct saying {
	pid_t pid;
	int count;
	struct {
		pid_t tid;
		int number;
		enum watch_wait how;
		bool timed;
	} threads[THREADS_MAX];
};

struct processes {
	pid_t first;
	int hold; /* they end when this is closed */
	int count;
	struct saying sayings[PROCESSES_MAX];
};

/**
 * processes_start() - the same ones for the same @seed. Returns when all of them wait.
 * @begun: called when the first has been forked, and nothing of it looked at
 *
 * Return: whether all went well.
 */
bool processes_start(struct processes *ret, uint64_t seed, void (*begun)(pid_t first));

/**
 * processes_end() - Return: whether they came to their end.
 */
bool processes_end(struct processes *processes);
