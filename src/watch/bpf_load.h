/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loading and running the programs of src/bpf.
 *
 * A program is one descriptor, which belongs to the table of the thread that loaded it, and memory that it shares
 * with this process. It takes CAP_BPF and CAP_PERFMON, and a kernel that describes itself (/sys/kernel/btf/vmlinux).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct look_bpf;
struct look_question;
struct look_answer;

struct look_program {
	int fd; /* -EBADF: not loaded */
	struct look_question *question;
	const struct look_answer *answer;
	struct look_bpf *skeleton; /* has the memory that both lie in */
};

/**
 * bpf_missing() - what it takes that is not there, without trying. Return: static text; NULL: nothing is known to.
 */
const char *bpf_missing(void);

/**
 * bpf_may_read_memory() - whether we have the right to read any process's memory (CAP_SYS_PTRACE), so that it does not matter
 * that a program of ours is not asked for it.
 */
bool bpf_may_read_memory(void);

/**
 * bpf_load_look() - load the program of look.bpf.c, and see whether it tells the truth of a file of ours.
 * @ret: untouched on failure; the caller closes fd and calls bpf_unload_look()
 *
 * Takes some ten milliseconds. Return: 0; -EPERM, -EACCES: not allowed; -ENOTSUP: this kernel is not as expected;
 * -ENOMEM, -EMFILE.
 */
int bpf_load_look(struct look_program *ret);

/**
 * bpf_unload_look() - let go of the memory; the descriptor is the caller's to close, wherever that is.
 */
void bpf_unload_look(struct look_program *program);

/**
 * bpf_run() - run a program once: the question has been written, the answer can be read afterwards.
 * @fd: of the program
 *
 * Return: 0 or a negative errno.
 */
int bpf_run(int fd);
