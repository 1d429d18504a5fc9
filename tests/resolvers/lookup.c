// SPDX-License-Identifier: GPL-2.0-or-later
/* getaddrinfo(3) of whichever C library this is linked with: the IPv4 addresses of a name, one a line. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	char text[INET_ADDRSTRLEN];
	int r;

	if (argc != 2)
		return 2;
	r = getaddrinfo(argv[1], NULL, &hints, &list);
	if (r) {
		printf("%s\n", r == EAI_NONAME ? "no such name" : gai_strerror(r));
		return 1;
	}
	for (struct addrinfo *one = list; one; one = one->ai_next)
		puts(inet_ntop(AF_INET, &((struct sockaddr_in *)one->ai_addr)->sin_addr, text,
			       sizeof(text)));
	freeaddrinfo(list);
	return 0;
}
