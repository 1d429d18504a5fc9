// SPDX-License-Identifier: LGPL-2.1-or-later
/* One message that a program sends or receives; see message.h. */
#include "intercept/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "intercept/kernel.h"

/* MAX_RW_COUNT in include/linux/fs.h. */
#define TOTAL_MAX ((size_t)(INT_MAX & ~4095))

/* struct compat_msghdr and struct compat_iovec, include/linux/compat.h. */
struct compat_header {
	uint32_t name;
	int32_t name_length;
	uint32_t vector;
	uint32_t count;
	uint32_t control;
	uint32_t control_length;
	uint32_t flags;
};

struct compat_place {
	uint32_t base;
	int32_t length;
};

/* An element of sendmmsg(2)'s vector: a header and a length, as far apart as its pointers are large. */
static uint64_t element_at(const struct call *call, unsigned int index)
{
	const size_t size = call->compat ? sizeof(struct compat_header) + sizeof(uint32_t)
					 : sizeof(struct mmsghdr);

	return call->args[1] + index * size;
}

/* The fields of either ABI. @ret_vector: where the vector lies, @ret_count: how long it is. */
static int read_header(const struct caller *caller, uint64_t at, struct message *ret,
		       uint64_t *ret_vector, uint64_t *ret_count)
{
	struct compat_header narrow;
	struct msghdr wide;
	int r;

	if (ret->compat) {
		r = caller_read(caller, at, &narrow, sizeof(narrow));
		if (r < 0)
			return r;
		ret->name = narrow.name;
		ret->name_length = narrow.name_length;
		ret->control = narrow.control;
		ret->control_length = narrow.control_length;
		ret->name_length_at = at + offsetof(struct compat_header, name_length);
		ret->control_length_at = at + offsetof(struct compat_header, control_length);
		ret->flags_at = at + offsetof(struct compat_header, flags);
		*ret_vector = narrow.vector;
		*ret_count = narrow.count;
		return 0;
	}
	r = caller_read(caller, at, &wide, sizeof(wide));
	if (r < 0)
		return r;
	ret->name = (uintptr_t)wide.msg_name;
	ret->name_length = (int)wide.msg_namelen;
	ret->control = (uintptr_t)wide.msg_control;
	ret->control_length = wide.msg_controllen;
	ret->name_length_at = at + offsetof(struct msghdr, msg_namelen);
	ret->control_length_at = at + offsetof(struct msghdr, msg_controllen);
	ret->flags_at = at + offsetof(struct msghdr, msg_flags);
	*ret_vector = (uintptr_t)wide.msg_iov;
	*ret_count = wide.msg_iovlen;
	return 0;
}

/* The vector; a 32-bit program's is widened from the end, where it does not overwrite itself. */
static int read_vector(const struct caller *caller, uint64_t at, struct message *message)
{
	struct compat_place *narrow = (struct compat_place *)message->places;
	int r;

	if (!message->compat)
		return caller_read(caller, at, message->places,
				   message->count * sizeof(message->places[0]));
	r = caller_read(caller, at, narrow, message->count * sizeof(*narrow));
	if (r < 0)
		return r;
	for (size_t i = message->count; i-- > 0;) {
		struct compat_place one;

		memcpy(&one, &narrow[i], sizeof(one));
		message->places[i].iov_base = (void *)(uintptr_t)one.base;
		message->places[i].iov_len = (size_t)(ssize_t)one.length;
	}
	return 0;
}

/* The size of all data, cut as import_iovec() cuts it. */
static int add_up(struct message *message)
{
	message->size = 0;
	for (size_t i = 0; i < message->count; i++) {
		struct iovec *place = &message->places[i];

		if ((ssize_t)place->iov_len < 0)
			return -EINVAL;
		if (place->iov_len > TOTAL_MAX - message->size)
			place->iov_len = TOTAL_MAX - message->size;
		message->size += place->iov_len;
	}
	return 0;
}

int message_read(const struct caller *caller, bool compat, uint64_t at, struct message *ret)
{
	uint64_t vector, count;
	int r;

	ret->compat = compat;
	r = read_header(caller, at, ret, &vector, &count);
	if (r < 0)
		return r;
	if (!ret->name)
		ret->name_length = 0;
	if (ret->name_length < 0)
		return -EINVAL;
	if (ret->name_length > (int)sizeof(struct sockaddr_storage))
		ret->name_length = (int)sizeof(struct sockaddr_storage);
	if (count > IOV_MAX)
		return -EMSGSIZE;
	ret->count = count;
	r = read_vector(caller, vector, ret);
	return r < 0 ? r : add_up(ret);
}

void message_of_arguments(bool compat, const uint64_t args[6], struct message *ret)
{
	ret->compat = compat;
	ret->name = args[4];
	ret->name_length = (int)args[5];
	ret->name_length_at = args[5];
	ret->control = ret->control_length = 0;
	ret->control_length_at = ret->flags_at = 0;
	ret->count = 1;
	ret->places[0].iov_base = (void *)(uintptr_t)args[1];
	ret->size = args[2] > TOTAL_MAX ? TOTAL_MAX : (size_t)args[2];
	ret->places[0].iov_len = ret->size;
}

int message_of_call(const struct caller *caller, const struct call *call, unsigned int index,
		    struct message *ret)
{
	if (call->kind == CALL_SENDTO || call->kind == CALL_RECVFROM) {
		message_of_arguments(call->compat, call->args, ret);
		return 0;
	}
	return message_read(caller, call->compat, element_at(call, index), ret);
}

int message_write_length(const struct caller *caller, const struct call *call, unsigned int index,
			 uint32_t length)
{
	const size_t offset = call->compat ? sizeof(struct compat_header)
					   : offsetof(struct mmsghdr, msg_len);

	return caller_write(caller, element_at(call, index) + offset, &length, sizeof(length));
}

int message_write_name(const struct caller *caller, const struct message *message,
		       const union address *name, int length)
{
	const bool length_first = kernel_length_comes_first();
	int given, copied;
	int r;

	r = caller_read(caller, message->name_length_at, &given, sizeof(given));
	if (r < 0)
		return r;
	copied = given < length ? given : length;
	if (copied < 0)
		return -EINVAL;
	if (length_first)
		r = caller_write(caller, message->name_length_at, &length, sizeof(length));
	if (r == 0)
		r = caller_write(caller, message->name, name, (size_t)copied);
	if (r == 0 && !length_first)
		r = caller_write(caller, message->name_length_at, &length, sizeof(length));
	return r;
}
