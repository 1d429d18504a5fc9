/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy file as libcyaml reads it: the keys that there are, each with its text. What the texts
 * mean is for yaml.c and parse.h.
 */
#pragma once

#include <stddef.h>

#include "policy/policy.h"
#include "policy/where.h"

/* One entry of rules. A key that is not there is NULL. */
struct schema_rule {
	char *dest;
	char *port;
	char *proto;
	char *map;
	char *to;
	char *netns;
	char *reject;
	char *pass;
	char *local;
};

struct schema_file {
	struct schema_rule *rules;
	unsigned int rules_count;
	char *default_action;
	char *local;
	char *settings[POLICY_SETTING_COUNT]; /* by their keys */
};

/**
 * schema_load() - read a YAML text into what the schema knows.
 * @name: what messages call the text
 * @where: the same text as a tree
 * @ret: receives it, or NULL where the text is empty; release with schema_free()
 *
 * Return: 0, -EINVAL (@error: name, line, what was wrong and what was expected), or -ENOMEM.
 */
int schema_load(const char *name, const char *text, size_t length, const struct where *where,
		struct schema_file **ret, struct policy_error *error);
void schema_free(struct schema_file *file);
void schema_freep(struct schema_file **file);
