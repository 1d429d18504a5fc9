// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that uses io_uring where it can, with a socket that connects to 127.0.0.1.
 *
 *     ring abi             "errno" of io_uring_setup(2) with nothing valid, by each ABI
 *     ring WHAT PORT       make a ring if that works, do WHAT with the socket, connect, read, and say
 *                          "RING: RESULT, read: TEXT"
 *
 *     none                 nothing
 *     registered           the socket is among the ring's files
 *     closed               the same, and the ring's own descriptor is closed (IORING_REGISTER_RING_FDS)
 *     polled               a multishot poll of the socket is armed
 *     unregistered         registered, and taken out again
 *     connect              connected by the ring (IORING_OP_CONNECT)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define X32_BIT 0x40000000
#define SETUP 425

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void each_abi(void)
{
	long r = syscall(SETUP, 0, NULL);

	printf("native %s\n", r < 0 ? strerrorname_np(errno) : "0");
#if defined(__x86_64__)
	r = syscall(X32_BIT | SETUP, 0, NULL);
	printf("x32 %s\n", r < 0 ? strerrorname_np(errno) : "0");
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"((long)SETUP), "b"(0L), "c"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	r = (int)r;
	printf("i386 %s\n", r < 0 ? strerrorname_np((int)-r) : "0");
#endif
}

/* Unregistering may be finished by a work queue. The table is ours to read: nothing tells but time. */
static void settle(void)
{
	poll(NULL, 0, 200);
}

static void prepare(struct io_uring *ring, const char *what, int fd)
{
	if (strcmp(what, "registered") == 0 || strcmp(what, "closed") == 0 ||
	    strcmp(what, "unregistered") == 0) {
		if (io_uring_register_files(ring, &fd, 1) < 0)
			die("register_files");
	}
	if (strcmp(what, "closed") == 0) {
		if (io_uring_register_ring_fd(ring) != 1)
			die("register_ring_fd");
		close(ring->ring_fd);
	}
	if (strcmp(what, "unregistered") == 0) {
		if (io_uring_unregister_files(ring) < 0)
			die("unregister_files");
		settle();
	}
	if (strcmp(what, "polled") == 0) {
		/* A fresh socket hangs up at once, which ends any other poll. */
		io_uring_prep_poll_multishot(io_uring_get_sqe(ring), fd, POLLPRI);
		if (io_uring_submit(ring) != 1)
			die("submit");
	}
}

static int connect_by(struct io_uring *ring, int fd, const struct sockaddr_in *to)
{
	struct io_uring_cqe *cqe;

	io_uring_prep_connect(io_uring_get_sqe(ring), fd, (const struct sockaddr *)to, sizeof(*to));
	if (io_uring_submit_and_wait(ring, 1) < 0 || io_uring_peek_cqe(ring, &cqe) < 0)
		die("submit_and_wait");
	errno = cqe->res < 0 ? -cqe->res : 0;
	return cqe->res;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), r, made;
	struct io_uring ring;
	char text[64] = "";
	ssize_t n;

	if (argc == 2 && strcmp(argv[1], "abi") == 0) {
		each_abi();
		return 0;
	}
	if (argc != 3)
		return 2;
	to.sin_port = htons((in_port_t)atoi(argv[2]));
	made = io_uring_queue_init(8, &ring, 0);
	if (made == 0)
		prepare(&ring, argv[1], fd);
	if (made == 0 && strcmp(argv[1], "connect") == 0)
		r = connect_by(&ring, fd, &to);
	else
		r = connect(fd, (struct sockaddr *)&to, sizeof(to));
	if (r < 0)
		die("connect");
	n = recv(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		die("recv");
	printf("%s, read: %s\n", made < 0 ? strerrorname_np(-made) : "0", text);
	return 0;
}
