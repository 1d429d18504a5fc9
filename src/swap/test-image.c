// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options that are copied by a socket's image against those that are read one by one: whatever was set on the socket,
 * two replacements, one made in either way, tell the same of every option of the table.
 *
 *     from --(each option)-----> replacement
 *     from --(what the image
 *              tells differs)--> other replacement
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compat.h"
#include "socket/option.h"
#include "socket/option_image.h"
#include "socket/test-values.h"
#include "watch/watch.h"

/* Rounds of random options, for each pair of kinds. */
#define ROUNDS 100

/* Of a socket of which nothing was changed so many may be looked at. */
#define UNTOUCHED_MAX 4

/* Nor are those that MPTCP keeps in its first subflow. */
#define SUBFLOW_MAX 5

static const struct {
	const char *text;
	int type, protocol;
} protocols[] = {
	{"TCP", SOCK_STREAM, IPPROTO_TCP},
	{"MPTCP", SOCK_STREAM, IPPROTO_MPTCP},
	{"UDP", SOCK_DGRAM, IPPROTO_UDP},
	{"UDP-Lite", SOCK_DGRAM, IPPROTO_UDPLITE},
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static const int families[] = {AF_INET, AF_INET6};

static struct watch *watch;
static struct option_set *set;

static int read_image(void *context, int fd, struct image *ret)
{
	return watch_image(context, fd, ret);
}

static int setup(void **state)
{
	struct image_reader reader = {.read = read_image};

	if (watch_missing("bpf"))
		return 0;
	if (watch_open("bpf", 0, &watch) < 0)
		return -1;
	reader.context = watch;
	if (option_set_new(&set) < 0)
		return -1;
	option_set_images(set, &reader, 0);
	return 0;
}

static int teardown(void **state)
{
	option_set_free(set);
	if (watch)
		watch_close(watch);
	return 0;
}

static int make(size_t protocol, int family)
{
	return socket(family, protocols[protocol].type | SOCK_CLOEXEC, protocols[protocol].protocol);
}

static size_t copy(size_t protocol, int from, int from_family, int to, int to_family, const struct image *image,
		   const char **refused)
{
	return option_copy(set, from, from_family, protocols[protocol].protocol, to, to_family, false, image, refused);
}

static struct image image_of(size_t protocol, int family, int fd)
{
	struct image image;

	option_prepare(set, family, protocols[protocol].protocol);
	assert_int_equal(watch_image(watch, fd, &image), 0);
	return image;
}

/* Both replacements, and both accounts of what could not be taken along. Return: options looked at by the image. */
static size_t compare(size_t protocol, int from, int from_family, int to_family, const char *what)
{
	int plain = make(protocol, to_family), other = make(protocol, to_family);
	const char *plain_refused, *other_refused;
	struct image image;
	size_t looked;

	copy(protocol, from, from_family, plain, to_family, NULL, &plain_refused);
	image = image_of(protocol, from_family, from);
	looked = copy(protocol, from, from_family, other, to_family, &image, &other_refused);
	if ((plain_refused || other_refused) &&
	    (!plain_refused || !other_refused || strcmp(plain_refused, other_refused) != 0))
		fail_msg("%s %s: %s is refused, not %s", protocols[protocol].text, what,
			 other_refused ? other_refused : "nothing", plain_refused ? plain_refused : "nothing");
	for (size_t i = 0; option_at(i); i++) {
		const struct option *option = option_at(i);
		struct test_value one, two;

		if (option->handling != OPTION_COPIED && option->handling != OPTION_SAME_AS)
			continue;
		test_value_read(option, plain, &one);
		test_value_read(option, other, &two);
		if (!test_value_equal(&one, &two))
			fail_msg("%s from %d to %d, %s: %s differs", protocols[protocol].text, from_family, to_family,
				 what, option->text);
	}
	close(plain);
	close(other);
	return looked;
}

static void for_each_pair(void (*check)(size_t protocol, int from_family, int to_family))
{
	if (!watch) {
		print_message("bpf needs %s\n", watch_missing("bpf"));
		skip();
	}
	for (size_t i = 0; i < PROTOCOLS * 4; i++) {
		int fd = make(i / 4, AF_INET6);

		if (fd < 0) {
			print_message("no %s here\n", protocols[i / 4].text);
			continue;
		}
		close(fd);
		check(i / 4, families[i / 2 % 2], families[i % 2]);
	}
}

static void check_untouched(size_t protocol, int from_family, int to_family)
{
	int from = make(protocol, from_family);
	size_t looked = compare(protocol, from, from_family, to_family, "untouched");

	print_message("%s from %d to %d: %zu options looked at\n", protocols[protocol].text, from_family, to_family,
		      looked);
	assert_true(looked <= UNTOUCHED_MAX + (protocols[protocol].protocol == IPPROTO_MPTCP ? SUBFLOW_MAX : 0));
	close(from);
}

/* A socket that was not changed is hardly asked anything. */
static void test_untouched(void **state)
{
	for_each_pair(check_untouched);
}

static void check_each(size_t protocol, int from_family, int to_family)
{
	for (size_t i = 0; option_at(i); i++) {
		int from = make(protocol, from_family);

		if (test_value_change(option_at(i), from) >= 0)
			compare(protocol, from, from_family, to_family, option_at(i)->text);
		close(from);
	}
}

/* Each option that can be set, alone. */
static void test_each(void **state)
{
	for_each_pair(check_each);
}

static unsigned int seed;

static int random_below(int limit)
{
	return rand_r(&seed) % limit;
}

/* Bits and sizes of all kinds. */
static int random_value(void)
{
	switch (random_below(4)) {
	case 0:
		return random_below(2);
	case 1:
		return random_below(256);
	case 2:
		return 1 << random_below(31);
	default:
		return rand_r(&seed) - RAND_MAX / 2;
	}
}

/* As a fresh socket has it again: whatever else has changed it does not show any more. */
static void put_back(const struct option *option, size_t protocol, int family, int fd)
{
	int fresh = make(protocol, family);
	struct test_value value;

	test_value_read(option, fresh, &value);
	if (value.size > 0)
		setsockopt(fd, option->level, option->name, value.bytes, value.size);
	close(fresh);
}

static void check_random(size_t protocol, int from_family, int to_family)
{
	char what[32];

	for (int round = 0; round < ROUNDS; round++) {
		int from = make(protocol, from_family);
		int count = 1 + random_below(6);
		unsigned int first = seed;

		for (int i = 0; i < count; i++) {
			const struct option *option = NULL;

			while (!option || (option->handling != OPTION_COPIED && option->handling != OPTION_SAME_AS))
				option = option_at((size_t)random_below(OPTION_BITS));
			if (random_below(3) == 0) {
				test_value_change(option, from);
			} else {
				int values[4] = {random_value(), random_value(), 0, 0};

				/* Without what it takes a module, or much memory, for. */
				setsockopt(from, option->level, option->name, values,
					   option->size ? option->size : sizeof(int));
			}
		}
		for (size_t i = 0; option_at(i); i++)
			if (option_at(i)->moved && random_below(2))
				put_back(option_at(i), protocol, from_family, from);
		snprintf(what, sizeof(what), "seed %u", first);
		compare(protocol, from, from_family, to_family, what);
		close(from);
	}
}

/* Several, with any values, also such as the kernel refuses. */
static void test_random(void **state)
{
	const char *given = getenv("SEED");

	seed = given ? (unsigned int)atoi(given) : (unsigned int)time(NULL);
	for_each_pair(check_random);
}

/* What a kernel could do to who looks at it: the same always, something else always, another size each time. */
static unsigned char nonsense[4096];
static const unsigned short no_fields[IMAGE_FIELDS];

static int read_constant(void *context, int fd, struct image *ret)
{
	*ret = (struct image){.bytes = nonsense, .size = sizeof(nonsense), .fields = no_fields};
	return 0;
}

static int read_noise(void *context, int fd, struct image *ret)
{
	nonsense[random_below(sizeof(nonsense))]++;
	return read_constant(context, fd, ret);
}

static int read_sizes(void *context, int fd, struct image *ret)
{
	read_constant(context, fd, ret);
	ret->size -= 8 * (size_t)random_below(64);
	return 0;
}

static int read_never(void *context, int fd, struct image *ret)
{
	return -EOPNOTSUPP;
}

/* Options that are looked at of an AF_INET TCP socket, which has had an option changed, or 0: that is lost. */
static size_t looked_at(struct option_set *other, const struct image *image)
{
	int from = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET, SOCK_STREAM, 0), on = 1, is = 0;
	socklen_t size = sizeof(is);
	const char *refused;
	size_t looked;

	assert_int_equal(setsockopt(from, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), 0);
	looked = option_copy(other, from, AF_INET, IPPROTO_TCP, to, AF_INET, false, image, &refused);
	assert_int_equal(getsockopt(to, SOL_SOCKET, SO_KEEPALIVE, &is, &size), 0);
	close(from);
	close(to);
	return is ? looked : 0;
}

/* Whoever sees no sense in images looks at every option. */
static void test_nonsense(void **state)
{
	static const struct image_reader readers[] = {
		{.read = read_constant},
		{.read = read_noise},
		{.read = read_sizes},
		{.read = read_never},
	};
	struct image image = {.bytes = nonsense, .size = sizeof(nonsense), .fields = no_fields};
	size_t all;

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		struct option_set *other;

		assert_int_equal(option_set_new(&other), 0);
		all = looked_at(other, NULL);
		assert_true(all > 50);
		option_set_images(other, &readers[i], 0);
		for (int again = 0; again < 3; again++) {
			option_prepare(other, AF_INET, IPPROTO_TCP);
			assert_int_equal(looked_at(other, &image), all);
		}
		option_set_free(other);
	}
}

/* What is learned when nobody waits is not learned before. */
static void test_patience(void **state)
{
	const struct image_reader reader = {.read = read_image, .context = watch};
	struct option_set *other;
	size_t all, looked = 0;

	if (!watch)
		skip();
	assert_int_equal(option_set_new(&other), 0);
	all = looked_at(other, NULL);
	option_set_images(other, &reader, 2);
	for (int i = 0; i < 4; i++) {
		int from = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET, SOCK_STREAM, 0);
		struct image image;
		const char *refused;

		option_learn(other);
		option_prepare(other, AF_INET, IPPROTO_TCP);
		assert_int_equal(watch_image(watch, from, &image), 0);
		looked = option_copy(other, from, AF_INET, IPPROTO_TCP, to, AF_INET, false, &image, &refused);
		if (i < 3)
			assert_int_equal(looked, all);
		close(from);
		close(to);
	}
	assert_true(looked <= UNTOUCHED_MAX);
	option_set_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_patience),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
