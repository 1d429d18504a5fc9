/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For those assumption programs that look into the kernel: loading a program of bpf/, and running it. */
#pragma once

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

/* What the load of a program came to; ends this one where it did not work. */
static inline void loaded(int r)
{
	if (r == -EPERM)
		missing("CAP_BPF");
	check(r >= 0, "the program is not loaded: %s", strerror(-r));
}

static inline void run_program(int fd)
{
	union bpf_attr attr = { .test.prog_fd = fd };

	must(syscall(SYS_bpf, BPF_PROG_RUN, &attr, sizeof(attr)));
}
