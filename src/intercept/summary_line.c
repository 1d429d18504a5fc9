// SPDX-License-Identifier: LGPL-2.1-or-later
/* One line of a summary, and how a summary is written; see summary_line.h. */
#include "intercept/summary_line.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static unsigned int bucket_of(unsigned int usec)
{
	unsigned int power = 0;

	if (usec < SUMMARY_PARTS)
		return usec;
	while (usec >> power >= 2 * SUMMARY_PARTS)
		power++;
	return power * SUMMARY_PARTS + (usec >> power);
}

/* The longest time of a part. */
static unsigned int bucket_end(unsigned int bucket)
{
	unsigned int power = bucket / SUMMARY_PARTS;

	if (power < 2)
		return bucket;
	return ((SUMMARY_PARTS + bucket % SUMMARY_PARTS + 1) << (power - 1)) - 1;
}

void summary_line_add(struct summary_line *line, const struct swap_outcome *outcome,
		      unsigned int usec)
{
	if (line->connects++ == 0) {
		line->dest = outcome->dest;
		line->made = outcome->made;
	}
	if (outcome->items > line->items)
		line->items = outcome->items;
	if (outcome->duplicates > line->duplicates)
		line->duplicates = outcome->duplicates;
	if (usec > line->max_usec)
		line->max_usec = usec;
	line->times[bucket_of(usec)]++;
}

unsigned int summary_line_median(const struct summary_line *line)
{
	unsigned long half = (line->connects + 1) / 2, seen = 0;

	for (unsigned int i = 0; i < SUMMARY_BUCKETS; i++) {
		seen += line->times[i];
		if (seen >= half && bucket_end(i) < line->max_usec)
			return bucket_end(i);
		if (seen >= half)
			break;
	}
	return line->max_usec;
}

static void address(const union address *address, char ret[ADDRESS_TEXT])
{
	strcpy(ret, "");
	if (address->sa.sa_family)
		address_text(address, ret);
}

enum { PROGRAM, CONNECTS, WOULD, RULE, EXAMPLE, TIMES, ITEMS, DUPLICATES, VERDICT, COLUMNS };

/* One cell; an empty string where memory has run out. */
static char *cell(const struct summary_line *line, int column)
{
	const struct summary_key *key = &line->key;
	char dest[ADDRESS_TEXT], made[ADDRESS_TEXT];
	char *text = NULL;
	int r = -1;

	switch (column) {
	case PROGRAM:
		r = asprintf(&text, "%s", key->program);
		break;
	case CONNECTS:
		r = asprintf(&text, "%lu", line->connects);
		break;
	case WOULD:
		r = asprintf(&text, "%s%s%s", swap_how_name(key->how), key->error ? " " : "",
			     key->error ? strerrorname_np(key->error) : "");
		break;
	case RULE:
		r = asprintf(&text, "%s", key->rule);
		break;
	case EXAMPLE:
		address(&line->dest, dest);
		address(&line->made, made);
		r = asprintf(&text, "%s%s%s", *dest ? dest : "?", *made ? " to " : "", made);
		break;
	case TIMES:
		r = asprintf(&text, "%u/%u", summary_line_median(line), line->max_usec);
		break;
	case ITEMS:
		r = asprintf(&text, "%u", line->items);
		break;
	case DUPLICATES:
		r = asprintf(&text, "%u", line->duplicates);
		break;
	case VERDICT:
		r = asprintf(&text, "%s%s%s", key->exact ? "exact" : "approximate",
			     *key->why ? ": " : "", key->why);
		break;
	}
	return r < 0 ? NULL : text;
}

static void write_head(const struct summary_view *view, FILE *file)
{
	const struct report_options *options = view->options;

	fprintf(file, "reseat: %s: %lu connect%s to IPv4 destinations; nothing was changed\n",
		options->command, view->connects, view->connects == 1 ? "" : "s");
	if (options->left > 0)
		fprintf(file, "reseat: %ld process%s of it %s still running\n", options->left,
			options->left == 1 ? "" : "es", options->left == 1 ? "is" : "are");
	if (options->left < 0)
		fprintf(file, "reseat: other processes of it are still running\n");
}

void summary_write_text(const struct summary_view *view, FILE *file)
{
	static const char *const titles[COLUMNS] = {
		"program", "connects", "would be", "rule", "example", "us median/max", "items", "dups",
		"verdict",
	};
	static const bool number[COLUMNS] = {
		[CONNECTS] = true, [TIMES] = true, [ITEMS] = true, [DUPLICATES] = true};
	char **cells = calloc((size_t)view->count * COLUMNS + 1, sizeof(*cells));
	int width[COLUMNS];

	write_head(view, file);
	for (int column = 0; column < COLUMNS; column++) {
		width[column] = (int)strlen(titles[column]);
		for (unsigned int i = 0; cells && i < view->count; i++) {
			char *text = cell(view->lines[i], column);

			cells[i * COLUMNS + column] = text;
			if (text && (int)strlen(text) > width[column])
				width[column] = (int)strlen(text);
		}
	}
	for (unsigned int i = 0; cells && view->count && i <= view->count; i++)
		for (int column = 0; column < COLUMNS; column++) {
			const char *text = i ? cells[(i - 1) * COLUMNS + column] : titles[column];

			/* The last is as long as it is. */
			if (column == VERDICT)
				fprintf(file, "%s\n", text ? text : "");
			else
				fprintf(file, "%*s  ", number[column] ? width[column] : -width[column],
					text ? text : "");
		}
	if (view->others)
		fprintf(file, "reseat: and %lu connects of other kinds\n", view->others);
	for (size_t i = 0; cells && i < (size_t)view->count * COLUMNS; i++)
		free(cells[i]);
	free(cells);
}

static json_t *json_line(const struct summary_line *line)
{
	const struct summary_key *key = &line->key;
	char dest[ADDRESS_TEXT], made[ADDRESS_TEXT];

	address(&line->dest, dest);
	address(&line->made, made);
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s}", "program",
			 key->program, "connects", (json_int_t)line->connects, "rule", key->rule, "how",
			 swap_how_name(key->how), "errno",
			 key->error ? strerrorname_np(key->error) : "0", "dest", dest, "made", made,
			 "usec_median", (json_int_t)summary_line_median(line), "usec_max",
			 (json_int_t)line->max_usec, "items", (json_int_t)line->items, "duplicates",
			 (json_int_t)line->duplicates, "verdict", key->exact ? "exact" : "approximate",
			 "why", key->why);
}

void summary_write_json(const struct summary_view *view, FILE *file)
{
	const struct report_options *options = view->options;
	json_t *lines = json_array(), *object;

	for (unsigned int i = 0; i < view->count; i++)
		json_array_append_new(lines, json_line(view->lines[i]));
	object = json_pack("{s:s, s:I, s:o, s:I, s:o}", "command", options->command, "connects",
			   (json_int_t)view->connects, "processes_left",
			   options->left < 0 ? json_null() : json_integer(options->left), "others",
			   (json_int_t)view->others, "lines", lines);
	if (object) {
		json_dumpf(object, file, JSON_COMPACT);
		fputc('\n', file);
	}
	json_decref(object);
}
