// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Telling which options a program changed without asking for each.
 *
 * A socket is an object of the kernel, some thousand bytes. Its image is compared with a fresh socket's, word by word,
 * for those words that an option is known to change; an option is asked for if one of its words differs. So what
 * a word means need not be known, nor that what differs is an option's doing: who asks finds the value that a fresh
 * socket has, and does nothing. All that must never be is that a value differs and no word of its option does; so words
 * are learned by changing each option (option_learn.c), and an option whose changes did not show is always asked for.
 *
 * The fresh socket is one of our network namespace, so only sockets of that one are compared.
 */
#include "socket/option_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* How long a fresh socket is taken for one: for so long may sysctl(8) go unnoticed. */
#define FRESH_USEC 1000000

void option_image_free(struct option_image *image)
{
	if (!image)
		return;
	free(image->fresh);
	free(image->expected);
	free(image->traces);
	free(image->moves);
	free(image);
}

static option_word word_at(const unsigned char *bytes, size_t index)
{
	option_word word;

	memcpy(&word, bytes + index * sizeof(word), sizeof(word));
	return word;
}

static void expect(struct option_image *image)
{
	for (size_t i = 0; i < image->trace_count; i++) {
		const size_t word = image->traces[i].word;

		image->expected[i].word = (uint32_t)word;
		image->expected[i].value = word_at(image->fresh, word);
	}
}

int option_image_refresh(struct option_image *image, const struct image_reader *reader, int *ret_fresh)
{
	_cleanup_close_ int fd = -EBADF;
	uint64_t now = clock_about_usec();
	struct image seen;
	int r;

	if (image->taken && now - image->taken < FRESH_USEC)
		return 0;
	fd = socket(image->family, image->type | SOCK_CLOEXEC, image->protocol);
	if (fd < 0)
		return -errno;
	r = reader->read(reader->context, fd, &seen);
	if (r < 0)
		return r;
	if (seen.size != image->size)
		return -ENOTSUP;
	memcpy(image->fresh, seen.bytes, image->size);
	expect(image);
	image->taken = now;
	*ret_fresh = fd_take(&fd);
	return 0;
}

bool option_image_differs(const struct option_image *image, const struct image *seen, struct option_bits *ret)
{
	option_word any = 0;

	if (seen->size != image->size)
		return false;
	/* A kernel without the field has one network namespace. */
	if (image->net && memcmp(seen->bytes + image->net, image->fresh + image->net, sizeof(void *)) != 0)
		return false;
	*ret = image->asked;
	/* Nearly all are as a fresh one in each. */
	for (size_t i = 0; i < image->trace_count; i++)
		any |= word_at(seen->bytes, image->expected[i].word) ^ image->expected[i].value;
	if (!any)
		return true;
	for (size_t i = 0; i < image->trace_count; i++)
		if (word_at(seen->bytes, image->expected[i].word) != image->expected[i].value)
			option_bits_join(ret, &image->traces[i].options);
	return true;
}
