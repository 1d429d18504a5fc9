/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One message that a program sends or receives: struct msghdr, as it lies in the memory of a 64-bit
 * or a 32-bit program, or the arguments of sendto(2) and recvfrom(2), which come to the same.
 *
 * It is read once. What is written back is written field by field, as the kernel does it
 * (net/socket.c).
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "intercept/call.h"
#include "socket/address.h"
#include "target/caller.h"

/* More than any datagram has (UDP_GRO's, too). */
#define MESSAGE_DATA_MAX 65536

struct message {
	bool compat;
	uint64_t name;		  /* 0: none */
	int name_length;	  /* what the program gave; of recvfrom(2) not read */
	uint64_t name_length_at;  /* where the length of the name is written */
	uint64_t control;
	size_t control_length;
	uint64_t control_length_at; /* 0: there is no such field, nor one for flags */
	uint64_t flags_at;
	size_t size; /* of all the data */
	size_t count;
	struct iovec places[IOV_MAX]; /* in the program's memory */
};

/**
 * message_read() - a struct msghdr and its vector.
 *
 * Return: 0; -EFAULT; -EINVAL, -EMSGSIZE: as the kernel refuses it (__copy_msghdr(),
 * import_iovec()); -EPERM, -ENOENT: as caller_read().
 */
int message_read(const struct caller *caller, bool compat, uint64_t at, struct message *ret);

/**
 * message_of_arguments() - what sendto(2) or recvfrom(2) was given: buffer, length, flags, address,
 * length.
 */
void message_of_arguments(bool compat, const uint64_t args[6], struct message *ret);

/**
 * message_of_call() - a message of any call that sends or receives.
 * @index: which, of sendmmsg(2) and recvmmsg(2); else 0
 *
 * Return: as message_read().
 */
int message_of_call(const struct caller *caller, const struct call *call, unsigned int index,
		    struct message *ret);

/**
 * message_write_length() - the msg_len of an element of sendmmsg(2)'s or recvmmsg(2)'s vector.
 * Return: as caller_write().
 */
int message_write_length(const struct caller *caller, const struct call *call, unsigned int index,
			 uint32_t length);

/**
 * message_write_name() - an address, as move_addr_to_user() writes it: cut to the length that the
 * program gave, which becomes the whole length.
 * @length: of the address; 0: there is none
 *
 * Return: 0; -EFAULT; -EINVAL: the program's length is negative; -EPERM; -ENOENT.
 */
int message_write_name(const struct caller *caller, const struct message *message,
		       const union address *name, int length);
