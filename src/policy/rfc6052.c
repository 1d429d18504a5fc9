// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IPv4 addresses embedded in IPv6 addresses, RFC 6052 section 2.2.
 *
 * The four octets follow the prefix, except that octet 8 (bits 64 to 71, "u") is stepped over and
 * zero; what is left behind them, the suffix, is zero too:
 *
 *	bits   octet 4    5    6    7    8    9   10   11   12   13   14   15
 *	32          v4   v4   v4   v4    u  suffix
 *	40        prefix v4   v4   v4    u   v4   suffix
 *	48             prefix v4   v4    u   v4   v4   suffix
 *	56                  prefix v4    u   v4   v4   v4   suffix
 *	64                       prefix  u   v4   v4   v4   v4   suffix
 *	96                     prefix, in it u                v4   v4   v4   v4
 */
#include <string.h>

#include "policy/policy.h"

#define OCTET_U 8

/* The octets of an address that carry the IPv4 address under a prefix of @bits. */
static void positions(unsigned int bits, unsigned int ret[static 4])
{
	unsigned int at = bits / 8;

	for (unsigned int i = 0; i < 4; i++, at++) {
		if (at == OCTET_U)
			at++;
		ret[i] = at;
	}
}

void rfc6052_embed(const struct policy_prefix6 *prefix, struct in_addr addr, struct in6_addr *ret)
{
	const uint8_t *octets = (const uint8_t *)&addr.s_addr;
	struct in6_addr made = {};
	unsigned int at[4];

	memcpy(made.s6_addr, prefix->addr.s6_addr, prefix->bits / 8);
	positions(prefix->bits, at);
	for (unsigned int i = 0; i < 4; i++)
		made.s6_addr[at[i]] = octets[i];
	*ret = made;
}

bool rfc6052_extract(const struct policy_prefix6 *prefix, const struct in6_addr *addr,
		     struct in_addr *ret)
{
	struct in6_addr again;
	struct in_addr taken;
	unsigned int at[4];
	uint8_t octets[4];

	positions(prefix->bits, at);
	for (unsigned int i = 0; i < 4; i++)
		octets[i] = addr->s6_addr[at[i]];
	memcpy(&taken.s_addr, octets, sizeof(octets));

	/* Embedding is one to one: only an address that comes out again was made by it. That
	 * compares the prefix and finds any bit that should be zero. Octet 8 lies within a prefix
	 * of 96. */
	rfc6052_embed(prefix, taken, &again);
	if (memcmp(&again, addr, sizeof(again)) != 0 || addr->s6_addr[OCTET_U] != 0)
		return false;
	*ret = taken;
	return true;
}
