// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Copying the options of a socket; see option.h.
 *
 * Only what differs from a fresh socket of the replacement's kind is set, in the order of the table.
 */
#include "socket/option.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"
#include "socket/option_image.h"
#include "socket/option_internal.h"

/* AF_INET and AF_INET6, each with these. */
static const struct {
	int protocol, type;
} protocols[] = {
	{IPPROTO_TCP, SOCK_STREAM},
	{IPPROTO_MPTCP, SOCK_STREAM},
	{IPPROTO_UDP, SOCK_DGRAM},
	{IPPROTO_UDPLITE, SOCK_DGRAM},
};

#define PROTOCOL_COUNT (sizeof(protocols) / sizeof(protocols[0]))
#define KIND_COUNT (2 * PROTOCOL_COUNT)

struct value {
	socklen_t size; /* 0: this kind of socket has no such option */
	unsigned char bytes[OPTION_SIZE];
};

/* What becomes of the images of a kind of socket. */
struct kind {
	struct option_image *image; /* NULL: not learned */
	bool hopeless;		    /* nor will it be */
	bool due;
	bool current;		 /* the last option_prepare() was for this kind, and well */
	unsigned int waited;	 /* so many copies have done without */
	struct option_bits apart; /* fresh sockets of the two families have different values */
};

struct option_set {
	struct value *fresh[KIND_COUNT]; /* by index into option_table */
	struct image_reader reader;	 /* of nothing: there are no images */
	unsigned int patience;
	struct kind kinds[KIND_COUNT];
};

const struct option *option_at(size_t index)
{
	if (index < option_table_count)
		return &option_table[index];
	index -= option_table_count;
	return index < option_rest_count ? &option_rest[index] : NULL;
}

const struct option *option_lost(int level, int name)
{
	for (size_t i = 0; i < option_rest_count; i++) {
		const struct option *option = &option_rest[i];

		if (option->level == level && option->name == name)
			return option->handling == OPTION_LOST && !option->copy ? option : NULL;
	}
	return NULL;
}

const struct option *option_find(int level, int name)
{
	for (size_t i = 0; i < option_table_count; i++)
		if (option_table[i].level == level && option_table[i].name == name)
			return &option_table[i];
	return NULL;
}

const char *option_level_text(int level)
{
	switch (level) {
	case SOL_SOCKET:
		return "SOL_SOCKET";
	case IPPROTO_TCP:
		return "IPPROTO_TCP";
	case IPPROTO_UDP:
		return "IPPROTO_UDP";
	case IPPROTO_UDPLITE:
		return "IPPROTO_UDPLITE";
	case IPPROTO_IP:
		return "IPPROTO_IP";
	case IPPROTO_IPV6:
		return "IPPROTO_IPV6";
	}
	return "?";
}

/* What is of another protocol is taken for TCP: nobody asks. */
static size_t kind_of(int family, int protocol)
{
	size_t kind = family == AF_INET6 ? 1 : 0;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (protocols[i].protocol == protocol)
			kind += 2 * i;
	return kind;
}

/*
 * An option that a kind of socket can be asked for and never be given is like one that it does not have.
 * Only what setsockopt(2) says of any value counts: that may be a privilege which the target has.
 */
static bool can_be_set(const struct option *option, int fd, bool datagram, const struct value *value)
{
	return value->size && (datagram || !option->datagram) &&
	       (setsockopt(fd, option->level, option->name, value->bytes, value->size) == 0 ||
		(errno != ENOPROTOOPT && errno != EOPNOTSUPP));
}

static void read_option(const struct option *option, int fd, int family, struct value *ret)
{
	ret->size = 0;
	if (option->copy || (option->inet6_only && family != AF_INET6))
		return;
	ret->size = option->size ? option->size : sizeof(int);
	memset(ret->bytes, 0, sizeof(ret->bytes));
	if (getsockopt(fd, option->level, option->name, ret->bytes, &ret->size) < 0)
		ret->size = 0;
}

static bool same(const struct value *a, const struct value *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

int option_set_new(struct option_set **ret)
{
	struct option_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	for (size_t kind = 0; kind < KIND_COUNT; kind++) {
		int family = kind & 1 ? AF_INET6 : AF_INET;
		_cleanup_close_ int fd = socket(family, protocols[kind / 2].type | SOCK_CLOEXEC,
						protocols[kind / 2].protocol);
		int error = errno;

		set->fresh[kind] = calloc(option_table_count, sizeof(struct value));
		if (!set->fresh[kind] || (fd < 0 && kind == 0)) {
			error = set->fresh[kind] ? error : ENOMEM;
			option_set_free(set);
			return -error;
		}
		for (size_t i = 0; fd >= 0 && i < option_table_count; i++)
			read_option(&option_table[i], fd, family, &set->fresh[kind][i]);
		/* All read, before anything is set. */
		for (size_t i = 0; fd >= 0 && i < option_table_count; i++)
			if (!can_be_set(&option_table[i], fd, protocols[kind / 2].type == SOCK_DGRAM,
					&set->fresh[kind][i]))
				set->fresh[kind][i].size = 0;
	}
	*ret = set;
	return 0;
}

void option_set_free(struct option_set *set)
{
	if (!set)
		return;
	for (size_t kind = 0; kind < KIND_COUNT; kind++) {
		free(set->fresh[kind]);
		option_image_free(set->kinds[kind].image);
	}
	free(set);
}

/* Copying from one kind of socket to another. */
struct copying {
	const struct value *old, *new; /* what fresh ones have */
	int from, to;
	int from_family, to_family;
	bool datagram;
	unsigned int how;
	struct option_bits unchanged; /* need not be read: it is as a fresh one's */
	bool changed; /* the replacement, by the last option */
};

static int write_option(const struct option *option, int fd, const struct value *value)
{
	return setsockopt(fd, option->level, option->name, value->bytes, value->size) < 0 ? -errno : 0;
}

static int write_inet6(const struct option *option, int fd, const struct value *value)
{
	return setsockopt(fd, option->level6, option->name6, value->bytes, value->size) < 0 ? -errno : 0;
}

static int copy_one(struct copying *copying, size_t index)
{
	const struct option *option = &option_table[index];
	const struct value *old = &copying->old[index];
	struct value value, now = copying->new[index];
	bool changed;
	int r = 0;

	if (old->size == 0 || (option->inet6_only && copying->to_family != AF_INET6))
		return 0;
	if (option_bits_have(&copying->unchanged, index))
		value = *old;
	else
		read_option(option, copying->from, copying->from_family, &value);
	if (value.size == 0)
		return 0;
	changed = !same(&value, old);
	if (option->moved)
		read_option(option, copying->to, copying->to_family, &now);
	if (changed && (copying->how & OPTION_ELSEWHERE) && option->place_only)
		return -ENODEV;
	if (now.size == 0 && !changed)
		return 0;
	copying->changed = changed || !same(&value, &now);
	if (!same(&value, &now))
		r = write_option(option, copying->to, &value);
	if (r == 0 && changed && option->name6 && copying->from_family == AF_INET &&
	    copying->to_family == AF_INET6 && (copying->datagram || !option->datagram6))
		r = write_inet6(option, copying->to, &value);
	return r;
}

/* A kernel or a socket without the option has nothing to copy. */
static int copy_careful(const struct option *option, struct copying *copying)
{
	int r;

	if (option->inet6_only &&
	    (copying->from_family != AF_INET6 || copying->to_family != AF_INET6))
		return 0;
	copying->changed = true;
	r = option->copy(option, copying->from, copying->to);
	return r == -ENOPROTOOPT || r == -EOPNOTSUPP ? 0 : r;
}

/* Of another protocol: nobody could set it. */
static bool is_foreign(const struct option *option, bool datagram)
{
	return (option->level == IPPROTO_TCP) > !datagram;
}

void option_set_images(struct option_set *set, const struct image_reader *reader, unsigned int patience)
{
	set->reader = *reader;
	set->patience = patience;
}

/* Whether a kind of socket has an option that is copied. */
static bool exists(const struct option_set *set, size_t kind, size_t index, int from, int to)
{
	const struct option *option = option_at(index);
	int r;

	if (is_foreign(option, protocols[kind / 2].type == SOCK_DGRAM))
		return false;
	if (!option->copy)
		return index < option_table_count && set->fresh[kind][index].size > 0;
	if (option->inet6_only && !(kind & 1))
		return false;
	r = option->copy(option, from, to);
	return r != -ENOPROTOOPT && r != -EOPNOTSUPP;
}

static void learn(struct option_set *set, size_t index)
{
	struct kind *kind = &set->kinds[index];
	const struct value *own = set->fresh[index], *other = set->fresh[index ^ 1];
	const int family = index & 1 ? AF_INET6 : AF_INET;
	const int type = protocols[index / 2].type, protocol = protocols[index / 2].protocol;
	_cleanup_close_ int from = socket(family, type | SOCK_CLOEXEC, protocol);
	_cleanup_close_ int to = socket(family, type | SOCK_CLOEXEC, protocol);
	struct option_bits known = {0};
	int r = from < 0 || to < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && option_at(i); i++) {
		if (exists(set, index, i, from, to))
			option_bits_add(&known, i);
		if (i < option_table_count && own[i].size && other[i].size && !same(&own[i], &other[i]))
			option_bits_add(&kind->apart, i);
	}
	if (r == 0)
		r = option_image_learn(family, type, protocol, &known, &set->reader, &kind->image);
	kind->hopeless = r < 0 && r != -EAGAIN && r != -EMFILE && r != -ENFILE && r != -ENOMEM;
	kind->waited = 0;
	kind->due = false;
}

/* Options are set on a replacement of either family. */
static void learn_both(struct option_set *set, size_t index)
{
	learn(set, index);
	if (set->kinds[index].image && !set->kinds[index ^ 1].image)
		learn(set, index ^ 1);
}

/* The image of a fresh socket, and the values that are not read where a socket is like that. */
static int refresh(struct option_set *set, struct kind *kind)
{
	_cleanup_close_ int fd = -EBADF;
	size_t index = (size_t)(kind - set->kinds);
	int r = option_image_refresh(kind->image, &set->reader, &fd);

	for (size_t i = 0; fd >= 0 && i < option_table_count; i++)
		if (option_bits_have(&kind->apart, i))
			read_option(&option_table[i], fd, index & 1 ? AF_INET6 : AF_INET, &set->fresh[index][i]);
	return r;
}

void option_prepare(struct option_set *set, int family, int protocol)
{
	struct kind *kind = &set->kinds[kind_of(family, protocol)];

	kind->current = false;
	if (!set->reader.read || kind->hopeless)
		return;
	if (!kind->image && kind->waited++ < set->patience)
		return;
	if (!kind->image && set->patience > 0) {
		kind->due = true;
		return;
	}
	if (!kind->image)
		learn_both(set, (size_t)(kind - set->kinds));
	kind->current = kind->image && refresh(set, kind) == 0;
}

void option_learn(struct option_set *set)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (set->kinds[i].due)
			learn_both(set, i);
}

/* What an option may have changed besides, on the replacement. */
static void join_moved(struct option_bits *asked, const struct option_image *image, size_t index)
{
	if (image)
		option_bits_join(asked, &image->moves[index]);
	for (size_t i = 0; !image && i < option_table_count; i++)
		if (option_table[i].moved)
			option_bits_add(asked, i);
}

/* Which options are to be read. */
static struct option_bits select_options(const struct kind *kind, struct copying *copying, const struct image *image)
{
	struct option_bits asked, all;

	memset(&all, 0xff, sizeof(all));
	if (!image || !kind->current || !option_image_differs(kind->image, image, &asked))
		return all;
	if (copying->from_family != copying->to_family) {
		copying->unchanged = option_bits_without(&kind->apart, &asked);
		option_bits_join(&asked, &kind->apart);
	}
	/* Another network namespace may make them otherwise. */
	if (copying->how & OPTION_ELSEWHERE)
		join_moved(&asked, NULL, 0);
	return asked;
}

static struct copying copying_of(const struct option_set *set, int from_family, int protocol, int to_family,
				 unsigned int how)
{
	size_t kind = kind_of(from_family, protocol);

	return (struct copying){
		.old = set->fresh[kind],
		.new = set->fresh[kind_of(to_family, protocol)],
		.from_family = from_family,
		.to_family = to_family,
		.datagram = protocols[kind / 2].type == SOCK_DGRAM,
		.how = how,
	};
}

bool option_reads(const struct option_set *set, int from_family, int protocol, int to_family, unsigned int how,
		  const struct image *image)
{
	struct copying copying = copying_of(set, from_family, protocol, to_family, how);
	struct option_bits asked = select_options(&set->kinds[kind_of(from_family, protocol)], &copying, image);

	asked = option_bits_without(&asked, &copying.unchanged);
	/* What is written without being read may move others. */
	for (size_t i = option_bits_next(&copying.unchanged, 0); i < OPTION_BITS;
	     i = option_bits_next(&copying.unchanged, i + 1))
		join_moved(&asked, set->kinds[kind_of(to_family, protocol)].image, i);
	return option_at(option_bits_next(&asked, 0));
}

size_t option_copy(const struct option_set *set, int from, int from_family, int protocol, int to,
		   int to_family, unsigned int how, const struct image *image, const char **ret_refused)
{
	size_t kind = kind_of(from_family, protocol);
	const struct option_image *learned = set->kinds[kind_of(to_family, protocol)].image;
	struct copying copying = copying_of(set, from_family, protocol, to_family, how);
	struct option_bits asked = {0};
	size_t read = 0;

	copying.from = from;
	copying.to = to;
	if (from >= 0)
		asked = select_options(&set->kinds[kind], &copying, image);
	else if (from_family != to_family)
		asked = copying.unchanged = set->kinds[kind].apart;

	*ret_refused = NULL;
	/* What one of them moves may be asked for besides, further on. */
	for (size_t i = option_bits_next(&asked, 0); option_at(i); i = option_bits_next(&asked, i + 1)) {
		const struct option *option = option_at(i);
		int r = 0;

		if (is_foreign(option, copying.datagram))
			continue;
		copying.changed = false;
		read += option->copy || i < option_table_count;
		if (option->copy)
			r = copy_careful(option, &copying);
		else if (i < option_table_count)
			r = copy_one(&copying, i);
		if (r < 0 && !*ret_refused)
			*ret_refused = option->text;
		if (copying.changed)
			join_moved(&asked, learned, i);
	}
	return read;
}

int option_set_inet6(const struct option *option, int fd)
{
	struct value value;

	if (!option->name6)
		return 0;
	read_option(option, fd, AF_INET6, &value);
	return value.size == 0 ? 0 : write_inet6(option, fd, &value);
}
