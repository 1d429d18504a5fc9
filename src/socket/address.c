// SPDX-License-Identifier: LGPL-2.1-or-later
/* Internet socket addresses; see address.h. */
#include "socket/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

socklen_t address_size(const union address *address)
{
	return address->sa.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

void address_text(const union address *address, char ret[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
		snprintf(ret, ADDRESS_TEXT, "%s:%u", host, address_port(address));
	} else {
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof(host));
		snprintf(ret, ADDRESS_TEXT, "[%s]:%u", host, address_port(address));
	}
}

bool address_is_mapped(const union address *address)
{
	return address->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr);
}

void address_map(const union address *address, union address *ret)
{
	struct sockaddr_in from = address->in;

	memset(ret, 0, sizeof(*ret));
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = from.sin_port;
	ret->in6.sin6_addr.s6_addr[10] = 0xff;
	ret->in6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&ret->in6.sin6_addr.s6_addr[12], &from.sin_addr, 4);
}

void address_unmap(const union address *address, union address *ret)
{
	struct sockaddr_in6 from = address->in6;

	memset(ret, 0, sizeof(*ret));
	ret->in.sin_family = AF_INET;
	ret->in.sin_port = from.sin6_port;
	memcpy(&ret->in.sin_addr, &from.sin6_addr.s6_addr[12], 4);
}

bool address_is_any(const union address *address)
{
	union address plain = *address;

	if (address_is_mapped(address))
		address_unmap(address, &plain);
	if (plain.sa.sa_family == AF_INET)
		return plain.in.sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(&plain.in6.sin6_addr);
}

in_port_t address_port(const union address *address)
{
	return ntohs(address->sa.sa_family == AF_INET ? address->in.sin_port
						      : address->in6.sin6_port);
}

void address_set_port(union address *address, in_port_t port)
{
	if (address->sa.sa_family == AF_INET)
		address->in.sin_port = htons(port);
	else
		address->in6.sin6_port = htons(port);
}

bool address_equal(const union address *a, const union address *b)
{
	if (a->sa.sa_family != b->sa.sa_family || address_port(a) != address_port(b))
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
}
