/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What --help prints. */
#pragma once

#include <stdio.h>

void usage_reseat(FILE *file);
void usage_run(FILE *file);
void usage_observe(FILE *file);
void usage_policy(FILE *file);
void usage_check(FILE *file);
