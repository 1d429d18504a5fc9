// SPDX-License-Identifier: LGPL-2.1-or-later
/* The network namespaces that a policy speaks of; see place.h. */
#include "swap/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/numbers.h"
#include "socket/snapshot.h"

/* One that rules name; however many they are, it is opened once. */
struct opened {
	struct place place;
	const char *path; /* the first rule's */
};

struct places {
	int home;
	struct place here;     /* home's cookie, and no descriptor: for rules that name none */
	struct opened *opened; /* room for one of each rule */
	size_t opened_count;
	const struct place **of_rule; /* by the rule's index */
};

static int cookie_here(uint64_t *ret)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	return snapshot_netns_cookie(fd, ret);
}

/* What it takes when there are no more descriptors. */
static const char *hint_at(int r)
{
	return r == -EMFILE ? "; " NUMBERS_RAISE_LIMIT : "";
}

static int open_place(struct places *places, const char *path, struct place *place,
		      struct policy_error *error)
{
	int r;

	place->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (place->fd < 0) {
		r = -errno;
		snprintf(error->text, sizeof(error->text),
			 "network namespace %s: %s%s", path, strerror(-r),
			 r == -ENOENT ? "; make it with 'ip netns add', or name /proc/PID/ns/net"
				      : hint_at(r));
		return r;
	}
	if (setns(place->fd, CLONE_NEWNET) < 0) {
		r = -errno;
		snprintf(error->text, sizeof(error->text), "network namespace %s: %s; %s", path,
			 strerror(-r),
			 r == -EPERM ? "entering it needs CAP_SYS_ADMIN here and in its user namespace"
				     : "is it a network namespace?");
		return r;
	}
	r = cookie_here(&place->cookie);
	if (setns(places->home, CLONE_NEWNET) < 0)
		abort();
	if (r < 0)
		snprintf(error->text, sizeof(error->text), "no socket can be made in %s: %s%s", path,
			 strerror(-r), hint_at(r));
	return r;
}

/* The namespace at a path: one that is open already, or one more. */
static int find_place(struct places *places, const char *path, const struct place **ret,
		      struct policy_error *error)
{
	struct opened *next = &places->opened[places->opened_count];
	int r;

	for (const struct opened *opened = places->opened; opened < next; opened++) {
		if (strcmp(opened->path, path) == 0) {
			*ret = &opened->place;
			return 0;
		}
	}
	next->path = path;
	r = open_place(places, path, &next->place, error);
	if (r < 0) {
		fd_close(next->place.fd);
		return r;
	}
	for (size_t i = 0; i < places->opened_count; i++) {
		if (places->opened[i].place.cookie == next->place.cookie) {
			fd_close(next->place.fd);
			*ret = &places->opened[i].place;
			return 0;
		}
	}
	places->opened_count++;
	*ret = &next->place;
	return 0;
}

int places_open(const struct policy *policy, struct places **ret, struct policy_error *error)
{
	struct places *places = calloc(1, sizeof(*places));
	size_t count = policy_count(policy);
	int r;

	if (!places)
		return -ENOMEM;
	places->here.fd = -EBADF;
	places->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	r = places->home < 0 ? -errno : cookie_here(&places->here.cookie);
	if (r < 0) {
		snprintf(error->text, sizeof(error->text),
			 "the network namespace of this process cannot be told: %s%s", strerror(-r),
			 r == -EMFILE ? hint_at(r) : "; it takes /proc and Linux 5.14");
		goto fail;
	}
	places->opened_count = 0;
	places->opened = calloc(count + 1, sizeof(*places->opened));
	places->of_rule = calloc(count + 1, sizeof(*places->of_rule));
	if (!places->opened || !places->of_rule) {
		r = -ENOMEM;
		goto fail;
	}
	for (size_t i = 0; i < count; i++) {
		const struct policy_rule *rule = policy_rule(policy, i);

		places->of_rule[rule->index] = &places->here;
		if (rule->action != POLICY_NETNS || strcmp(rule->netns, "self") == 0)
			continue;
		r = find_place(places, rule->netns, &places->of_rule[rule->index], error);
		if (r < 0)
			goto fail;
	}
	*ret = places;
	return 0;
fail:
	places_close(places);
	return r;
}

void places_close(struct places *places)
{
	if (!places)
		return;
	for (size_t i = 0; places->opened && i < places->opened_count; i++)
		fd_close(places->opened[i].place.fd);
	fd_close(places->home);
	free(places->opened);
	free(places->of_rule);
	free(places);
}

void places_own_descriptors(struct places *places)
{
	numbers_own(&places->home);
	for (size_t i = 0; i < places->opened_count; i++)
		numbers_own(&places->opened[i].place.fd);
}

/* The kernel's default; inet_port_requires_bind_service(). */
#define UNPRIVILEGED_PORT 1024

unsigned int places_unprivileged_port(const struct places *places, int netns)
{
	unsigned int port = UNPRIVILEGED_PORT;
	FILE *file;

	if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0)
		return UINT16_MAX + 1U;
	/* /proc/sys/net is that of who opens it. */
	file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	if (file) {
		if (fscanf(file, "%u", &port) != 1)
			port = UNPRIVILEGED_PORT;
		fclose(file);
	}
	if (netns >= 0 && setns(places->home, CLONE_NEWNET) < 0)
		abort();
	return port;
}

int places_home_fd(const struct places *places)
{
	return places->home;
}

int places_fd(const struct places *places, uint64_t cookie)
{
	for (size_t i = 0; i < places->opened_count; i++)
		if (places->opened[i].place.cookie == cookie)
			return places->opened[i].place.fd;
	return -EBADF;
}

uint64_t places_home_cookie(const struct places *places)
{
	return places->here.cookie;
}

const struct place *places_of_rule(const struct places *places, const struct policy_rule *rule)
{
	return places->of_rule[rule->index];
}

static int make_socket(int *ret)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

int places_socket(const struct places *places, uint64_t cookie, int *ret)
{
	int fd, r;

	if (cookie == places->here.cookie)
		return make_socket(ret);
	fd = places_fd(places, cookie);
	if (fd < 0)
		return -ENOENT;
	if (setns(fd, CLONE_NEWNET) < 0)
		return -errno;
	r = make_socket(ret);
	if (setns(places->home, CLONE_NEWNET) < 0)
		abort();
	return r;
}

bool places_named(const struct places *places, uint64_t cookie)
{
	return places_fd(places, cookie) >= 0;
}
