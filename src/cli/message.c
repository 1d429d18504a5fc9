// SPDX-License-Identifier: GPL-2.0-or-later
/* What the programs say to a person; see message.h. */
#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void message(int fd, const char *format, ...)
{
	static const char prefix[] = "reseat: ";
	char line[1200];
	size_t used = sizeof(prefix) - 1;
	va_list list;
	int length;

	if (fd < 0)
		return;
	memcpy(line, prefix, used);
	va_start(list, format);
	length = vsnprintf(line + used, sizeof(line) - used - 1, format, list);
	va_end(list);
	if (length < 0)
		return;
	used += (size_t)length;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	if (write(fd, line, used) < 0)
		return;
}

const char *message_signal(int number, struct signal_words *ret)
{
	const char *words = sigdescr_np(number);

	if (words)
		snprintf(ret->text, sizeof(ret->text), "%d (%s)", number, words);
	else
		snprintf(ret->text, sizeof(ret->text), "%d", number);
	return ret->text;
}
