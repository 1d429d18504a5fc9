// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where a kind of socket keeps its options; see option_image.h.
 *
 * Each option is given several values, on a socket of its own, and the words of the socket's image that change with
 * them are the option's. A value is a word's, or changes all words that it has: a word of the kernel's is 4 bytes or
 * parts of such, pointers have none of their halves in common with a null pointer, and times that are not set are
 * the largest or zero. Another name for the same option, of another generation or size, is tried as well.
 *
 * An option that this kind of socket does not have, or takes each value of and stays as it was (as MPTCP does with those that
 * mean nothing to it), is never another's than a fresh one's.
 *
 * An option is left to be asked for where nothing is certain: a value was refused, and none made a difference to who reads
 * it; or one did, and not to the image; or the image of the changed socket is not told from a fresh one's by it.
 *
 * A few would leave something behind that is all of the kernel's, for good: a module that is loaded, code that is
 * turned on. Their fields are told by name, and nothing is set.
 */
#include "socket/option_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "socket/option_macros.h"
#include "socket/option_values.h"

/* So many values of an option that read back differently are enough. */
#define CHANGES 2

/* Options that are moved, in the table. */
#define MOVED_MAX 16

/* As much of a value as is compared. */
#define VALUE_MAX 256

/* What is told by name. */
static const struct {
	int level, name;
	enum image_field field;
	size_t size;
} named[] = {
	{IPPROTO_TCP, TCP_ULP, IMAGE_ULP, sizeof(void *)},
	{IPPROTO_TCP, TCP_AO_ADD_KEY, IMAGE_AO, sizeof(void *)},
	{IPPROTO_TCP, TCP_TX_DELAY, IMAGE_TX_DELAY, 4},
	{IPPROTO_IP, IP_MINTTL, IMAGE_MIN_TTL, 1},
	{IPPROTO_IPV6, IPV6_MINHOPCOUNT, IMAGE_MIN_HOPCOUNT, 1},
	/* With the other headers; which kinds of this one there are depends on the kernel. */
	{IPPROTO_IPV6, IPV6_RTHDR, IMAGE_HEADERS, sizeof(void *)},
};

struct learning {
	struct option_image *image;
	const struct image_reader *reader;
	size_t words;
	struct option_bits *changes; /* by word */
	unsigned char *before;	     /* an option is changed */
	size_t moved[MOVED_MAX], moved_count;
};

struct reading {
	int error;
	socklen_t size;
	unsigned char bytes[VALUE_MAX];
};

static void read_value(const struct option *option, int fd, struct reading *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->size = option->size ? option->size : VALUE_MAX;
	/* Counted in instructions. */
	if (option->level == SOL_SOCKET && option->name == SO_ATTACH_FILTER)
		ret->size /= 8;
	if (getsockopt(fd, option->level, option->name, ret->bytes, &ret->size) < 0) {
		memset(ret, 0, sizeof(*ret));
		ret->error = errno;
	}
}

/* What other options read as, of those that one option may change with another. */
struct readings {
	struct reading of[MOVED_MAX];
};

static void read_moved(const struct learning *learning, int fd, struct readings *ret)
{
	for (size_t i = 0; i < learning->moved_count; i++)
		read_value(&option_table[learning->moved[i]], fd, &ret->of[i]);
}

static int make(const struct option_image *image)
{
	int fd = socket(image->family, image->type | SOCK_CLOEXEC, image->protocol);

	return fd < 0 ? -errno : fd;
}

static int read_image(struct learning *learning, int fd, struct image *ret)
{
	int r = learning->reader->read(learning->reader->context, fd, ret);

	return r == 0 && ret->size / sizeof(option_word) != learning->words ? -ENOTSUP : r;
}

static bool word_differs(const unsigned char *a, const unsigned char *b, size_t word)
{
	return memcmp(a + word * sizeof(option_word), b + word * sizeof(option_word), sizeof(option_word)) != 0;
}

/* Whether a socket is told from a fresh one by the words of an option. */
static bool shows(const struct learning *learning, const struct image *seen, size_t index)
{
	for (size_t word = 0; word < learning->words; word++)
		if (option_bits_have(&learning->changes[word], index) &&
		    word_differs(seen->bytes, learning->image->fresh, word))
			return true;
	return false;
}

/* Which other options an option has changed. */
static void note_moved(struct learning *learning, int fd, size_t index, const struct readings *were)
{
	struct readings are;

	read_moved(learning, fd, &are);
	for (size_t i = 0; i < learning->moved_count; i++)
		if (memcmp(&are.of[i], &were->of[i], sizeof(are.of[i])) != 0)
			option_bits_add(&learning->image->moves[index], learning->moved[i]);
}

/* What became of an option's changes. */
struct tried {
	unsigned int changed; /* so many values read back differently */
	bool hidden;	      /* one of them did not show */
	bool ignored;	      /* another value than it has was taken, and is not there */
	bool unclear;	      /* one was refused, for its own sake or ours, or shows where it cannot be read */
};

/* Values of @option, whose words are those of the option at @index. */
static int try_values(struct learning *learning, const struct option *option, size_t index, struct tried *tried)
{
	_cleanup_close_ int fd = make(learning->image);
	struct readings others_were;
	struct reading was, is;
	struct option_try value;
	struct image seen;
	unsigned int changed = 0;
	int r;

	if (fd < 0)
		return fd;
	/* First, for to read may make a socket of another inside of it (MPTCP). */
	read_value(option, fd, &was);
	read_moved(learning, fd, &others_were);
	r = read_image(learning, fd, &seen);
	if (r < 0)
		return r;
	memcpy(learning->before, seen.bytes, seen.size);
	for (size_t i = 0; changed < CHANGES && option_values_at(option, i, &value); i++) {
		bool differs = false;

		if (setsockopt(fd, option->level, option->name, value.data, value.size) < 0) {
			bool none = errno == ENOPROTOOPT || errno == EOPNOTSUPP;

			tried->ignored |= none;
			tried->unclear |= !none;
			/* No other value will do. */
			if (none || errno == EPERM)
				break;
			continue;
		}
		r = read_image(learning, fd, &seen);
		if (r < 0)
			return r;
		for (size_t word = 0; word < learning->words; word++) {
			if (!word_differs(seen.bytes, learning->before, word))
				continue;
			option_bits_add(&learning->changes[word], index);
			differs = true;
		}
		read_value(option, fd, &is);
		if (memcmp(&was, &is, sizeof(was)) != 0) {
			changed++;
			tried->hidden |= !shows(learning, &seen, index);
		} else if (value.size > was.size || memcmp(value.data, was.bytes, value.size) != 0) {
			tried->ignored = true;
		}
		tried->unclear |= differs && !changed;
		if (differs)
			note_moved(learning, fd, index, &others_were);
	}
	tried->changed += changed;
	return 0;
}

/* Whether the field of an option is told by name, and its words are noted. */
static bool by_name(struct learning *learning, const unsigned short *fields, size_t index, bool *ret_known)
{
	const struct option *option = option_at(index);

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		size_t at = fields[named[i].field], end = at + named[i].size;

		if (named[i].level != option->level || named[i].name != option->name)
			continue;
		/* The fields of TCP are not where they are told in a socket of another protocol. */
		*ret_known = at && end <= learning->image->size &&
			     (option->level != IPPROTO_TCP || learning->image->protocol == IPPROTO_TCP);
		for (size_t word = at / sizeof(option_word); *ret_known && word * sizeof(option_word) < end; word++)
			option_bits_add(&learning->changes[word], index);
		return true;
	}
	return false;
}

static int learn_option(struct learning *learning, const unsigned short *fields, size_t index)
{
	const struct option *option = option_at(index);
	struct tried tried = {0};
	bool known;
	int r;

	if (!by_name(learning, fields, index, &known)) {
		r = try_values(learning, option, index, &tried);
		for (size_t i = 0; r == 0 && i < option_rest_count; i++)
			if (option_rest[i].handling == OPTION_SAME_AS && option_rest[i].level == option->level &&
			    strcmp(option_rest[i].why, option->text) == 0)
				r = try_values(learning, &option_rest[i], index, &tried);
		if (r < 0)
			return r;
		known = tried.changed ? !tried.hidden : tried.ignored && !tried.unclear;
	}
	if (!known)
		option_bits_add(&learning->image->asked, index);
	return 0;
}

/* Whether there is anything to it: an option that every kernel has is found, and where it is not others are. */
static bool makes_sense(const struct learning *learning, const struct option_bits *exists)
{
	const struct option_bits none = {0}, *asked = &learning->image->asked;
	size_t known = 0, unknown = 0, touched = 0;

	for (size_t i = 0; option_at(i); i++) {
		bool asks = option_bits_have(asked, i);

		if (asks && option_at(i)->level == SOL_SOCKET && option_at(i)->name == SO_KEEPALIVE)
			return false;
		unknown += asks;
		known += !asks && option_bits_have(exists, i);
	}
	for (size_t word = 0; word < learning->words; word++)
		touched += memcmp(&learning->changes[word], &none, sizeof(none)) != 0;
	return known > unknown && touched < learning->words / 2;
}

/* The words that are some option's; and which options share one with an option that others move. */
static int keep(struct learning *learning)
{
	struct option_image *image = learning->image;
	struct option_bits moved = {0}, none = {0};

	image->traces = calloc(learning->words, sizeof(*image->traces));
	image->expected = calloc(learning->words, sizeof(*image->expected));
	if (!image->traces || !image->expected)
		return -ENOMEM;
	for (size_t i = 0; i < learning->moved_count; i++)
		option_bits_add(&moved, learning->moved[i]);
	for (size_t word = 0; word < learning->words; word++) {
		const struct option_bits *changes = &learning->changes[word];

		if (memcmp(changes, &none, sizeof(none)) == 0)
			continue;
		image->traces[image->trace_count++] = (struct option_trace){.word = word, .options = *changes};
		for (size_t i = 0; i < OPTION_BITS; i++)
			for (size_t j = 0; option_bits_have(changes, i) && j < learning->moved_count; j++)
				if (option_bits_have(changes, learning->moved[j]))
					option_bits_add(&image->moves[i], learning->moved[j]);
	}
	/* What is not known may move them all; and so may what only does so with some values. */
	for (size_t i = 0; option_at(i); i++)
		if (option_bits_have(&image->asked, i) || option_at(i)->moves)
			image->moves[i] = moved;
	return 0;
}

static int learn(struct learning *learning, const struct option_bits *exists)
{
	struct option_image *image = learning->image;
	_cleanup_close_ int fd = make(image);
	unsigned short fields[IMAGE_FIELDS];
	struct image seen;
	int r;

	if (fd < 0)
		return fd;
	r = learning->reader->read(learning->reader->context, fd, &seen);
	if (r < 0)
		return r;
	memcpy(fields, seen.fields, sizeof(fields));
	image->size = seen.size;
	image->net = fields[IMAGE_NET];
	learning->words = seen.size / sizeof(option_word);
	image->fresh = malloc(image->size);
	learning->before = malloc(image->size);
	learning->changes = calloc(learning->words, sizeof(*learning->changes));
	image->moves = calloc(OPTION_BITS, sizeof(*image->moves));
	if (!image->fresh || !learning->before || !learning->changes || !image->moves)
		return -ENOMEM;
	for (size_t i = 0; i < option_table_count; i++) {
		bool moved = option_table[i].moved && option_bits_have(exists, i);

		if (moved && learning->moved_count == MOVED_MAX)
			return -ENOTSUP;
		if (moved)
			learning->moved[learning->moved_count++] = i;
	}
	memcpy(image->fresh, seen.bytes, image->size);
	/* Nothing changes where nothing is done. */
	r = read_image(learning, fd, &seen);
	if (r < 0 || memcmp(image->fresh, seen.bytes, image->size) != 0)
		return r < 0 ? r : -ENOTSUP;
	for (size_t i = 0; r == 0 && option_at(i); i++)
		if (option_bits_have(exists, i))
			r = learn_option(learning, fields, i);
	if (r < 0)
		return r;
	return makes_sense(learning, exists) ? keep(learning) : -ENOTSUP;
}

int option_image_learn(int family, int type, int protocol, const struct option_bits *exists,
		       const struct image_reader *reader, struct option_image **ret)
{
	struct learning learning = {.reader = reader};
	int r;

	if (option_table_count + option_rest_count > OPTION_BITS)
		return -ENOTSUP;
	learning.image = calloc(1, sizeof(*learning.image));
	if (!learning.image)
		return -ENOMEM;
	learning.image->family = family;
	learning.image->type = type;
	learning.image->protocol = protocol;
	r = learn(&learning, exists);
	free(learning.before);
	free(learning.changes);
	if (r < 0) {
		option_image_free(learning.image);
		return r;
	}
	*ret = learning.image;
	return 0;
}
