// SPDX-License-Identifier: LGPL-2.1-or-later
/* Numbers, ports, protocols and error names as rules spell them; see parse.h. */
#include <errno.h>
#include <string.h>

#include "policy/parse.h"
#include "policy/rules.h"

#define ERRNO_EXPECTED                                                                             \
	"ECONNREFUSED, EACCES, EPERM, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, ECONNRESET, "          \
	"EADDRNOTAVAIL or a number from 1 to 133"

static const struct {
	const char *name;
	int number;
} errnos[] = {
	{ "ECONNREFUSED", ECONNREFUSED },
	{ "EACCES", EACCES },
	{ "EPERM", EPERM },
	{ "ENETUNREACH", ENETUNREACH },
	{ "EHOSTUNREACH", EHOSTUNREACH },
	{ "ETIMEDOUT", ETIMEDOUT },
	{ "ECONNRESET", ECONNRESET },
	{ "EADDRNOTAVAIL", EADDRNOTAVAIL },
};

bool parse_number(const char *text, unsigned int low, unsigned int high, unsigned int *ret)
{
	unsigned int number = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0'))
		return false;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || c - text >= 9)
			return false;
		number = number * 10 + (*c - '0');
	}
	if (number < low || number > high)
		return false;
	*ret = number;
	return true;
}

int parse_ports(const char *text, struct policy_rule *rule, struct policy_error *error)
{
	const char *dash = strchr(text, '-');
	unsigned int low, high;
	char first[8];
	size_t length;

	length = dash ? (size_t)(dash - text) : strlen(text);
	if (length >= sizeof(first))
		goto bad;
	memcpy(first, text, length);
	first[length] = '\0';
	if (!parse_number(first, 1, 65535, &low))
		goto bad;
	high = low;
	if (dash && !parse_number(dash + 1, 1, 65535, &high))
		goto bad;
	if (high < low)
		return policy_fail(error, "port range '%s' runs backwards; expected %u-%u", text,
				   high, low);
	rule->port_low = low;
	rule->port_high = high;
	return 0;
bad:
	return policy_fail(error, "'%s' is no port; expected a number from 1 to 65535, or LOW-HIGH",
			   text);
}

int parse_proto(const char *text, struct policy_rule *rule, struct policy_error *error)
{
	if (strcmp(text, "tcp") == 0)
		rule->proto = POLICY_PROTO_TCP;
	else if (strcmp(text, "udp") == 0)
		rule->proto = POLICY_PROTO_UDP;
	else
		return policy_fail(
			error, "'%s' is no protocol that rules know; expected tcp or udp", text);
	return 0;
}

int parse_errno(const char *text, int *ret, struct policy_error *error)
{
	unsigned int number;

	for (size_t i = 0; i < sizeof(errnos) / sizeof(*errnos); i++) {
		if (strcmp(text, errnos[i].name) == 0) {
			*ret = errnos[i].number;
			return 0;
		}
	}
	if (!parse_number(text, 1, 133, &number))
		return policy_fail(
			error, "'%s' is no error that rules know; expected " ERRNO_EXPECTED, text);
	*ret = number;
	return 0;
}

const char *parse_errno_name(int number)
{
	for (size_t i = 0; i < sizeof(errnos) / sizeof(*errnos); i++) {
		if (errnos[i].number == number)
			return errnos[i].name;
	}
	return NULL;
}
