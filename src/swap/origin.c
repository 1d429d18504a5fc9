// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is kept of a socket; see origin.h. */
#include "swap/origin.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "swap/origin_store.h"

/* Best first. The last is always there, also for a socket that another cannot keep anything with. */
static const struct origin_way *const ways[] = {&origin_storage, &origin_table};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct origins {
	pthread_mutex_t lock; /* two threads ask for names */
	struct origin_store *stores[WAYS];
	size_t count;
	bool shared;
};

int origins_new(struct origins **ret, const char *path, const char **ret_why)
{
	struct origins *origins = calloc(1, sizeof(*origins));
	int r = -ENOMEM;

	if (!origins)
		return r;
	pthread_mutex_init(&origins->lock, NULL);
	origins->shared = path;
	for (size_t i = 0; i < WAYS; i++) {
		struct origin_store **store = &origins->stores[origins->count];
		const char *why = NULL;

		r = ways[i]->open(store, path, &why);
		if (r == 0) {
			(*store)->way = ways[i];
			origins->count++;
		} else if (path) {
			*ret_why = why;
			break;
		}
		path = NULL;
	}
	if (r < 0) {
		origins_free(origins);
		return r;
	}
	*ret = origins;
	return 0;
}

void origins_free(struct origins *origins)
{
	if (!origins)
		return;
	for (size_t i = 0; i < origins->count; i++)
		origins->stores[i]->way->close(origins->stores[i]);
	pthread_mutex_destroy(&origins->lock);
	free(origins);
}

void origins_enter_thread(struct origins *origins)
{
	for (size_t i = 0; i < origins->count; i++)
		if (origins->stores[i]->way->enter_thread)
			origins->stores[i]->way->enter_thread(origins->stores[i]);
}

bool origins_shared(const struct origins *origins)
{
	return origins->shared;
}

/* The lock is held. Return: whether anything is known; else @ret is empty. */
static bool find(struct origins *origins, int fd, struct origin_record *ret)
{
	for (size_t i = 0; i < origins->count; i++)
		if (origins->stores[i]->way->get(origins->stores[i], fd, ret))
			return true;
	*ret = (struct origin_record){.form = PRESENT_ITSELF};
	return false;
}

static struct origin_record get(struct origins *origins, int fd)
{
	struct origin_record record;

	pthread_mutex_lock(&origins->lock);
	find(origins, fd, &record);
	pthread_mutex_unlock(&origins->lock);
	return record;
}

/* What is known with something more. */
static struct origin_record begin(struct origins *origins, int fd, unsigned int set)
{
	struct origin_record record;

	pthread_mutex_lock(&origins->lock);
	find(origins, fd, &record);
	record.set |= (uint8_t)set;
	return record;
}

static void end(struct origins *origins, int fd, const struct origin_record *record)
{
	for (size_t i = 0; i < origins->count; i++)
		if (origins->stores[i]->way->put(origins->stores[i], fd, record) == 0)
			break;
	pthread_mutex_unlock(&origins->lock);
}

/* FNV-1a. A socket has one peer: no two are to be told apart but the last and one before. */
static uint32_t digest(const union address *peer)
{
	struct {
		struct in6_addr addr;
		in_port_t port;
	} __attribute__((packed)) all;
	union address six = *peer;
	const unsigned char *bytes = (const unsigned char *)&all;
	uint32_t sum = 2166136261;

	if (peer->sa.sa_family == AF_INET)
		address_map(peer, &six);
	all.addr = six.in6.sin6_addr;
	all.port = six.in6.sin6_port;
	for (size_t i = 0; i < sizeof(all); i++)
		sum = (sum ^ bytes[i]) * 16777619;
	return sum;
}

void origin_put(struct origins *origins, int fd, const struct origin *origin)
{
	struct origin_record record = begin(origins, fd, ORIGIN_ASKED);

	record.addr = origin->dest.sin_addr.s_addr;
	record.port = origin->dest.sin_port;
	record.local = origin->local.s_addr;
	record.peer = digest(&origin->peer);
	record.form = (uint8_t)origin->form;
	end(origins, fd, &record);
}

bool origin_get(struct origins *origins, int fd, const union address *peer, struct sockaddr_in *ret,
		struct in_addr *ret_local)
{
	const struct origin_record record = get(origins, fd);

	if (!(record.set & ORIGIN_ASKED) || record.peer != digest(peer))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->sin_family = AF_INET;
	ret->sin_addr.s_addr = record.addr;
	ret->sin_port = record.port;
	ret_local->s_addr = record.local;
	return true;
}

enum present_form origin_form(struct origins *origins, int fd)
{
	return (enum present_form)get(origins, fd).form;
}

void origin_lose(struct origins *origins, int fd, int level, int name)
{
	struct origin_record record = begin(origins, fd, ORIGIN_LOST);

	record.level = (uint16_t)level;
	record.name = (uint16_t)name;
	end(origins, fd, &record);
}

bool origin_lost(struct origins *origins, int fd, int *ret_level, int *ret_name)
{
	const struct origin_record record = get(origins, fd);

	if (!(record.set & ORIGIN_LOST))
		return false;
	*ret_level = record.level;
	*ret_name = record.name;
	return true;
}

void origin_bind(struct origins *origins, int fd, struct in_addr local)
{
	struct origin_record record = begin(origins, fd, ORIGIN_BOUND);

	record.bound = local.s_addr;
	end(origins, fd, &record);
}

bool origin_local(struct origins *origins, int fd, struct in_addr *ret)
{
	const struct origin_record record = get(origins, fd);

	if (!(record.set & ORIGIN_BOUND) || record.bound == INADDR_ANY)
		return false;
	ret->s_addr = record.bound;
	return true;
}
