// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Options that are not read as they are set; see option_internal.h.
 */
#include "socket/option_internal.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/compat.h"

/* A program's SO_SNDBUF and SO_RCVBUF, from enum in include/uapi/linux/socket.h. */
#define BUF_LOCK_SND 1
#define BUF_LOCK_RCV 2

/* IP_OPTIONS has 40 bytes, an IPv6 extension header (RFC 8200, section 4) 2048. */
#define BYTES_MAX 2048

static int get_int(int fd, int level, int name, int *ret)
{
	socklen_t size = sizeof(*ret);

	*ret = 0;
	return getsockopt(fd, level, name, ret, &size) < 0 ? -errno : 0;
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Return: 1: the size was set; 0: it is the same already; or a negative errno. */
static int copy_buffer(int from, int to, int name, int force, bool locked)
{
	int value, now;
	int r = get_int(from, SOL_SOCKET, name, &value);

	if (r == 0)
		r = get_int(to, SOL_SOCKET, name, &now);
	if (r < 0 || (!locked && value == now))
		return r;
	/* The kernel keeps twice what is asked for (socket(7)); above the sysctl's limit only FORCE. */
	value /= 2;
	if (set_int(to, SOL_SOCKET, force, value) < 0)
		r = set_int(to, SOL_SOCKET, name, value);
	return r < 0 ? r : 1;
}

/*
 * SO_BUF_LOCK (Linux 5.14) says whether the program set the sizes; without it they grow by themselves.
 * The lock itself can be set too, on sizes that were not, or taken away from some that were.
 */
int option_copy_buffers(const struct option *option, int from, int to)
{
	int lock, now;
	int sent = 0, received = 0;
	int r = get_int(from, option->level, option->name, &lock);

	if (r == 0)
		r = sent = copy_buffer(from, to, SO_SNDBUF, SO_SNDBUFFORCE, lock & BUF_LOCK_SND);
	if (r >= 0)
		r = received = copy_buffer(from, to, SO_RCVBUF, SO_RCVBUFFORCE, lock & BUF_LOCK_RCV);
	if (r < 0 || (!lock && !sent && !received))
		return r < 0 ? r : 0;
	r = get_int(to, option->level, option->name, &now);
	return r < 0 || now == lock ? r : set_int(to, option->level, option->name, lock);
}

/*
 * A classic filter: SO_ATTACH_FILTER's number reads it back (SO_GET_FILTER), counted in instructions. One
 * of eBPF cannot be read: EACCES.
 */
int option_copy_filter(const struct option *option, int from, int to)
{
	struct sock_filter *program;
	struct sock_fprog attach;
	socklen_t count = 0;
	int r = 0;

	if (getsockopt(from, option->level, option->name, NULL, &count) < 0)
		return -errno;
	if (count == 0)
		return 0;
	program = calloc(count, sizeof(*program));
	if (!program)
		return -ENOMEM;
	if (getsockopt(from, option->level, option->name, program, &count) < 0) {
		r = -errno;
	} else {
		attach.len = (unsigned short)count;
		attach.filter = program;
		if (setsockopt(to, option->level, option->name, &attach, sizeof(attach)) < 0)
			r = -errno;
	}
	free(program);
	return r;
}

/* A time that was given and then turned off still reads; it is taken only while turned on. */
int option_copy_linger(const struct option *option, int from, int to)
{
	struct linger linger = {0}, on;
	socklen_t size = sizeof(linger);

	if (getsockopt(from, option->level, option->name, &linger, &size) < 0)
		return -errno;
	if (!linger.l_onoff && !linger.l_linger)
		return 0;
	on = (struct linger){.l_onoff = 1, .l_linger = linger.l_linger};
	if (setsockopt(to, option->level, option->name, &on, sizeof(on)) < 0)
		return -errno;
	if (!linger.l_onoff &&
	    setsockopt(to, option->level, option->name, &linger, sizeof(linger)) < 0)
		return -errno;
	return 0;
}

/* A value of any length, none of which is a fresh socket's: IP_OPTIONS, sticky extension headers. */
int option_copy_bytes(const struct option *option, int from, int to)
{
	unsigned char value[BYTES_MAX];
	socklen_t size = sizeof(value);

	if (getsockopt(from, option->level, option->name, value, &size) < 0)
		return -errno;
	if (size == 0)
		return 0;
	return setsockopt(to, option->level, option->name, value, size) < 0 ? -errno : 0;
}

/* A name, padded with zeros. */
int option_copy_text(const struct option *option, int from, int to)
{
	char value[OPTION_SIZE + 1] = "";
	socklen_t size = OPTION_SIZE;

	if (getsockopt(from, option->level, option->name, value, &size) < 0)
		return -errno;
	if (size == 0 || !*value)
		return 0;
	return setsockopt(to, option->level, option->name, value, (socklen_t)strlen(value)) < 0
		       ? -errno
		       : 0;
}

/*
 * Where no program set it, a size is read that an earlier connect found, even one that was refused
 * (do_tcp_getsockopt()); set on the replacement it would be a limit. What a program did set also limited what was
 * announced, if ever anything was.
 */
static bool is_found_maxseg(int fd, int value)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && (int)info.tcpi_snd_mss == value &&
	       (int)info.tcpi_advmss != value;
}

/*
 * What a program set is between TCP_MIN_MSS (include/net/tcp.h) and 32767. Below is what IP_OPTIONS makes
 * of the size of a segment on an AF_INET socket without a route (tcp_sync_mss()); connect(2) finds it anew.
 */
int option_copy_maxseg(const struct option *option, int from, int to)
{
	const int least = 88;
	int value, now;
	int r = get_int(from, option->level, option->name, &value);

	if (r < 0 || value < least || is_found_maxseg(from, value))
		return r;
	if (get_int(to, option->level, option->name, &now) == 0 && now == value)
		return 0;
	return set_int(to, option->level, option->name, value);
}

/* A socket without a key of its own tells its network namespace's, and so does the replacement. */
int option_copy_fastopen_key(const struct option *option, int from, int to)
{
	unsigned char old[32] = {0}, new[32] = {0};
	socklen_t size = sizeof(old), new_size = sizeof(new);

	if (getsockopt(from, option->level, option->name, old, &size) < 0)
		return -errno;
	if (size == 0)
		return 0;
	if (getsockopt(to, option->level, option->name, new, &new_size) == 0 && new_size == size &&
	    memcmp(old, new, size) == 0)
		return 0;
	return setsockopt(to, option->level, option->name, old, size) < 0 ? -errno : 0;
}

/*
 * Time stamps of received packets: one kind, and SO_TIMESTAMPING, of one generation for all, which each
 * setsockopt(2) turns over (SOCK_TSTAMP_NEW in net/core/sock.c). SO_TIMESTAMP_NEW reads as set with
 * nanoseconds, too; SO_TIMESTAMPING reads whatever the generation.
 */
int option_copy_timestamps(const struct option *option, int from, int to)
{
	int micro, nano, new, new_stamping = 0;
	int stamping[2] = {0}; /* struct so_timestamping */
	socklen_t size = sizeof(stamping);
	int r = get_int(from, SOL_SOCKET, SO_TIMESTAMP, &micro);

	if (r == 0)
		r = get_int(from, SOL_SOCKET, SO_TIMESTAMPNS, &nano);
	if (r == 0)
		r = get_int(from, SOL_SOCKET, SO_TIMESTAMP_NEW, &new);
	if (r == 0 && getsockopt(from, SOL_SOCKET, SO_TIMESTAMPING, stamping, &size) < 0)
		r = -errno;
	if (r < 0)
		return r;
	if (new)
		r = get_int(from, SOL_SOCKET, SO_TIMESTAMPNS_NEW, &nano);
	if (r == 0 && new)
		r = set_int(to, SOL_SOCKET, nano ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMP_NEW, 1);
	else if (r == 0 && (micro || nano))
		r = set_int(to, SOL_SOCKET, nano ? SO_TIMESTAMPNS : SO_TIMESTAMP, 1);
	if (r < 0 || !stamping[0])
		return r;
	r = get_int(from, SOL_SOCKET, SO_TIMESTAMPING_NEW, &new_stamping);
	if (r == 0 && setsockopt(to, SOL_SOCKET, new_stamping ? SO_TIMESTAMPING_NEW : SO_TIMESTAMPING,
				 stamping, size) < 0)
		r = -errno;
	return r;
}

/* A socket under repair has sequence numbers and queues besides, which are for the very connection. */
int option_find_repair(const struct option *option, int from, int to)
{
	int on;
	int r = get_int(from, option->level, option->name, &on);

	return r == 0 && on ? -EBUSY : r;
}

/* TCP_AO_INFO: ENOENT without keys. Before Linux 6.7 there is no such option. */
int option_find_authentication(const struct option *option, int from, int to)
{
	unsigned char info[256] = {0};
	socklen_t size = sizeof(info);

	if (getsockopt(from, option->level, TCP_AO_INFO, info, &size) == 0)
		return -EKEYREJECTED;
	return errno == ENOENT ? 0 : -errno;
}
