// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages with all that belongs to them; see messages.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants time.h */

#include "messages.h"
#include "udp-server.h"

#define USUAL_TTL 64

static void say_pktinfo(const struct in_pktinfo *info)
{
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_addr = info->ipi_addr };

	say("IP_PKTINFO interface %d, spec_dst is addr: %s", info->ipi_ifindex,
	    info->ipi_addr.s_addr == info->ipi_spec_dst.s_addr ? "yes" : "no");
	say_address("IP_PKTINFO addr", &local, sizeof(local), LOCAL);
}

static void say_pktinfo6(const struct in6_pktinfo *info)
{
	struct sockaddr_in6 local = { .sin6_family = AF_INET6, .sin6_addr = info->ipi6_addr };

	say("IPV6_PKTINFO interface %u", info->ipi6_ifindex);
	say_address("IPV6_PKTINFO addr", &local, sizeof(local), LOCAL);
}

/* @offender: of the family's size. */
static void say_error_told(const char *what, const struct sock_extended_err *error, size_t size)
{
	const struct sockaddr *offender = SO_EE_OFFENDER(error);

	say("%s %s origin %u type %u code %u info %u data %u", what, errno_name((int)error->ee_errno),
	    error->ee_origin, error->ee_type, error->ee_code, error->ee_info, error->ee_data);
	if (offender->sa_family)
		say_address("offender", offender, size - sizeof(*error), PEER);
	else
		say("no offender, in %zu bytes", size - sizeof(*error));
}

static void say_control(const struct cmsghdr *control)
{
	const void *value = CMSG_DATA(control);
	size_t size = control->cmsg_len - CMSG_LEN(0);
	int number = 0;

	memcpy(&number, value, size < sizeof(number) ? size : sizeof(number));
	if (control->cmsg_level == SOL_SOCKET)
		say("SOL_SOCKET %d, %zu bytes", control->cmsg_type, size);
	else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO)
		say_pktinfo(value);
	else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO)
		say_pktinfo6(value);
	else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR)
		say_error_told("IP_RECVERR", value, size);
	else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR)
		say_error_told("IPV6_RECVERR", value, size);
	else
		say("level %d type %d: %d, %zu bytes", control->cmsg_level, control->cmsg_type, number, size);
}

void say_message(const char *what, long result, const struct msghdr *message)
{
	struct msghdr copy = *message;

	if (result < 0) {
		say_result(what, result);
		return;
	}
	say("%s: %ld %.*s, flags %x, address of %u, control of %zu", what, result,
	    (int)(message->msg_iovlen ? message->msg_iov[0].iov_len : 0),
	    message->msg_iovlen ? (const char *)message->msg_iov[0].iov_base : "", message->msg_flags,
	    message->msg_namelen, message->msg_controllen);
	if (message->msg_name && message->msg_namelen >= sizeof(struct sockaddr_in))
		say_address("from", message->msg_name, message->msg_namelen, PEER);
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&copy); at; at = CMSG_NXTHDR(&copy, at))
		say_control(at);
}

long say_recvmsg(const char *what, int fd, int flags)
{
	_Alignas(struct cmsghdr) char control[512];
	struct sockaddr_storage from;
	char data[100] = "";
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) - 1 };
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	long result = recvmsg(fd, &message, flags);

	say_message(what, result, &message);
	return result;
}

struct dual dual_open(const char *address)
{
	struct dual dual = { .addr = inet(address, 0) };
	struct sockaddr_in6 any = inet6("::", 0);
	socklen_t length = sizeof(any);

	dual.fd = must(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	must(set(dual.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
	must(set(dual.fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1));
	must(set(dual.fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1));
	must(set(dual.fd, IPPROTO_IP, IP_RECVTOS, 1));
	must(set(dual.fd, IPPROTO_IP, IP_RECVTTL, 1));
	must(bind(dual.fd, (struct sockaddr *)&any, sizeof(any)));
	must(getsockname(dual.fd, (struct sockaddr *)&any, &length));
	dual.addr.sin_port = any.sin6_port;
	name_port(any.sin6_port, "server");
	return dual;
}

int dual_connected(struct dual *dual, int flags)
{
	int fd = udp(flags);

	say_connect(fd, &dual->addr);
	say_result("send", send(fd, "hello", 5, 0));
	say_dual(dual);
	return fd;
}

void dual_close(struct dual *dual, int fd)
{
	close(fd);
	close(dual->fd);
}

/* A control message of either family. */
static void take(struct dual *dual, const struct cmsghdr *at, int *tos, int *ttl)
{
	const bool six = at->cmsg_level == IPPROTO_IPV6;

	if (six && at->cmsg_type == IPV6_PKTINFO)
		dual->own = ((const struct in6_pktinfo *)CMSG_DATA(at))->ipi6_addr;
	else if (at->cmsg_type == (six ? IPV6_TCLASS : IP_TOS))
		*tos = *CMSG_DATA(at);
	else if (at->cmsg_type == (six ? IPV6_HOPLIMIT : IP_TTL))
		*ttl = *CMSG_DATA(at);
}

void say_dual(struct dual *dual)
{
	_Alignas(struct cmsghdr) char control[512];
	char data[100] = "", usual[40] = "";
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) - 1 };
	struct msghdr message = {
		.msg_name = &dual->client,
		.msg_namelen = sizeof(dual->client),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int tos = 0, ttl = USUAL_TTL;
	long result;

	wait_poll(dual->fd, POLLIN);
	result = must(recvmsg(dual->fd, &message, 0));
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at))
		take(dual, at, &tos, &ttl);
	if (tos || ttl != USUAL_TTL)
		snprintf(usual, sizeof(usual), ", tos %d ttl %d", tos, ttl);
	say("server: %ld %s%s", result, data, usual);
}

void dual_reply(struct dual *dual, const char *text, int tos)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo)),
				  .cmsg_level = IPPROTO_IPV6,
				  .cmsg_type = IPV6_PKTINFO } };
	struct in6_pktinfo info = { .ipi6_addr = dual->own };
	struct iovec iov = { .iov_base = (void *)text, .iov_len = strlen(text) };
	struct msghdr message = {
		.msg_name = &dual->client,
		.msg_namelen = sizeof(dual->client),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	must(set(dual->fd, IPPROTO_IP, IP_TOS, tos));
	must(set(dual->fd, IPPROTO_IPV6, IPV6_TCLASS, tos));
	must(sendmsg(dual->fd, &message, 0));
}
