/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests that walk the option table: a value for each option that is not a fresh socket's.
 *
 * Shared by the unit test and by tests/scenarios/option-table.c, which compiles it and the table in.
 */
#pragma once

#include "socket/option.h"

/* As much as getsockopt(2) has to say about one. */
#define TEST_VALUE_MAX 256

struct test_value {
	unsigned char bytes[TEST_VALUE_MAX];
	socklen_t size;
	int error; /* of getsockopt(2), or 0; then @size is 0 */
};

/**
 * test_value_read() - what a socket has of an option. Lengths are as the kernel returns them; those of
 * SO_ATTACH_FILTER count instructions.
 */
void test_value_read(const struct option *option, int fd, struct test_value *ret);

/**
 * test_value_equal() - whether two reads gave the same.
 */
bool test_value_equal(const struct test_value *a, const struct test_value *b);

/**
 * test_value_change() - set an option to something that reads back as something else than before.
 *
 * Return: 0; 1: it was set, and reads as before, or cannot be read; or the errno, negative, of the first
 * value that was tried.
 */
int test_value_change(const struct option *option, int fd);
