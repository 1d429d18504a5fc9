// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of rules, kept sorted by precedence; see policy.h and rules.h. */
#include "policy/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/rules.h"

int policy_new(struct policy **ret)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return -ENOMEM;
	policy->default_action = POLICY_PASS;
	policy->local.s_addr = htonl(0xc0000002); /* 192.0.0.2, RFC 7335 */
	*ret = policy;
	return 0;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->count; i++) {
		policy_rule_clear(policy->rules[i]);
		free(policy->rules[i]);
	}
	free(policy->rules);
	free(policy->order);
	free(policy);
}

void policy_freep(struct policy **policy)
{
	policy_free(*policy);
	*policy = NULL;
}

void policy_rule_init(struct policy_rule *rule)
{
	*rule = (struct policy_rule){ .port_high = UINT16_MAX };
}

void policy_rule_clear(struct policy_rule *rule)
{
	free(rule->netns);
	free(rule->text);
	rule->netns = NULL;
	rule->text = NULL;
}

/* Whether @a decides before @b: longer prefix, narrower ports, named protocol, first written. */
static bool match_before(const struct policy_match *a, const struct policy_match *b)
{
	unsigned int a_width = a->port_high - a->port_low, b_width = b->port_high - b->port_low;

	if (a->bits != b->bits)
		return a->bits > b->bits;
	if (a_width != b_width)
		return a_width < b_width;
	if ((a->proto == POLICY_PROTO_ANY) != (b->proto == POLICY_PROTO_ANY))
		return b->proto == POLICY_PROTO_ANY;
	return a->rule->index < b->rule->index;
}

/* Room for @count more rules; what is there stays valid if that fails. */
static int reserve(struct policy *policy, size_t count)
{
	size_t wanted = policy->count + count, allocated = policy->allocated;
	struct policy_rule **rules;
	struct policy_match *order;

	if (wanted <= allocated)
		return 0;
	if (allocated == 0)
		allocated = 8;
	while (allocated < wanted)
		allocated *= 2;
	rules = reallocarray(policy->rules, allocated, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	policy->rules = rules;
	order = reallocarray(policy->order, allocated, sizeof(*order));
	if (!order)
		return -ENOMEM;
	policy->order = order;
	policy->allocated = allocated;
	return 0;
}

/* Insert @rule into the order, behind everything that goes before it. There is room. */
static void insert(struct policy *policy, const struct policy_rule *rule)
{
	struct policy_match match = {
		.addr = ntohl(rule->dest.s_addr),
		.mask = policy_mask(rule->dest_bits),
		.port_low = rule->port_low,
		.port_high = rule->port_high,
		.bits = rule->dest_bits,
		.proto = rule->proto,
		.rule = rule,
	};
	size_t low = 0, high = policy->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (match_before(&policy->order[middle], &match))
			low = middle + 1;
		else
			high = middle;
	}
	memmove(policy->order + low + 1, policy->order + low,
		(policy->count - low) * sizeof(*policy->order));
	policy->order[low] = match;
}

int policy_append(struct policy *policy, struct policy_rule *rules, size_t count)
{
	size_t made;
	int r;

	r = reserve(policy, count);
	if (r < 0)
		return r;
	for (made = 0; made < count; made++) {
		struct policy_rule *copy = malloc(sizeof(*copy));

		if (!copy)
			break;
		*copy = rules[made];
		copy->index = policy->count + made;
		policy->rules[policy->count + made] = copy;
		if (policy_rule_text(copy, &copy->text) < 0) {
			free(copy);
			break;
		}
	}
	if (made < count) {
		while (made-- > 0) {
			free(policy->rules[policy->count + made]->text);
			free(policy->rules[policy->count + made]);
		}
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		insert(policy, policy->rules[policy->count]);
		policy->count++;
		rules[i].netns = NULL;
	}
	return 0;
}

size_t policy_count(const struct policy *policy)
{
	return policy->count;
}

const struct policy_rule *policy_rule(const struct policy *policy, size_t index)
{
	return index < policy->count ? policy->rules[index] : NULL;
}

bool policy_changes_peer(const struct policy *policy, enum policy_proto proto)
{
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = policy->rules[i];

		if (rule->proto != proto && rule->proto != POLICY_PROTO_ANY &&
		    proto != POLICY_PROTO_ANY)
			continue;
		if (rule->action == POLICY_MAP || rule->action == POLICY_TO)
			return true;
	}
	return false;
}

bool policy_moves_inet(const struct policy *policy)
{
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = policy->rules[i];

		if (rule->action == POLICY_TO && rule->to_family == AF_INET)
			return true;
	}
	return false;
}

struct in_addr policy_local(const struct policy *policy)
{
	return policy->local;
}

int policy_fail(struct policy_error *error, const char *format, ...)
{
	va_list arguments;

	if (!error)
		return -EINVAL;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	for (char *c = error->text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return -EINVAL;
}

int policy_fail_memory(struct policy_error *error)
{
	policy_fail(error, "out of memory");
	return -ENOMEM;
}
