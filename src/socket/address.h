/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Internet socket addresses, IPv4-mapped ones among them (RFC 4291 section 2.5.5.2). */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* One of any family, as long as the kernel takes them. */
union any_address {
	union address inet;
	struct sockaddr_storage storage;
};

/* "[2001:db8::1]:65535" and a NUL, with room for a scope. */
#define ADDRESS_TEXT 80

/**
 * address_size() - the length to pass to the kernel for the address's family.
 */
socklen_t address_size(const union address *address);

/**
 * address_text() - write "192.0.2.1:80" or "[2001:db8::1]:80".
 */
void address_text(const union address *address, char ret[ADDRESS_TEXT]);

/**
 * address_is_mapped() - whether it is an AF_INET6 address within ::ffff:0:0/96.
 */
bool address_is_mapped(const union address *address);

/**
 * address_map() - the IPv4-mapped AF_INET6 form of an AF_INET address. @ret may be @address.
 */
void address_map(const union address *address, union address *ret);

/**
 * address_unmap() - the AF_INET form of an IPv4-mapped address. @ret may be @address.
 */
void address_unmap(const union address *address, union address *ret);

/**
 * address_is_any() - whether the address, leaving the port aside, is 0.0.0.0, :: or ::ffff:0.0.0.0.
 */
bool address_is_any(const union address *address);

/**
 * address_port() - the port, in host byte order.
 */
in_port_t address_port(const union address *address);

/**
 * address_set_port() - give the address another port, in host byte order.
 */
void address_set_port(union address *address, in_port_t port);

/**
 * address_equal() - whether two addresses are the same: family, address and port.
 */
bool address_equal(const union address *a, const union address *b);
