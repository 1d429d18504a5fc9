// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where a program meant to go; see origin.h. */
#include "swap/origin.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SLOTS 65536

struct origin {
	uint64_t cookie; /* 0: free */
	struct in_addr addr;
	in_port_t port;
	unsigned char form; /* enum present_form */
};

struct origins {
	struct origin *slots; /* SLOTS of them; pages appear as they are touched */
};

int origins_new(struct origins **ret)
{
	struct origins *origins = calloc(1, sizeof(*origins));

	if (!origins)
		return -ENOMEM;
	origins->slots = mmap(NULL, SLOTS * sizeof(*origins->slots), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (origins->slots == MAP_FAILED) {
		free(origins);
		return -ENOMEM;
	}
	*ret = origins;
	return 0;
}

void origins_free(struct origins *origins)
{
	if (origins)
		munmap(origins->slots, SLOTS * sizeof(*origins->slots));
	free(origins);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0)
		return 0;
	return cookie;
}

void origin_put(struct origins *origins, int fd, const struct sockaddr_in *dest,
		enum present_form form)
{
	uint64_t cookie = cookie_of(fd);

	if (cookie)
		origins->slots[cookie % SLOTS] = (struct origin){
			.cookie = cookie,
			.addr = dest->sin_addr,
			.port = dest->sin_port,
			.form = (unsigned char)form,
		};
}

enum present_form origin_form(const struct origins *origins, int fd)
{
	uint64_t cookie = cookie_of(fd);
	const struct origin *origin = &origins->slots[cookie % SLOTS];

	return cookie && origin->cookie == cookie ? (enum present_form)origin->form : PRESENT_ITSELF;
}

bool origin_get(const struct origins *origins, int fd, struct sockaddr_in *ret)
{
	uint64_t cookie = cookie_of(fd);
	const struct origin *origin = &origins->slots[cookie % SLOTS];

	if (!cookie || origin->cookie != cookie)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->sin_family = AF_INET;
	ret->sin_addr = origin->addr;
	ret->sin_port = origin->port;
	return true;
}
