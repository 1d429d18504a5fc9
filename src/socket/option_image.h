/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which options of a socket are to be asked for, told by its image; see option_image.c.
 */
#pragma once

#include <stdint.h>

#include "base/image.h"
#include "socket/option.h"

/* Options, by their index in option_at(). */
#define OPTION_BITS_WORDS 5
#define OPTION_BITS	  (OPTION_BITS_WORDS * 64)

struct option_bits {
	uint64_t words[OPTION_BITS_WORDS];
};

static inline bool option_bits_have(const struct option_bits *bits, size_t index)
{
	return bits->words[index / 64] >> (index % 64) & 1;
}

static inline void option_bits_add(struct option_bits *bits, size_t index)
{
	bits->words[index / 64] |= 1ULL << (index % 64);
}

static inline void option_bits_join(struct option_bits *bits, const struct option_bits *more)
{
	for (size_t i = 0; i < OPTION_BITS_WORDS; i++)
		bits->words[i] |= more->words[i];
}

static inline struct option_bits option_bits_without(const struct option_bits *bits, const struct option_bits *less)
{
	struct option_bits left;

	for (size_t i = 0; i < OPTION_BITS_WORDS; i++)
		left.words[i] = bits->words[i] & ~less->words[i];
	return left;
}

/* The first option of the set from @from on; OPTION_BITS: there are no more. */
static inline size_t option_bits_next(const struct option_bits *bits, size_t from)
{
	for (size_t i = from / 64; i < OPTION_BITS_WORDS; i++) {
		uint64_t word = bits->words[i];

		if (i == from / 64)
			word &= ~0ULL << (from % 64);
		if (word)
			return i * 64 + (size_t)__builtin_ctzll(word);
	}
	return OPTION_BITS;
}

/* The unit in which images are compared: no value is in two of them, unless both change with it. */
typedef uint32_t option_word;

/* What is known of one kind of socket. */
struct option_image {
	int family, type, protocol;
	size_t size;		/* of an image, in bytes */
	unsigned short net;	/* where the network namespace lies; 0: nowhere */
	unsigned char *fresh;	/* the image of a fresh socket, */
	struct option_word_of_fresh {
		uint32_t word;
		option_word value;
	} *expected; /* and its words that have traces, in their order, side by side: they are all that is read in most looks */
	uint64_t taken;		/* when; us */
	struct option_trace {
		size_t word;
		struct option_bits options; /* that change it */
	} *traces;
	size_t trace_count;
	struct option_bits asked; /* whatever the image shows */
	struct option_bits *moves; /* by option: what else setting it may change, of what is moved */
};

/**
 * option_image_learn() - find out where a kind of socket keeps its options (option_learn.c).
 * @exists: the options that this kind has
 *
 * Makes hundreds of sockets of this kind, and sets their options; takes some milliseconds. Return: 0; -ENOTSUP: what
 * is seen makes no sense, so that options have to be asked for one by one; another negative errno of the reader or of
 * socket(2).
 */
int option_image_learn(int family, int type, int protocol, const struct option_bits *exists,
		       const struct image_reader *reader, struct option_image **ret);
void option_image_free(struct option_image *image);

/**
 * option_image_refresh() - see that the fresh socket to compare with is of late: sysctl(8) may make them otherwise.
 * @ret_fresh: receives that socket if it was made now, for the caller to close; or is left alone
 *
 * Return: 0, or a negative errno: do not compare.
 */
int option_image_refresh(struct option_image *image, const struct image_reader *reader, int *ret_fresh);

/**
 * option_image_differs() - which options of a socket may have another value than a fresh one's.
 * @seen: of the socket
 * @ret: of no option that is left out has its program changed the value
 *
 * Return: false: it cannot be told, for the socket is of another kind or network namespace.
 */
bool option_image_differs(const struct option_image *image, const struct image *seen, struct option_bits *ret);
