/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program of bpf/replace.bpf.c: the kernel compares what stands at a number when it is about to be replaced.
 *
 * The kernel asks it whenever a thread of the machine receives a file, as long as the link is there, so it is loaded by
 * who needs it only. Besides what the look takes it takes a kernel in which functions can be traced and changed (fmod_ret).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct look_program;
struct replace_bpf;
struct replace_expected;

enum replace_state {
	REPLACE_UNTRIED,
	REPLACE_WORKS,
	REPLACE_FAILED,
};

struct replace_program {
	enum replace_state state;
	int link; /* -EBADF: none; of the table of the thread that loaded it, in which it stays */
	struct replace_expected *expected;
	struct replace_bpf *skeleton; /* has the memory that this lies in */
	uint32_t compared;	      /* before the number that is being replaced */
};

/**
 * bpf_load_replace() - load the program, and see whether it refuses a file, and only where it should.
 * @program: state is REPLACE_UNTRIED and link -EBADF
 * @look: loaded; tells which addresses a file and a thread of ours have
 *
 * Takes some milliseconds. Return: 0; -EPERM, -EACCES: not allowed; -ENOTSUP: this kernel does not do it; -E2BIG: too many
 * others do it already; -ENOMEM, -EMFILE.
 */
int bpf_load_replace(struct replace_program *program, const struct look_program *look);

/**
 * bpf_unload_replace() - let go of the memory; the link is the caller's to close, wherever that is.
 */
void bpf_unload_replace(struct replace_program *program);

/**
 * replace_expect() - until replace_expect_nothing() a thread receives a file only if another one stands at a number of its table.
 * @thread, @file: their addresses, as a look told
 */
void replace_expect(struct replace_program *program, uint64_t thread, uint64_t file, int number);

/**
 * replace_expect_nothing() - it has received it, or not.
 * Return: whether the kernel has compared anything since.
 */
bool replace_expect_nothing(struct replace_program *program);
