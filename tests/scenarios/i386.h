/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls of i386 from a 64-bit program, by int $0x80: their own numbers, and structures as a 32-bit
 * program lays them out.
 */
#pragma once

#include "scenario.h"

#define I386_SOCKETCALL 102

/* Skips the scenario where this machine has none (another processor, CONFIG_IA32_EMULATION). */
void need_i386(void);

/* As syscall(2): -1 with errno on failure. Only @arguments below 4 GiB arrive. */
long i386_call(long number, const long arguments[5]);

/* A page that 32 bits can name. */
void *low_memory(void);
