// SPDX-License-Identifier: GPL-2.0-or-later
/* ioctl(2) for the addresses of interfaces, which an AF_INET socket answers and an AF_INET6 one does not. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "i386.h"
#include "server.h"

static void *bad(void)
{
	return (void *)16;
}

static void *read_only(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		fail("mmap");
	return page;
}

static void say_request(const char *what, long result, const struct ifreq *request)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&request->ifr_addr;
	char text[INET_ADDRSTRLEN];

	if (result < 0)
		say("%s %s: %s", what, request->ifr_name, errno_name(errno));
	else
		say("%s %s: family %d address %s", what, request->ifr_name, in->sin_family,
		    inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)));
}

static const unsigned long requests[] = {
	SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFDSTADDR, SIOCGIFPFLAGS, SIOCGIFMTU,
};

static void interfaces(void)
{
	static const char *const names[] = { "lo", "none0", "", "lo:1", "a-name-too-long" };
	struct connection pair = connection_open();

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		char what[32];

		snprintf(what, sizeof(what), "%lx", requests[i]);
		for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
			struct ifreq request;
			long result;

			memset(&request, 0, sizeof(request));
			memcpy(request.ifr_name, names[j], strlen(names[j]) + 1);
			/* The address to look an alias up by, where it has one. */
			request.ifr_addr.sa_family = j == 1 ? AF_INET6 : AF_INET;
			result = ioctl(pair.fd, requests[i], &request);
			if (requests[i] == SIOCGIFMTU)
				say("%s mtu: %ld %d", what, result, result ? 0 : request.ifr_mtu);
			else
				say_request(what, result, &request);
		}
		say_result("bad address", ioctl(pair.fd, requests[i], bad()));
		say_result("no descriptor", ioctl(999, requests[i], bad()));
		say_result("read-only", ioctl(pair.fd, requests[i], read_only()));
	}
	connection_close(&pair);
}

/* A struct ifreq of a 32-bit program has 32 bytes, of 64-bit ones 40; what lies behind is left alone. */
static void i386_layout(void)
{
	const int i386_ioctl = 54;
	struct connection pair;
	unsigned char *memory;

	need_i386();
	memory = low_memory();
	pair = connection_open();
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const long arguments[5] = { pair.fd, (long)requests[i], (long)memory };
		struct ifreq request = { 0 };
		char what[32];
		long result;

		memset(memory, 0xa5, 64);
		memset(memory, 0, 32);
		memcpy(memory, "lo", 3);
		result = i386_call(i386_ioctl, arguments);
		memcpy(&request, memory, 32);
		snprintf(what, sizeof(what), "%lx", requests[i]);
		say_request(what, result, &request);
		say("behind: %x %x", memory[32], memory[40]);
	}
	connection_close(&pair);
}

const struct scenario scenarios[] = {
	{ "native-size", interfaces, MUST_SWAP },
	{ "i386", i386_layout, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
