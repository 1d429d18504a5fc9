// SPDX-License-Identifier: LGPL-2.1-or-later
/* Control messages; see control.h. */
#include "intercept/control.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/compat.h"
#include "intercept/icmp.h"

/* struct compat_cmsghdr, include/linux/compat.h; its messages are aligned to 4 bytes. */
struct compat_cmsghdr {
	uint32_t len;
	int32_t level;
	int32_t type;
};

/* What follows struct sock_extended_err: SO_EE_OFFENDER(). */
struct told6 {
	struct sock_extended_err error;
	struct sockaddr_in6 offender;
};

struct told4 {
	struct sock_extended_err error;
	struct sockaddr_in offender;
};

/* One message of the program's, wherever it lies. */
struct one {
	int level, type;
	const void *value;
	size_t size;
};

static size_t aligned(size_t size, bool compat)
{
	const size_t to = compat ? sizeof(uint32_t) : sizeof(size_t);

	return (size + to - 1) & ~(to - 1);
}

static size_t header_size(bool compat)
{
	return compat ? sizeof(struct compat_cmsghdr) : CMSG_LEN(0);
}

void control_put(struct control_out *out, int level, int type, const void *value, size_t size)
{
	const size_t header = header_size(out->compat);
	size_t room = out->room < sizeof(out->bytes) ? out->room : sizeof(out->bytes);
	size_t length = header + size;
	size_t space = header + aligned(size, out->compat);
	unsigned char *at = out->bytes + out->used;

	room -= out->used;
	if (room < header) {
		out->truncated = true;
		return;
	}
	if (length > room) {
		out->truncated = true;
		length = room;
	}
	if (space > room)
		space = room;
	memset(at, 0, space);
	if (out->compat) {
		const struct compat_cmsghdr narrow = {(uint32_t)length, level, type};

		memcpy(at, &narrow, sizeof(narrow));
	} else {
		const struct cmsghdr wide = {length, level, type};

		memcpy(at, &wide, sizeof(wide));
	}
	memcpy(at + header, value, length - header);
	out->used += space;
}

/* Times of a 32-bit program, unless it asked for the new ones or is an x32 one (put_cmsg_compat()). */
static void put_times(struct control_out *out, const struct one *one)
{
	int32_t narrow[6];
	long wide[6];
	size_t count = one->size / sizeof(long);

	if (count > sizeof(narrow) / sizeof(narrow[0]))
		return;
	memcpy(wide, one->value, count * sizeof(long));
	for (size_t i = 0; i < count; i++)
		narrow[i] = (int32_t)wide[i];
	control_put(out, one->level, one->type, narrow, count * sizeof(narrow[0]));
}

/* What is the same for every family. */
static void put_same(struct control_out *out, const struct one *one)
{
	if (out->compat && !out->long_times && sizeof(long) > sizeof(int32_t) && one->level == SOL_SOCKET &&
	    (one->type == SO_TIMESTAMP || one->type == SO_TIMESTAMPNS || one->type == SO_TIMESTAMPING))
		put_times(out, one);
	else
		control_put(out, one->level, one->type, one->value, one->size);
}

/* What is being told, and to whom. */
struct telling {
	struct swap *swap;
	int fd;
	enum present_form form;
	const union address *from;
	struct control_out *out;
};

/* Who an error came from: mostly a router, of which the policy may know nothing. */
static union address offender_of(const struct telling *telling, const union address *real)
{
	union address whole = *real;
	union address shown = *real;

	if (!real->sa.sa_family)
		return shown;
	/* The very host that was sent to is known by its port, too. */
	if (telling->from->sa.sa_family == AF_INET6 &&
	    IN6_ARE_ADDR_EQUAL(&telling->from->in6.sin6_addr, &real->in6.sin6_addr))
		whole.in6.sin6_port = telling->from->in6.sin6_port;
	swap_source(telling->swap, telling->fd, &whole, &shown);
	if (shown.sa.sa_family == AF_INET6)
		shown.in6.sin6_port = 0;
	else
		shown.in.sin_port = 0;
	return shown;
}

static void put_error(const struct telling *telling, const struct one *one)
{
	struct told6 six = {0};
	struct told4 four = {0};
	union address offender = {0};

	memcpy(&six, one->value, one->size < sizeof(six) ? one->size : sizeof(six));
	/* An IPv4 packet's error needs no translation, and has an IPv4-mapped address. */
	if (telling->from->sa.sa_family == AF_INET6 && !address_is_mapped(telling->from))
		icmp_to_ipv4(&six.error);
	offender.in6 = six.offender;
	offender = offender_of(telling, &offender);
	if (telling->form == PRESENT_INET) {
		four.error = six.error;
		four.offender = offender.in;
		control_put(telling->out, IPPROTO_IP, IP_RECVERR, &four, sizeof(four));
		return;
	}
	six.offender = offender.in6;
	control_put(telling->out, IPPROTO_IPV6, IPV6_RECVERR, &six, sizeof(six));
}

static void put_pktinfo(const struct telling *telling, const struct one *one)
{
	union address mapped = {.in = {.sin_family = AF_INET}};
	struct in_pktinfo four = {0};
	struct in6_pktinfo six;

	if (one->size < sizeof(six))
		return;
	memcpy(&six, one->value, sizeof(six));
	/* For an IPv4 packet the kernel has IP_PKTINFO as well. */
	if (telling->form == PRESENT_INET && IN6_IS_ADDR_V4MAPPED(&six.ipi6_addr))
		return;
	four.ipi_addr = swap_received_at(telling->swap, telling->fd, &six.ipi6_addr, telling->from);
	four.ipi_spec_dst = four.ipi_addr;
	four.ipi_ifindex = (int)six.ipi6_ifindex;
	if (telling->form == PRESENT_INET) {
		control_put(telling->out, IPPROTO_IP, IP_PKTINFO, &four, sizeof(four));
		return;
	}
	mapped.in.sin_addr = four.ipi_addr;
	address_map(&mapped, &mapped);
	six.ipi6_addr = mapped.in6.sin6_addr;
	control_put(telling->out, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof(six));
}

/* The destination of a datagram that was redirected to this socket (IP_RECVORIGDSTADDR). */
static void put_destination(const struct telling *telling, const struct one *one)
{
	union address real = {0};
	union address shown = {.in = {.sin_family = AF_INET}};

	if (one->size < sizeof(real.in6))
		return;
	memcpy(&real.in6, one->value, sizeof(real.in6));
	shown.in.sin_port = real.in6.sin6_port;
	shown.in.sin_addr = swap_received_at(telling->swap, telling->fd, &real.in6.sin6_addr,
					     telling->from);
	control_put(telling->out, IPPROTO_IP, IP_ORIGDSTADDR, &shown.in, sizeof(shown.in));
}

/* An IPv6-level message. What IPv4 has nothing for is left out, as are others for a mapped address. */
static void put_ipv6(const struct telling *telling, const struct one *one)
{
	unsigned char byte;
	int value = 0;

	if (one->type == IPV6_RECVERR)
		return put_error(telling, one);
	if (one->type == IPV6_PKTINFO)
		return put_pktinfo(telling, one);
	if (telling->form != PRESENT_INET)
		return;
	memcpy(&value, one->value, one->size < sizeof(value) ? one->size : sizeof(value));
	switch (one->type) {
	case IPV6_TCLASS:
		byte = (unsigned char)value;
		control_put(telling->out, IPPROTO_IP, IP_TOS, &byte, sizeof(byte));
		break;
	case IPV6_HOPLIMIT:
		control_put(telling->out, IPPROTO_IP, IP_TTL, &value, sizeof(value));
		break;
	case IPV6_RECVFRAGSIZE:
		control_put(telling->out, IPPROTO_IP, IP_RECVFRAGSIZE, &value, sizeof(value));
		break;
	case IPV6_ORIGDSTADDR:
		put_destination(telling, one);
		break;
	}
}

/* An error on an AF_INET socket that goes to another address than was asked for. */
static void put_error4(const struct telling *telling, const struct one *one)
{
	struct told4 four = {0};
	union address offender = {0};

	memcpy(&four, one->value, one->size < sizeof(four) ? one->size : sizeof(four));
	if (telling->from->sa.sa_family == AF_INET && four.offender.sin_family == AF_INET &&
	    four.offender.sin_addr.s_addr == telling->from->in.sin_addr.s_addr &&
	    swap_source(telling->swap, telling->fd, telling->from, &offender))
		four.offender.sin_addr = offender.in.sin_addr;
	control_put(telling->out, IPPROTO_IP, IP_RECVERR, &four, sizeof(four));
}

void control_received(struct swap *swap, int fd, enum present_form form, struct msghdr *header,
		      const union address *from, struct control_out *out)
{
	const struct telling telling = {swap, fd, form, from, out};

	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
		const struct one one = {at->cmsg_level, at->cmsg_type, CMSG_DATA(at),
					at->cmsg_len - CMSG_LEN(0)};

		if (at->cmsg_len < CMSG_LEN(0))
			return;
		if (one.level == IPPROTO_IPV6)
			put_ipv6(&telling, &one);
		else if (form == PRESENT_INET_PEER && one.level == IPPROTO_IP &&
			 one.type == IP_RECVERR)
			put_error4(&telling, &one);
		else
			put_same(out, &one);
	}
}

/* The next message of a program's, or false at the end. Return: 1, 0, or -EINVAL (CMSG_OK()). */
static int next(const unsigned char *from, size_t size, bool compat, size_t *at, struct one *ret)
{
	const size_t header = header_size(compat);
	size_t length;

	if (size < header || *at > size - header)
		return 0;
	if (compat) {
		struct compat_cmsghdr narrow;

		memcpy(&narrow, from + *at, sizeof(narrow));
		length = narrow.len;
		ret->level = narrow.level;
		ret->type = narrow.type;
	} else {
		struct cmsghdr wide;

		memcpy(&wide, from + *at, sizeof(wide));
		length = wide.cmsg_len;
		ret->level = wide.cmsg_level;
		ret->type = wide.cmsg_type;
	}
	if (length < header || length > size - *at)
		return -EINVAL;
	ret->value = from + *at + header;
	ret->size = length - header;
	*at += header + aligned(ret->size, compat);
	return 1;
}

static int add(struct control_in *in, int level, int type, const void *value, size_t size)
{
	const struct cmsghdr wide = {CMSG_LEN(size), level, type};

	if (CMSG_SPACE(size) > sizeof(in->bytes) - in->used)
		return -ENOBUFS;
	memset(in->bytes + in->used, 0, CMSG_SPACE(size));
	memcpy(in->bytes + in->used, &wide, sizeof(wide));
	memcpy(in->bytes + in->used + CMSG_LEN(0), value, size);
	in->used += CMSG_SPACE(size);
	return 0;
}

/* ip_cmsg_send() in net/ipv4/ip_sockglue.c, and what comes of it. */
static int add_ip(struct control_in *in, const struct one *one)
{
	struct in6_pktinfo six = {0};
	struct in_pktinfo four;
	int value = 0;

	switch (one->type) {
	case IP_TOS:
		if (one->size == sizeof(value))
			memcpy(&value, one->value, sizeof(value));
		else if (one->size == 1)
			value = *(const unsigned char *)one->value;
		else
			return -EINVAL;
		if (value < 0 || value > 255)
			return -EINVAL;
		return add(in, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
	case IP_TTL:
		if (one->size != sizeof(value))
			return -EINVAL;
		memcpy(&value, one->value, sizeof(value));
		if (value < 1 || value > 255)
			return -EINVAL;
		return add(in, IPPROTO_IPV6, IPV6_HOPLIMIT, &value, sizeof(value));
	case IP_PKTINFO:
		if (one->size != sizeof(four))
			return -EINVAL;
		memcpy(&four, one->value, sizeof(four));
		six.ipi6_ifindex = (unsigned int)four.ipi_ifindex;
		return six.ipi6_ifindex ? add(in, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof(six)) : 0;
	case IP_RETOPTS:
		return 0;
	default:
		return -EINVAL;
	}
}

/* The one message of IPv6 that an IPv4 packet of an AF_INET6 socket is made with. */
static int add_ipv6(struct control_in *in, const struct one *one)
{
	struct in6_pktinfo six;

	if (one->type != IPV6_PKTINFO)
		return 0;
	if (one->size < sizeof(six))
		return -EINVAL;
	memcpy(&six, one->value, sizeof(six));
	if (!six.ipi6_ifindex)
		return 0;
	six.ipi6_addr = in6addr_any;
	return add(in, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof(six));
}

int control_sent(const void *from, size_t size, bool compat, bool translate, struct control_in *ret)
{
	struct one one;
	size_t at = 0;
	int r;

	ret->used = 0;
	while ((r = next(from, size, compat, &at, &one)) > 0) {
		if (translate && one.level == IPPROTO_IP)
			r = add_ip(ret, &one);
		else if (translate && one.level == IPPROTO_IPV6)
			r = add_ipv6(ret, &one);
		else
			r = add(ret, one.level, one.type, one.value, one.size);
		if (r < 0)
			return r;
	}
	return r;
}

bool control_is_common(const struct control_in *control)
{
	static const struct {
		int level, type;
	} common[] = {
		{ IPPROTO_IP, IP_TOS },		  { IPPROTO_IP, IP_TTL },
		{ IPPROTO_IP, IP_PKTINFO },	  { IPPROTO_IPV6, IPV6_TCLASS },
		{ IPPROTO_IPV6, IPV6_HOPLIMIT },  { IPPROTO_IPV6, IPV6_PKTINFO },
		{ IPPROTO_IPV6, IPV6_DONTFRAG },  { IPPROTO_UDP, UDP_SEGMENT },
		{ SOL_SOCKET, SO_TIMESTAMPING },  { SOL_SOCKET, SO_TIMESTAMPING_NEW },
		{ SOL_SOCKET, SO_TXTIME },
	};
	size_t at = 0, i;
	struct one one;

	while (next(control->bytes, control->used, false, &at, &one) > 0) {
		for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
			if (one.level == common[i].level && one.type == common[i].type)
				break;
		if (i == sizeof(common) / sizeof(common[0]))
			return false;
	}
	return true;
}
