/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a policy, for the files of this folder.
 *
 * Rules stand twice: in the order written, each in memory of its own so that a decision may point
 * at it for as long as the policy lives, and as an array of matches sorted by precedence. Deciding
 * walks the second and stops at the first that fits; it reads 24 bytes for each rule that it passes
 * by.
 */
#pragma once

#include <stdarg.h>

#include "policy/policy.h"

/* What of a rule decides whether it applies. All in host byte order. */
struct policy_match {
	uint32_t addr, mask;
	uint16_t port_low, port_high;
	uint8_t bits;
	uint8_t proto;
	const struct policy_rule *rule;
};

struct policy {
	struct policy_rule **rules; /* as written */
	struct policy_match *order; /* by precedence */
	size_t count, allocated;
	enum policy_action default_action;
	int default_errno;
	struct in_addr local;
	bool settings[POLICY_SETTING_COUNT];
};

/* A block of IPv4 addresses. Host byte order. */
struct policy_block {
	uint32_t addr;
	unsigned int bits;
};

/* The special-use blocks that pass unless a rule names a prefix within them. */
#define POLICY_SPECIAL_COUNT 5
extern const struct policy_block policy_special[POLICY_SPECIAL_COUNT];

/* The netmask of a prefix length from 0 to 32, in host byte order. */
static inline uint32_t policy_mask(unsigned int bits)
{
	return bits ? UINT32_MAX << (32 - bits) : 0;
}

/* Whether two rules or blocks share an address; prefixes do so only when one contains the other. */
static inline bool policy_overlap(uint32_t a, unsigned int a_bits, uint32_t b, unsigned int b_bits)
{
	uint32_t mask = policy_mask(a_bits < b_bits ? a_bits : b_bits);

	return (a & mask) == (b & mask);
}

/**
 * policy_rule_init() - a rule for every port and protocol, of which nothing else is known yet.
 */
void policy_rule_init(struct policy_rule *rule);

/**
 * policy_rule_clear() - release what a rule owns.
 */
void policy_rule_clear(struct policy_rule *rule);

/**
 * policy_append() - put complete rules at the end of the policy, all or none of them.
 * @rules: on success what they own belongs to the policy and they are empty; untouched on failure
 *
 * Return: 0 or -ENOMEM.
 */
int policy_append(struct policy *policy, struct policy_rule *rules, size_t count);

/**
 * policy_rule_text() - a rule as a person would write it: "map 192.0.2.0/24:80=64:ff9b::/96".
 * @ret: receives the text; release with free()
 *
 * Return: 0 or -ENOMEM.
 */
int policy_rule_text(const struct policy_rule *rule, char **ret);

/**
 * policy_fail() - say why something could not be read. Control characters, which may stem from a
 * file, are replaced: the text goes to a terminal.
 * @error: receives the text; may be NULL
 *
 * Return: -EINVAL always.
 */
int policy_fail(struct policy_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * policy_fail_memory() - say that memory ran out.
 *
 * Return: -ENOMEM always.
 */
int policy_fail_memory(struct policy_error *error);
