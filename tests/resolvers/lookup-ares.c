// SPDX-License-Identifier: GPL-2.0-or-later
/* The same with c-ares, which asks for many programs that do not want to wait (nodejs, curl, gRPC). */
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/select.h>

static int failed = 1;

static void answered(void *context, int status, int timeouts, struct hostent *host)
{
	char text[INET_ADDRSTRLEN];

	failed = status != ARES_SUCCESS;
	if (failed)
		puts(status == ARES_ENOTFOUND ? "no such name" : ares_strerror(status));
	else
		for (char **at = host->h_addr_list; *at; at++)
			puts(inet_ntop(AF_INET, *at, text, sizeof(text)));
}

int main(int argc, char **argv)
{
	ares_channel channel;

	if (argc != 2 || ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
		return 2;
	ares_gethostbyname(channel, argv[1], AF_INET, answered, NULL);
	for (;;) {
		struct timeval time;
		fd_set in, out;
		int count;

		FD_ZERO(&in);
		FD_ZERO(&out);
		count = ares_fds(channel, &in, &out);
		if (!count)
			break;
		select(count, &in, &out, NULL, ares_timeout(channel, NULL, &time));
		ares_process(channel, &in, &out);
	}
	ares_destroy(channel);
	return failed;
}
