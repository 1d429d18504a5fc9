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

struct places {
	int home;
	uint64_t home_cookie;
	struct place *of_rule; /* by the rule's index; fd -EBADF and home's cookie where it names none */
	size_t count;
};

static int cookie_here(uint64_t *ret)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	return snapshot_netns_cookie(fd, ret);
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
			 r == -ENOENT ? "; make it with 'ip netns add', or name /proc/PID/ns/net" : "");
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
		snprintf(error->text, sizeof(error->text), "no socket can be made in %s: %s", path,
			 strerror(-r));
	return r;
}

int places_open(const struct policy *policy, struct places **ret, struct policy_error *error)
{
	struct places *places = calloc(1, sizeof(*places));
	int r;

	if (!places)
		return -ENOMEM;
	places->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	r = places->home < 0 ? -errno : cookie_here(&places->home_cookie);
	if (r < 0) {
		snprintf(error->text, sizeof(error->text),
			 "the network namespace of this process cannot be told: %s%s", strerror(-r),
			 r == -EMFILE ? "; raise RLIMIT_NOFILE: it takes 16 descriptors"
				      : "; it takes /proc and Linux 5.14");
		goto fail;
	}
	places->count = policy_count(policy);
	places->of_rule = calloc(places->count + 1, sizeof(*places->of_rule));
	for (size_t i = 0; places->of_rule && i < places->count; i++)
		places->of_rule[i] = (struct place){.fd = -EBADF, .cookie = places->home_cookie};
	if (!places->of_rule) {
		places->count = 0;
		r = -ENOMEM;
		goto fail;
	}
	for (size_t i = 0; i < places->count; i++) {
		const struct policy_rule *rule = policy_rule(policy, i);

		if (rule->action != POLICY_NETNS || strcmp(rule->netns, "self") == 0)
			continue;
		r = open_place(places, rule->netns, &places->of_rule[rule->index], error);
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
	for (size_t i = 0; i < places->count; i++)
		fd_close(places->of_rule[i].fd);
	fd_close(places->home);
	free(places->of_rule);
	free(places);
}

void places_own_descriptors(struct places *places)
{
	numbers_own(&places->home);
	for (size_t i = 0; i < places->count; i++)
		if (places->of_rule[i].fd >= 0)
			numbers_own(&places->of_rule[i].fd);
}

int places_home_fd(const struct places *places)
{
	return places->home;
}

uint64_t places_home_cookie(const struct places *places)
{
	return places->home_cookie;
}

const struct place *places_of_rule(const struct places *places, const struct policy_rule *rule)
{
	return &places->of_rule[rule->index];
}

bool places_named(const struct places *places, uint64_t cookie)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->of_rule[i].fd >= 0 && places->of_rule[i].cookie == cookie)
			return true;
	return false;
}
