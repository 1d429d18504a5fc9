// SPDX-License-Identifier: LGPL-2.1-or-later
/* Errors of IPv6, told as ones of IPv4; see icmp.h. */
#include "intercept/icmp.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stddef.h>

/* A field of the IPv6 header, and where an IPv4 header has it. */
struct moved {
	unsigned char first, last;
	unsigned char to;
};

/* RFC 7915, figure 6: what a parameter problem's pointer points to. */
static const struct moved pointers[] = {
	{ 0, 0, 0 },   /* version */
	{ 1, 1, 1 },   /* traffic class */
	{ 4, 5, 2 },   /* payload length, total length */
	{ 6, 6, 9 },   /* next header, protocol */
	{ 7, 7, 8 },   /* hop limit, time to live */
	{ 8, 23, 12 }, /* source */
	{ 24, 39, 16 } /* destination */
};

static unsigned int smaller(unsigned int mtu)
{
	return mtu > ICMP_HEADER_DIFFERENCE ? mtu - ICMP_HEADER_DIFFERENCE : mtu;
}

static void become(struct sock_extended_err *error, unsigned char type, unsigned char code, int number,
		   unsigned int info)
{
	error->ee_errno = (unsigned int)number;
	error->ee_type = type;
	error->ee_code = code;
	error->ee_info = info;
}

static void unreachable(struct sock_extended_err *error)
{
	switch (error->ee_code) {
	case ICMP6_DST_UNREACH_ADMIN:
		return become(error, ICMP_DEST_UNREACH, ICMP_HOST_ANO, EHOSTUNREACH, 0);
	case ICMP6_DST_UNREACH_NOPORT:
		return become(error, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, ECONNREFUSED, 0);
	default:
		return become(error, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH, 0);
	}
}

static void parameter_problem(struct sock_extended_err *error)
{
	if (error->ee_code == ICMP6_PARAMPROB_NEXTHEADER)
		return become(error, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, ENOPROTOOPT, 0);
	if (error->ee_code == ICMP6_PARAMPROB_HEADER)
		for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
			if (error->ee_info >= pointers[i].first && error->ee_info <= pointers[i].last)
				return become(error, ICMP_PARAMETERPROB, 0, EPROTO, pointers[i].to);
	become(error, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH, 0);
}

void icmp_to_ipv4(struct sock_extended_err *error)
{
	if (error->ee_origin == SO_EE_ORIGIN_LOCAL && error->ee_errno == EMSGSIZE)
		error->ee_info = smaller(error->ee_info);
	if (error->ee_origin != SO_EE_ORIGIN_ICMP6)
		return;
	error->ee_origin = SO_EE_ORIGIN_ICMP;
	switch (error->ee_type) {
	case ICMP6_DST_UNREACH:
		return unreachable(error);
	case ICMP6_PACKET_TOO_BIG:
		return become(error, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, EMSGSIZE,
			      smaller(error->ee_info));
	case ICMP6_TIME_EXCEEDED:
		return become(error, ICMP_TIME_EXCEEDED, error->ee_code, EHOSTUNREACH, 0);
	case ICMP6_PARAM_PROB:
		return parameter_problem(error);
	default:
		return become(error, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH, 0);
	}
}
