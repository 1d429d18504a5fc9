// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading a program. */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

struct program program;

void tell(struct result *result, const char *format, ...)
{
	va_list arguments;
	int n;

	if (result->used >= sizeof(result->text))
		return;
	va_start(arguments, format);
	n = vsnprintf(result->text + result->used, sizeof(result->text) - result->used, format, arguments);
	va_end(arguments);
	if (n > 0)
		result->used += n;
}

const char *errno_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "E?";
}

void tell_result(struct result *result, long value)
{
	if (value < 0)
		tell(result, "%s", errno_name(errno));
	else
		tell(result, "%ld", value);
}

char line_letter(unsigned int number)
{
	return 'a' + number % 26;
}

/* As runs of a letter, "c3a1". */
void tell_data(struct result *result, const char *data, size_t size)
{
	tell(result, " '");
	for (size_t i = 0, run; i < size; i += run) {
		for (run = 1; i + run < size && data[i + run] == data[i]; run++)
			;
		tell(result, "%c%zu", isprint((unsigned char)data[i]) ? data[i] : '?', run);
	}
	tell(result, "'");
}

/* "0+~ a = socket inet stream 0"; the text is taken apart in place. */
static void read_line(char *text, struct line *line)
{
	char *rest = text, *word;

	memset(line, 0, sizeof(*line));
	line->text = strdup(text);
	if (!line->text)
		err(1, "a line");
	word = strsep(&rest, " ");
	if (*word == 'p')
		line->actor = PEER;
	else if (*word >= '0' && *word < '0' + ACTORS)
		line->actor = *word - '0';
	else
		errx(1, "no actor: %s", line->text);
	for (word++; *word; word++) {
		if (*word == '+')
			line->together = true;
		else if (*word == '~')
			line->patient = true;
		else
			errx(1, "an actor is a digit or p, with + and ~: %s", line->text);
	}
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (line->count == 1 && !line->target && !strcmp(word, "=")) {
			line->target = line->words[0][0];
			line->count = 0;
			continue;
		}
		if (line->count == WORDS_MAX - 1)
			errx(1, "too many words: %s", line->text);
		line->words[line->count++] = word;
	}
	if (line->count == 0)
		errx(1, "no call: %s", line->text);
}

void program_parse(char *text)
{
	char *line;

	program.count = 0;
	while ((line = strsep(&text, "\n")) && program.count < LINES_MAX)
		read_line(line, &program.lines[program.count++]);
}

bool program_read(void)
{
	static char *text;
	static size_t room;
	bool begun = false;
	ssize_t n;

	for (unsigned int i = 0; i < program.count; i++)
		free(program.lines[i].text);
	program.count = 0;
	/* Words are part of what is kept until the next program. */
	free(text);
	text = NULL;
	room = 0;
	for (size_t used = 0;;) {
		static char *line;
		static size_t size;
		char *copy;

		n = getline(&line, &size, stdin);
		if (n < 0) {
			if (begun)
				errx(1, "a program without its end");
			return false;
		}
		line[strcspn(line, "\n")] = '\0';
		if (!begun) {
			program.point[0] = '\0';
			program.skip = 0;
			if (sscanf(line, "program %u %31s %u", &program.mode, program.point, &program.skip) < 1)
				errx(1, "not the beginning of a program: %s", line);
			begun = true;
			room = (size_t)LINES_MAX * 160;
			text = malloc(room);
			if (!text)
				err(1, "a program");
			continue;
		}
		if (!strcmp(line, "end"))
			return true;
		if (line[0] == '#' || !line[0])
			continue;
		if (program.count == LINES_MAX || used + n + 1 > room)
			errx(1, "a program of more than %d lines", LINES_MAX);
		copy = strcpy(text + used, line);
		used += strlen(line) + 1;
		read_line(copy, &program.lines[program.count++]);
	}
}
