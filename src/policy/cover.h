/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which destinations a rule decides, when others take some of them away. */
#pragma once

#include "policy/policy.h"
#include "policy/rules.h"

#define COVER_ANY_PORT (-1)

/**
 * cover_find() - destinations that a rule of a policy decides.
 * @within: only destinations in this block
 * @port: only this port (host byte order), or COVER_ANY_PORT
 * @proto: POLICY_PROTO_TCP or POLICY_PROTO_UDP
 * @ret: receives up to two of them; the first is the lowest of @within where the rule decides that
 *
 * Exact, however the rules overlap. Fast where nothing is hidden; quadratic in the rules that
 * overlap this one where everything is.
 *
 * Return: 0: none. 1: exactly one. 2: two or more.
 */
unsigned int cover_find(const struct policy *policy, const struct policy_rule *rule,
			const struct policy_block *within, int port, enum policy_proto proto,
			struct sockaddr_in ret[static 2]);
