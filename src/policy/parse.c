// SPDX-License-Identifier: LGPL-2.1-or-later
/* Rules and settings in the words of the command line; see policy_add() in policy.h. */
#include "policy/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "policy/rules.h"

static const char *const forms[] = {
	[POLICY_PASS] = "DEST[:PORTS]",		  [POLICY_MAP] = "DEST[:PORTS]=PREFIX",
	[POLICY_TO] = "DEST[:PORTS]=ADDRESS",	  [POLICY_NETNS] = "DEST[:PORTS]=PATH",
	[POLICY_REJECT] = "DEST[:PORTS][=ERRNO]",
};

/* What stands before the equals sign: [tcp/|udp/]DEST[:PORT[-PORT]]. Works within @text. */
static int parse_match(char *text, struct policy_rule *rule, struct policy_error *error)
{
	char *slash = strchr(text, '/');
	char *colon;
	int r;

	if (slash && (*text < '0' || *text > '9') && !memchr(text, ':', slash - text)) {
		*slash = '\0';
		r = parse_proto(text, rule, error);
		if (r < 0)
			return r;
		text = slash + 1;
	}
	colon = strchr(text, ':');
	if (colon &&
	    !strchr(colon + 1, ':')) { /* more than one: IPv6, which parse_dest() refuses */
		*colon = '\0';
		r = parse_ports(colon + 1, rule, error);
		if (r < 0)
			return r;
	}
	return parse_dest(text, rule, error);
}

static int parse_rule(enum policy_action action, char *text, struct policy_rule *rule,
		      struct policy_error *error)
{
	char *value = strchr(text, '=');
	int r;

	if (action == POLICY_PASS && value)
		return policy_fail(error, "pass takes no value; expected %s", forms[action]);
	if (!value && (action == POLICY_MAP || action == POLICY_TO || action == POLICY_NETNS))
		return policy_fail(error, "no value; expected %s", forms[action]);
	if (value)
		*value++ = '\0';
	else
		value = "ECONNREFUSED"; /* for reject; pass does not look */
	r = parse_match(text, rule, error);
	if (r < 0)
		return r;
	return parse_value(action, value, rule, error);
}

int policy_add(struct policy *policy, enum policy_action action, const char *text,
	       struct policy_error *error)
{
	_cleanup_free_ char *copy = strdup(text);
	struct policy_rule rule;
	int r;

	if (!copy)
		return policy_fail_memory(error);
	policy_rule_init(&rule);
	r = parse_rule(action, copy, &rule, error);
	if (r == 0) {
		r = policy_append(policy, &rule, 1);
		if (r < 0)
			policy_fail_memory(error);
	}
	policy_rule_clear(&rule);
	return r;
}

int policy_set_default(struct policy *policy, const char *text, struct policy_error *error)
{
	int number = ECONNREFUSED;
	int r;

	if (strcmp(text, "pass") == 0) {
		policy->default_action = POLICY_PASS;
		policy->default_errno = 0;
		return 0;
	}
	if (strncmp(text, "reject:", 7) == 0) {
		r = parse_errno(text + 7, &number, error);
		if (r < 0)
			return r;
	} else if (strcmp(text, "reject") != 0) {
		return policy_fail(
			error, "'%s' is no default; expected pass, reject or reject:ERRNO", text);
	}
	policy->default_action = POLICY_REJECT;
	policy->default_errno = number;
	return 0;
}

int policy_set_local(struct policy *policy, const char *text, struct policy_error *error)
{
	return parse_ipv4(text, &policy->local, error);
}
