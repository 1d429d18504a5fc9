// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Since Linux 4.3 i386 has a system call for each socket call. The C library of Debian 12 does not use
 * them (../socketcall/entry.c); here what reseat can trap goes that way.
 *
 * The linker puts each function in the place of what it is named after (ld(1), --wrap). The names with 64 are
 * those that the C library gives to its functions where time_t has 64 bits: to them an option or a control
 * message with a time in it is the kernel's new one already, so the arguments go on as they are.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define DIRECT(type, name, number, parameters, ...)                                                \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return syscall(number, __VA_ARGS__);                                               \
	}

DIRECT(int, bind, SYS_bind, (int fd, const struct sockaddr *address, socklen_t length), fd, address, length)
DIRECT(int, connect, SYS_connect, (int fd, const struct sockaddr *address, socklen_t length), fd, address,
       length)
DIRECT(int, listen, SYS_listen, (int fd, int backlog), fd, backlog)
DIRECT(int, getpeername, SYS_getpeername, (int fd, struct sockaddr *address, socklen_t *length), fd,
       address, length)
DIRECT(int, getsockname, SYS_getsockname, (int fd, struct sockaddr *address, socklen_t *length), fd,
       address, length)
DIRECT(int, __getsockopt64, SYS_getsockopt,
       (int fd, int level, int name, void *value, socklen_t *length), fd, level, name, value, length)
DIRECT(int, __setsockopt64, SYS_setsockopt,
       (int fd, int level, int name, const void *value, socklen_t length), fd, level, name, value, length)
DIRECT(ssize_t, sendto, SYS_sendto,
       (int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length), fd,
       data, size, flags, to, length)
DIRECT(ssize_t, recvfrom, SYS_recvfrom,
       (int fd, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *length), fd, data,
       size, flags, from, length)
DIRECT(ssize_t, __sendmsg64, SYS_sendmsg, (int fd, const struct msghdr *message, int flags), fd, message,
       flags)
DIRECT(ssize_t, __recvmsg64, SYS_recvmsg, (int fd, struct msghdr *message, int flags), fd, message, flags)
DIRECT(int, __sendmmsg64, SYS_sendmmsg, (int fd, struct mmsghdr *messages, unsigned int count, int flags),
       fd, messages, count, flags)
DIRECT(int, __recvmmsg64, SYS_recvmmsg_time64,
       (int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout), fd,
       messages, count, flags, timeout)
