// SPDX-License-Identifier: LGPL-2.1-or-later
/* What became of all connects; see summary.h. */
#include "intercept/summary.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "intercept/summary_line.h"

/* A table with open addressing, never more than half full. */
#define SLOTS (2 * SUMMARY_LINES)

struct summary {
	pthread_mutex_t lock;
	struct summary_line *slots[SLOTS];
	unsigned int count;
	unsigned long connects; /* all of them */
	unsigned long others;	/* of those, the ones that no line counts */
};

int summary_new(struct summary **ret)
{
	struct summary *summary = calloc(1, sizeof(*summary));

	if (!summary)
		return -ENOMEM;
	pthread_mutex_init(&summary->lock, NULL);
	*ret = summary;
	return 0;
}

void summary_free(struct summary *summary)
{
	if (!summary)
		return;
	for (unsigned int i = 0; i < SLOTS; i++)
		free(summary->slots[i]);
	pthread_mutex_destroy(&summary->lock);
	free(summary);
}

/* FNV-1a. */
static uint32_t mix(uint32_t hash, const void *bytes, size_t size)
{
	for (const unsigned char *at = bytes; size; at++, size--)
		hash = (hash ^ *at) * 16777619U;
	return hash;
}

static uint32_t hash_of(const struct summary_key *key)
{
	uint32_t hash = mix(2166136261U, key->program, strlen(key->program));

	/* Texts that are equal may stand in several places, so their letters count. */
	hash = mix(hash, key->rule, strlen(key->rule));
	hash = mix(hash, &key->how, sizeof(key->how));
	hash = mix(hash, &key->error, sizeof(key->error));
	return mix(hash, key->why, strlen(key->why));
}

static bool same(const struct summary_key *a, const struct summary_key *b)
{
	return a->how == b->how && a->error == b->error && a->exact == b->exact &&
	       strcmp(a->program, b->program) == 0 && strcmp(a->rule, b->rule) == 0 &&
	       strcmp(a->why, b->why) == 0;
}

/* The line of a key, made if there is room; NULL: there is none. */
static struct summary_line *line_of(struct summary *summary, const struct summary_key *key)
{
	unsigned int at = hash_of(key) % SLOTS;

	while (summary->slots[at]) {
		if (same(&summary->slots[at]->key, key))
			return summary->slots[at];
		at = (at + 1) % SLOTS;
	}
	if (summary->count == SUMMARY_LINES)
		return NULL;
	summary->slots[at] = calloc(1, sizeof(*summary->slots[at]));
	if (!summary->slots[at])
		return NULL;
	summary->slots[at]->key = *key;
	summary->count++;
	return summary->slots[at];
}

void summary_add(struct summary *summary, const struct trace_who *who,
		 const struct swap_outcome *outcome, unsigned int usec)
{
	struct summary_key key = {
		.how = outcome->how,
		.error = outcome->error,
		.exact = outcome->exact,
	};
	struct summary_line *line;

	if (outcome->how == SWAP_NATIVE)
		return;
	snprintf(key.program, sizeof(key.program), "%s", who->name);
	snprintf(key.rule, sizeof(key.rule), "%s", trace_rule(outcome));
	snprintf(key.why, sizeof(key.why), "%s", outcome->why ? outcome->why : "");
	pthread_mutex_lock(&summary->lock);
	summary->connects++;
	line = line_of(summary, &key);
	if (line)
		summary_line_add(line, outcome, usec);
	else
		summary->others++;
	pthread_mutex_unlock(&summary->lock);
}

static int by_program(const void *a, const void *b)
{
	const struct summary_line *one = *(struct summary_line *const *)a;
	const struct summary_line *two = *(struct summary_line *const *)b;
	int order = strcmp(one->key.program, two->key.program);

	if (order)
		return order;
	if (one->connects != two->connects)
		return one->connects < two->connects ? 1 : -1;
	order = strcmp(one->key.rule, two->key.rule);
	return order ? order : strcmp(one->key.why, two->key.why);
}

int summary_write(struct summary *summary, const struct report_options *options, FILE *file)
{
	struct summary_view view = {.options = options};
	struct summary_line *lines, **sorted;
	unsigned int count = 0;

	pthread_mutex_lock(&summary->lock);
	/* A copy, so that no target waits while this is written. */
	lines = calloc(summary->count + 1, sizeof(*lines));
	sorted = calloc(summary->count + 1, sizeof(*sorted));
	for (unsigned int i = 0; lines && sorted && i < SLOTS; i++) {
		if (!summary->slots[i])
			continue;
		lines[count] = *summary->slots[i];
		sorted[count] = &lines[count];
		count++;
	}
	view.connects = summary->connects;
	view.others = summary->others;
	pthread_mutex_unlock(&summary->lock);
	if (!lines || !sorted) {
		free(lines);
		free(sorted);
		return -ENOMEM;
	}
	qsort(sorted, count, sizeof(*sorted), by_program);
	view.lines = sorted;
	view.count = count;
	if (options->format == REPORT_JSON)
		summary_write_json(&view, file);
	else
		summary_write_text(&view, file);
	free(sorted);
	free(lines);
	return 0;
}
