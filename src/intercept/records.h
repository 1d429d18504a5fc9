/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which calls are received and not yet answered, beside the one in hand, in memory that outlives the
 * supervisor (struct supervisor_held). Slots are taken from the beginning, so whoever reads them may stop at
 * the first that was never used.
 */
#pragma once

#include "intercept/intercept.h"
#include "target/caller.h"

struct records;

/**
 * records_new() - @slots, @count: the memory; or NULL: nothing is recorded. Return: 0 or -ENOMEM.
 */
int records_new(struct records **ret, struct supervisor_held *slots, size_t count);
void records_free(struct records *records);

/**
 * records_add(), records_remove() - from any thread. Return: the slot; NULL where there is none.
 */
struct supervisor_held *records_add(struct records *records, const struct caller *caller);
void records_remove(struct records *records, struct supervisor_held *slot);
