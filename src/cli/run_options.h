/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user asked `reseat run` or `reseat observe` for. */
#pragma once

#include "intercept/intercept.h"
#include "policy/policy.h"

#define WATCH_BACKEND_VARIABLE "RESEAT_WATCH_BACKEND"

enum process_model {
	MODEL_AUTO,
	MODEL_IN_PLACE,
	MODEL_FRONT,
};

struct run_options {
	struct policy *policy;
	const char *watch_backend; /* NULL: the best that works */
	enum trace_format trace;
	const char *trace_output;  /* NULL: standard error */
	bool observe;		   /* 'reseat observe' */
	enum report_format report;
	const char *report_output; /* absolute; NULL: standard error */
	const char *origins;	   /* NULL: shared with nobody */
	enum process_model model;
	char **command;		   /* NULL-terminated, within argv */
};

enum run_parsed {
	RUN_PARSED,
	RUN_HELP,  /* the help was asked for and printed */
	RUN_USAGE, /* an error, printed */
};

/**
 * run_options_parse() - read the command line, the policy file and, without a single rule, the
 * network's NAT64 prefix.
 * @argv: argv[0] is "run" or "observe"
 * @ret: released with run_options_free(), whatever is returned
 *
 * Says on standard error what is wrong, and the policy's warnings.
 */
enum run_parsed run_options_parse(int argc, char **argv, struct run_options *ret);
void run_options_free(struct run_options *options);
