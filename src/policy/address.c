// SPDX-License-Identifier: LGPL-2.1-or-later
/* Addresses, prefixes and targets as rules spell them; see parse.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "policy/parse.h"
#include "policy/rules.h"

int parse_ipv4(const char *text, struct in_addr *ret, struct policy_error *error)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		return policy_fail(error, "'%s' is no IPv4 address; expected one like 192.0.2.1",
				   text);
	*ret = addr;
	return 0;
}

int parse_dest(const char *text, struct policy_rule *rule, struct policy_error *error)
{
	const char *slash = strchr(text, '/');
	char host[INET_ADDRSTRLEN], right[INET_ADDRSTRLEN];
	struct in_addr addr, masked;
	struct in6_addr addr6;
	unsigned int bits = 32;
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (inet_pton(AF_INET6, text, &addr6) == 1 || strchr(text, ':'))
		return policy_fail(error,
				   "'%s' is no IPv4 destination; only connections to IPv4 are "
				   "changed; expected an address or prefix like 192.0.2.0/24",
				   text);
	if (length >= sizeof(host))
		goto bad;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(AF_INET, host, &addr) != 1)
		goto bad;
	if (slash && !parse_number(slash + 1, 0, 32, &bits))
		return policy_fail(error,
				   "'%s' has no prefix length behind the slash; expected a number "
				   "from 0 to 32",
				   text);
	masked.s_addr = addr.s_addr & htonl(policy_mask(bits));
	if (masked.s_addr != addr.s_addr) {
		inet_ntop(AF_INET, &masked, right, sizeof(right));
		return policy_fail(error,
				   "'%s' has bits set beyond its prefix; expected %s/%u, or %s/32 "
				   "for the one address",
				   text, right, bits, host);
	}
	rule->dest = addr;
	rule->dest_bits = bits;
	return 0;
bad:
	return policy_fail(error,
			   "'%s' is no IPv4 address or prefix; expected one like 192.0.2.1 or "
			   "192.0.2.0/24 (0.0.0.0/0 for all)",
			   text);
}

static int parse_map(const char *text, struct policy_rule *rule, struct policy_error *error)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN], right[INET6_ADDRSTRLEN];
	struct in6_addr addr, masked = {};
	unsigned int bits;
	size_t length;

	if (!slash)
		goto bad;
	length = slash - text;
	if (length >= sizeof(host))
		goto bad;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(AF_INET6, host, &addr) != 1)
		goto bad;
	if (!parse_number(slash + 1, 32, 96, &bits) || (bits > 64 ? bits != 96 : bits % 8))
		return policy_fail(error,
				   "prefix length '%s' of '%s' cannot carry IPv4 addresses; "
				   "expected 32, 40, 48, 56, 64 or 96 (RFC 6052)",
				   slash + 1, text);
	memcpy(masked.s6_addr, addr.s6_addr, bits / 8);
	if (memcmp(&masked, &addr, sizeof(addr)) != 0) {
		inet_ntop(AF_INET6, &masked, right, sizeof(right));
		return policy_fail(error, "'%s' has bits set beyond its prefix; expected %s/%u",
				   text, right, bits);
	}
	if (addr.s6_addr[8] != 0)
		return policy_fail(error,
				   "'%s' has bits 64 to 71 set; they must be zero (RFC 6052 "
				   "section 2.2)",
				   text);
	rule->map.addr = addr;
	rule->map.bits = bits;
	return 0;
bad:
	return policy_fail(error, "'%s' is no IPv6 prefix; expected one like 64:ff9b::/96", text);
}

/* Cut a target into address and port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]:80. Works
 * within @text. @ret_port is NULL where none is given. */
static bool split_target(char *text, char **ret_addr, char **ret_port, int *ret_family)
{
	char *colon = strchr(text, ':'), *end;

	*ret_addr = text;
	*ret_port = NULL;
	*ret_family = AF_INET;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return false;
		if (end[1] == ':')
			*ret_port = end + 2;
		*end = '\0';
		*ret_addr = text + 1;
		*ret_family = AF_INET6;
		return true;
	}
	if (colon && strchr(colon + 1, ':')) {
		*ret_family = AF_INET6;
		return true;
	}
	if (colon) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return true;
}

static int parse_to(const char *text, struct policy_rule *rule, struct policy_error *error)
{
	_cleanup_free_ char *copy = strdup(text);
	unsigned int number = 0;
	struct in6_addr addr6 = {};
	struct in_addr addr4 = {};
	char *addr, *port;
	bool unspecified;
	int family;

	if (!copy)
		return policy_fail_memory(error);
	if (!split_target(copy, &addr, &port, &family) ||
	    inet_pton(family, addr, family == AF_INET ? (void *)&addr4 : (void *)&addr6) != 1)
		return policy_fail(error,
				   "'%s' is no address to connect to; expected one like 192.0.2.1, "
				   "192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80",
				   text);
	if (port && !parse_number(port, 1, 65535, &number))
		return policy_fail(
			error, "port '%s' of '%s' is no port; expected a number from 1 to 65535",
			port, text);
	unspecified = family == AF_INET ? addr4.s_addr == INADDR_ANY
					: IN6_IS_ADDR_UNSPECIFIED(&addr6);
	if (unspecified)
		return policy_fail(error, "'%s' names no host; expected the address of one", text);
	if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr6))
		return policy_fail(error,
				   "'%s' is link-local and would need an interface; expected an "
				   "address of a wider scope",
				   text);
	rule->to_family = family;
	rule->to4 = addr4;
	rule->to6 = addr6;
	rule->to_port = number;
	return 0;
}

static int parse_netns(const char *text, struct policy_rule *rule, struct policy_error *error)
{
	char *copy;

	if (strcmp(text, "self") != 0 && *text != '/')
		return policy_fail(error,
				   "'%s' is no network namespace; expected an absolute path, or "
				   "self",
				   text);
	copy = strdup(text);
	if (!copy)
		return policy_fail_memory(error);
	free(rule->netns);
	rule->netns = copy;
	return 0;
}

int parse_value(enum policy_action action, const char *text, struct policy_rule *rule,
		struct policy_error *error)
{
	int r = 0;

	switch (action) {
	case POLICY_PASS:
		break;
	case POLICY_MAP:
		r = parse_map(text, rule, error);
		break;
	case POLICY_TO:
		r = parse_to(text, rule, error);
		break;
	case POLICY_NETNS:
		r = parse_netns(text, rule, error);
		break;
	case POLICY_REJECT:
		r = parse_errno(text, &rule->reject_errno, error);
		break;
	}
	if (r == 0)
		rule->action = action;
	return r;
}
