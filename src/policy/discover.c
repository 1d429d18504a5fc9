// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding the network's NAT64 prefix, RFC 7050.
 *
 * The name ipv4only.arpa has two well-known IPv4 addresses and no others. A network's DNS64 makes
 * AAAA records from them as it does from any A record, so its prefix is what stands around them.
 *
 * The two sources are read directly, /etc/hosts first and then the servers of /etc/resolv.conf:
 * both are files that `ip netns exec` and containers replace. getaddrinfo(3) would not do. It may
 * ask nscd or systemd-resolved over a socket in the file system, which answers for the network that
 * the daemon lives in, not for ours.
 */
#include "policy/discover.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "policy/rules.h"

#define NAME "ipv4only.arpa"
#define HINT "name the prefix: --map 0.0.0.0/0=64:ff9b::/96"

static const uint8_t well_known[][4] = { { 192, 0, 0, 170 }, { 192, 0, 0, 171 } };
static const unsigned int lengths[] = { 96, 64, 56, 48, 40, 32 };

/* How often four octets stand in an address in a row. */
static unsigned int count_octets(const struct in6_addr *addr, const uint8_t octets[static 4])
{
	unsigned int count = 0;

	for (size_t i = 0; i + 4 <= sizeof(addr->s6_addr); i++)
		count += memcmp(addr->s6_addr + i, octets, 4) == 0;
	return count;
}

static bool find_prefix(const struct in6_addr *record, const uint8_t octets[static 4],
			struct policy_prefix6 *ret)
{
	struct policy_prefix6 found = {};
	unsigned int places = 0, others;

	/* A mapped address is what a resolver makes of an A record, not a prefix of the network's. */
	if (IN6_IS_ADDR_V4MAPPED(record))
		return false;
	others = count_octets(record, octets);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct policy_prefix6 prefix = { .bits = lengths[i] };
		struct in_addr addr;

		memcpy(prefix.addr.s6_addr, record->s6_addr, prefix.bits / 8);
		if (!rfc6052_extract(&prefix, record, &addr) || memcmp(&addr, octets, 4) != 0)
			continue;
		places++;
		if (prefix.bits == 96 || prefix.bits == 64 || prefix.bits == 32)
			others--; /* in a row there, so counted above; the rest step over octet 8 */
		found = prefix;
	}
	if (places != 1 || others != 0)
		return false;
	*ret = found;
	return true;
}

bool discover_prefix(const struct in6_addr *records, size_t count, struct policy_prefix6 *ret)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < sizeof(well_known) / sizeof(*well_known); k++) {
			if (find_prefix(&records[i], well_known[k], ret))
				return true;
		}
	}
	return false;
}

int discover_answer(const unsigned char *message, size_t length,
		    struct in6_addr ret[static DISCOVER_RECORDS_MAX])
{
	ns_msg parsed;
	int count = 0;

	if (ns_initparse(message, length, &parsed) < 0)
		return -EBADMSG;
	for (int i = 0; i < ns_msg_count(parsed, ns_s_an) && count < DISCOVER_RECORDS_MAX; i++) {
		ns_rr record;

		if (ns_parserr(&parsed, ns_s_an, i, &record) < 0)
			return -EBADMSG;
		if (ns_rr_class(record) != ns_c_in || ns_rr_type(record) != ns_t_aaaa ||
		    ns_rr_rdlen(record) != sizeof(*ret))
			continue;
		memcpy(&ret[count++], ns_rr_rdata(record), sizeof(*ret));
	}
	return count;
}

int discover_hosts(FILE *file, struct in6_addr ret[static DISCOVER_RECORDS_MAX])
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int count = 0;

	while (count < DISCOVER_RECORDS_MAX && getline(&line, &size, file) >= 0) {
		char *rest = line, *word;
		struct in6_addr addr;

		line[strcspn(line, "#\n")] = '\0';
		word = strsep(&rest, " \t");
		if (inet_pton(AF_INET6, word, &addr) != 1)
			continue;
		while ((word = strsep(&rest, " \t"))) {
			if (strcasecmp(word, NAME) == 0) {
				ret[count++] = addr;
				break;
			}
		}
	}
	return count;
}

/* Ask the servers of /etc/resolv.conf. Return: the number of records, or a negative errno. */
static int ask_dns(struct in6_addr ret[static DISCOVER_RECORDS_MAX])
{
	struct __res_state state = {};
	unsigned char message[4096];
	int length, asked;

	if (res_ninit(&state) < 0)
		return -EIO;
	length = res_nquery(&state, NAME, ns_c_in, ns_t_aaaa, message, sizeof(message));
	asked = state.res_h_errno;
	res_nclose(&state);
	if (length < 0) {
		if (asked == HOST_NOT_FOUND || asked == NO_DATA)
			return 0;
		return asked == TRY_AGAIN ? -EAGAIN : -EIO;
	}
	if ((size_t)length > sizeof(message))
		length = sizeof(message);
	return discover_answer(message, length, ret);
}

int policy_discover(struct policy *policy, struct policy_error *error)
{
	struct in6_addr records[DISCOVER_RECORDS_MAX];
	struct policy_rule rule;
	int count = 0;
	FILE *hosts;
	int r;

	policy_rule_init(&rule);
	hosts = fopen("/etc/hosts", "re");
	if (hosts) {
		count = discover_hosts(hosts, records);
		fclose(hosts);
	}
	if (!discover_prefix(records, count, &rule.map)) {
		count = ask_dns(records);
		if (count < 0) {
			policy_fail(error, "cannot ask for the AAAA records of " NAME ": %s; " HINT,
				    count == -EAGAIN ? "no name server gives an answer"
						     : strerror(-count));
			return count;
		}
		if (!discover_prefix(records, count, &rule.map)) {
			policy_fail(error, "the network announces no NAT64 prefix (%s); " HINT,
				    count ? "the AAAA records of " NAME " contain none"
					  : NAME " has no AAAA records");
			return -ENOENT;
		}
	}
	rule.action = POLICY_MAP; /* of 0.0.0.0/0 */
	r = policy_append(policy, &rule, 1);
	return r < 0 ? policy_fail_memory(error) : 0;
}
