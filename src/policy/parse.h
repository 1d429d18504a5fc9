/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words that rules are made of. The command line and the files share them, so both accept the
 * same and complain in the same way.
 *
 * Each function fills in what it is named for and nothing else; the output is untouched on failure.
 * Return: 0, -EINVAL (@error says what was wrong and what was expected), or -ENOMEM.
 */
#pragma once

#include "policy/policy.h"

/* "192.0.2.0/24" or "192.0.2.1"; bits beyond the prefix must be zero. */
int parse_dest(const char *text, struct policy_rule *rule, struct policy_error *error);

/* "80" or "80-90". */
int parse_ports(const char *text, struct policy_rule *rule, struct policy_error *error);

/* "tcp" or "udp". */
int parse_proto(const char *text, struct policy_rule *rule, struct policy_error *error);

/* The value of an action, and the action itself: "64:ff9b::/96", "[2001:db8::1]:80", "self",
 * "ECONNREFUSED". POLICY_PASS takes none. */
int parse_value(enum policy_action action, const char *text, struct policy_rule *rule,
		struct policy_error *error);

/* "192.0.2.1". */
int parse_ipv4(const char *text, struct in_addr *ret, struct policy_error *error);

/* "ECONNREFUSED" or a number from 1 to 133; receives it positive. */
int parse_errno(const char *text, int *ret, struct policy_error *error);

/* The name of an errno that rules can name; NULL for others. */
const char *parse_errno_name(int number);

/**
 * parse_number() - a decimal number, digits only and no leading zeros.
 *
 * Return: whether it is one, from @low to @high. @ret is untouched where not.
 */
bool parse_number(const char *text, unsigned int low, unsigned int high, unsigned int *ret);
