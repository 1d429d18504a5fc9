/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of what the bpf backend tells: one of it, and a report, for all tests of a program. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "watch/watch.h"

/* NULL: the backend does not work for this user, or on this kernel. */
static struct watch *watch;
static struct watch_report report;

static int start(void **state)
{
	int r = watch_open("bpf", 0, &watch);

	if (r < 0)
		print_message("bpf: %s\n", strerror(-r));
	/* Where nothing is missing the verifier has refused the program: it may have too many functions. */
	if (r == -EACCES && !watch_missing("bpf"))
		return -1;
	return r == 0 || r == -EPERM || r == -EACCES || r == -ENOTSUP ? 0 : -1;
}

static int stop(void **state)
{
	watch_close(watch);
	watch_report_free(&report);
	return 0;
}
