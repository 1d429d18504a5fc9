// SPDX-License-Identifier: GPL-2.0-or-later
/* A summary: what makes one line, the median, the bound, both ways of writing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "intercept/summary.h"

static struct summary *summary;

static int open_one(void **state)
{
	return summary_new(&summary);
}

static int close_one(void **state)
{
	summary_free(summary);
	return 0;
}

static void add(const char *program, const char *why, unsigned int usec)
{
	struct swap_outcome outcome = {
		.concerns_ipv4 = true,
		.how = SWAP_SWAPPED,
		.decision.why = "default",
		.exact = !why,
		.why = why,
		.items = usec % 3,
		.dest.in = {.sin_family = AF_INET, .sin_port = htons(80)},
	};
	struct trace_who who = {.pid = 1};

	snprintf(who.name, sizeof(who.name), "%s", program);
	summary_add(summary, &who, &outcome, usec);
}

static char *written(enum report_format format, long left)
{
	const struct report_options options = {.format = format, .command = "cmd", .left = left};
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(summary_write(summary, &options, file), 0);
	fclose(file);
	return text;
}

static json_t *report(long left)
{
	char *text = written(REPORT_JSON, left);
	json_t *object = json_loads(text, 0, NULL);

	assert_non_null(object);
	free(text);
	return object;
}

static long number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	assert_true(json_is_integer(value));
	return (long)json_integer_value(value);
}

static const char *string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void test_lines(void **state)
{
	/* Equal texts at two places are one reason. */
	char twin[] = "lost";
	json_t *object, *lines;

	add("b", NULL, 10);
	add("a", "lost", 10);
	add("a", NULL, 11);
	add("a", twin, 12);
	object = report(0);
	lines = json_object_get(object, "lines");
	assert_int_equal(json_array_size(lines), 3);
	assert_int_equal(number(object, "connects"), 4);
	assert_int_equal(number(object, "others"), 0);
	assert_int_equal(number(object, "processes_left"), 0);
	assert_string_equal(string(json_array_get(lines, 0), "why"), "lost");
	assert_string_equal(string(json_array_get(lines, 0), "verdict"), "approximate");
	assert_int_equal(number(json_array_get(lines, 0), "connects"), 2);
	assert_int_equal(number(json_array_get(lines, 0), "items"), 1);
	assert_string_equal(string(json_array_get(lines, 1), "verdict"), "exact");
	assert_string_equal(string(json_array_get(lines, 2), "program"), "b");
	json_decref(object);
}

static void test_again(void **state)
{
	struct swap_outcome outcome = {.concerns_ipv4 = true, .how = SWAP_NATIVE, .decision.why = "default"};
	struct trace_who who = {.name = "a"};
	json_t *object;

	summary_add(summary, &who, &outcome, 1);
	object = report(-1);
	assert_int_equal(number(object, "connects"), 0);
	assert_true(json_is_null(json_object_get(object, "processes_left")));
	json_decref(object);
}

static void check_median(const unsigned int *times, size_t count, unsigned int expected)
{
	json_t *object, *line;
	long median;

	close_one(NULL);
	open_one(NULL);
	for (size_t i = 0; i < count; i++)
		add("a", NULL, times[i]);
	object = report(0);
	line = json_array_get(json_object_get(object, "lines"), 0);
	median = number(line, "usec_median");
	assert_true(median >= expected);
	assert_true(median <= expected + expected / 8);
	assert_true(median <= number(line, "usec_max"));
	json_decref(object);
}

static void test_median(void **state)
{
	static const unsigned int some[] = {0, 1, 7, 8, 15, 16, 17, 31, 100, 263, 5000, 1000000, 2000000000};
	unsigned int many[1001];

	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
		check_median(&some[i], 1, some[i]);
	for (unsigned int i = 0; i < 1001; i++)
		many[i] = i * 7 % 1001;
	check_median(many, 1001, 500);
}

static void test_bound(void **state)
{
	json_t *object;
	char name[16], *text;

	for (int i = 0; i < SUMMARY_LINES + 10; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		add(name, NULL, 1);
	}
	add("p0", NULL, 1);
	object = report(0);
	assert_int_equal(json_array_size(json_object_get(object, "lines")), SUMMARY_LINES);
	assert_int_equal(number(object, "others"), 10);
	assert_int_equal(number(object, "connects"), SUMMARY_LINES + 11);
	json_decref(object);
	text = written(REPORT_TEXT, 0);
	assert_non_null(strstr(text, "reseat: and 10 connects of other kinds\n"));
	free(text);
}

static void test_text(void **state)
{
	char *text;

	add("a", "lost", 20);
	text = written(REPORT_TEXT, 2);
	assert_string_equal(text,
		"reseat: cmd: 1 connect to IPv4 destinations; nothing was changed\n"
		"reseat: 2 processes of it are still running\n"
		"program  connects  would be  rule     example     us median/max  items  dups  verdict\n"
		"a               1  swap      default  0.0.0.0:80          20/20      2     0  "
		"approximate: lost\n");
	free(text);
}

static void test_nothing(void **state)
{
	char *text = written(REPORT_TEXT, 0);

	assert_string_equal(text, "reseat: cmd: 0 connects to IPv4 destinations; nothing was changed\n");
	free(text);
}

int main(void)
{
#define EACH(f) cmocka_unit_test_setup_teardown(f, open_one, close_one)
	const struct CMUnitTest tests[] = {
		EACH(test_lines), EACH(test_again), EACH(test_median),
		EACH(test_bound), EACH(test_text),  EACH(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
