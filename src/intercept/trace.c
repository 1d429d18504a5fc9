// SPDX-License-Identifier: LGPL-2.1-or-later
/* One line for each connect; see trace.h. */
#include "intercept/trace.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/start.h"
#include "target/thread.h"

#define QUEUE_LINES 4096

struct trace {
	enum trace_format format;
	int fd;
	pthread_t writer;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	char *lines[QUEUE_LINES]; /* a ring: @count from @first */
	unsigned int first, count;
	unsigned long dropped;
	bool ending;
	bool writing; /* a line that has left the ring */
};

static void *write_lines(void *context)
{
	struct trace *trace = context;

	pthread_mutex_lock(&trace->lock);
	for (;;) {
		unsigned long dropped;
		char *line;

		while (!trace->count && !trace->ending)
			pthread_cond_wait(&trace->filled, &trace->lock);
		if (!trace->count)
			break;
		line = trace->lines[trace->first];
		trace->first = (trace->first + 1) % QUEUE_LINES;
		trace->count--;
		trace->writing = true;
		dropped = trace->dropped;
		trace->dropped = 0;
		pthread_mutex_unlock(&trace->lock);
		fd_write_all(trace->fd, line, strlen(line));
		free(line);
		if (dropped && trace->format == TRACE_TEXT) {
			char note[64];

			snprintf(note, sizeof(note), "reseat: %lu lines of the trace were lost\n", dropped);
			fd_write_all(trace->fd, note, strlen(note));
		}
		pthread_mutex_lock(&trace->lock);
		trace->writing = false;
	}
	pthread_mutex_unlock(&trace->lock);
	return NULL;
}

int trace_new(struct trace **ret, enum trace_format format, int fd)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int r;

	if (!trace)
		return -ENOMEM;
	trace->format = format;
	trace->fd = fd;
	pthread_mutex_init(&trace->lock, NULL);
	pthread_cond_init(&trace->filled, NULL);
	r = start_thread(&trace->writer, write_lines, trace);
	if (r < 0) {
		free(trace);
		return r;
	}
	*ret = trace;
	return 0;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	pthread_mutex_lock(&trace->lock);
	trace->ending = true;
	pthread_cond_signal(&trace->filled);
	pthread_mutex_unlock(&trace->lock);
	pthread_join(trace->writer, NULL);
	pthread_cond_destroy(&trace->filled);
	pthread_mutex_destroy(&trace->lock);
	free(trace);
}

bool trace_idle(struct trace *trace)
{
	bool idle;

	pthread_mutex_lock(&trace->lock);
	idle = !trace->count && !trace->writing;
	pthread_mutex_unlock(&trace->lock);
	return idle;
}

void trace_identify(pid_t tid, struct trace_who *ret)
{
	ret->tid = tid;
	ret->pid = thread_tgid(tid);
	if (ret->pid < 0)
		ret->pid = tid;
	thread_name(ret->pid, ret->name);
	/* A name is bytes; a line is text. */
	for (char *at = ret->name; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
}

/* What the program saw: 0, an errno, or that its own connect waits. */
static const char *seen_errno(const struct swap_outcome *outcome)
{
	if (outcome->observed)
		return "native";
	if (outcome->resume)
		return outcome->how == SWAP_PASS || outcome->how == SWAP_NATIVE ? "native" : "waits";
	return outcome->error ? strerrorname_np(outcome->error) : "0";
}

const char *trace_rule(const struct swap_outcome *outcome)
{
	return outcome->decision.rule ? outcome->decision.rule->text : outcome->decision.why;
}

static void dest_text(const struct swap_outcome *outcome, char ret[ADDRESS_TEXT])
{
	strcpy(ret, "?");
	if (outcome->dest.sa.sa_family)
		address_text(&outcome->dest, ret);
}

static char *text_line(const struct trace_who *who, const struct swap_outcome *outcome,
		       unsigned int usec)
{
	char dest[ADDRESS_TEXT], made[ADDRESS_TEXT + 8] = "", extra[64] = "";
	char *line = NULL;

	dest_text(outcome, dest);
	if (outcome->made.sa.sa_family) {
		strcpy(made, " to ");
		address_text(&outcome->made, made + strlen(made));
	}
	if (outcome->observed && outcome->error)
		snprintf(extra, sizeof(extra), " %s", strerrorname_np(outcome->error));
	if (outcome->how == SWAP_SWAPPED)
		snprintf(extra, sizeof(extra), ", %u epoll item%s, %u duplicate%s", outcome->items,
			 outcome->items == 1 ? "" : "s", outcome->duplicates,
			 outcome->duplicates == 1 ? "" : "s");
	if (asprintf(&line, "reseat: %s[%d] fd %d %s (%s): %s%s%s%s, %u us, %s, %s%s%s\n", who->name,
		     who->pid, outcome->number, dest, trace_rule(outcome),
		     outcome->observed ? "would be " : "", swap_how_name(outcome->how), made, extra, usec, seen_errno(outcome), outcome->exact ? "exact" : "approximate",
		     outcome->why ? ": " : "", outcome->why ? outcome->why : "") < 0)
		return NULL;
	return line;
}

static char *json_line(const struct trace_who *who, const struct swap_outcome *outcome,
		       unsigned int usec)
{
	char dest[ADDRESS_TEXT], made[ADDRESS_TEXT] = "";
	struct timespec now;
	json_t *object;
	char *text, *line = NULL;

	clock_gettime(CLOCK_REALTIME, &now);
	dest_text(outcome, dest);
	if (outcome->made.sa.sa_family)
		address_text(&outcome->made, made);
	object = json_pack(
		"{s:f, s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:s*, s:b}",
		"time",
		(double)now.tv_sec + (double)now.tv_nsec / 1e9, "program", who->name, "pid", who->pid,
		"tid", who->tid, "fd", outcome->number, "dest", dest, "rule", trace_rule(outcome),
		"action", policy_action_name(outcome->decision.action), "how",
		swap_how_name(outcome->how), "made", made, "items", outcome->items, "duplicates",
		outcome->duplicates, "usec", usec, "errno", seen_errno(outcome), "verdict",
		outcome->exact ? "exact" : "approximate", "why", outcome->why ? outcome->why : "", "watch",
		outcome->watch, "observed",
		outcome->observed);
	if (!object)
		return NULL;
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

void trace_connect(struct trace *trace, const struct trace_who *who, const struct swap_outcome *outcome,
		   unsigned int usec)
{
	char *line = trace->format == TRACE_JSON ? json_line(who, outcome, usec)
						 : text_line(who, outcome, usec);

	pthread_mutex_lock(&trace->lock);
	if (!line || trace->count == QUEUE_LINES) {
		trace->dropped++;
		free(line);
	} else {
		trace->lines[(trace->first + trace->count++) % QUEUE_LINES] = line;
		pthread_cond_signal(&trace->filled);
	}
	pthread_mutex_unlock(&trace->lock);
}
