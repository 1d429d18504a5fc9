/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where in a YAML text something stands.
 *
 * libcyaml hands over values without their places. So the text is read as a tree first, which also
 * tells what is no YAML at all, and when a value turns out to be wrong, the tree is asked for the
 * line. Lines count from 1; 0 is "not there".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "policy/policy.h"

#define WHERE_TOP (-1)

struct where {
	yaml_document_t document;
	bool loaded;
};

/**
 * where_load() - read a text as a tree.
 * @name: what messages call the text
 * @ret: is filled in whole; to be released with where_unload(), also on failure
 *
 * Return: 0, -EINVAL (@error: name, line and what is no YAML, or that there are several documents),
 * or -ENOMEM.
 */
int where_load(const char *name, const char *text, size_t length, struct where *ret,
	       struct policy_error *error);
void where_unload(struct where *where);

/* Where rules[index] starts; WHERE_TOP: the document. */
unsigned int where_rule(const struct where *where, int index);

/* Where the key stands that gives a field of rules[index], or of the document with WHERE_TOP.
 * @occurrence: 0 is the first of that name */
unsigned int where_field(const struct where *where, int index, const char *key,
			 unsigned int occurrence);
