// SPDX-License-Identifier: GPL-2.0-or-later
/* `reseat check --options`: what becomes of each socket option that a program sets before connect. */
#include "cli/check.h"

#include <stdio.h>

#include "socket/option.h"

static void print_copied(const struct option *option)
{
	fputs("copied", stdout);
	if (option->name6)
		printf(", on the IPv6 side%s as %s", option->datagram6 ? " of datagram sockets" : "",
		       option->text6);
	if (option->why)
		printf("; %s", option->why);
}

static void print_option(const struct option *option)
{
	printf("%-34s %-16s ", option->text, option_level_text(option->level));
	switch (option->handling) {
	case OPTION_COPIED:
		print_copied(option);
		break;
	case OPTION_SAME_AS:
		printf("copied, with %s", option->why);
		break;
	case OPTION_READ_ONLY:
		printf("cannot be set%s%s", *option->why ? "; " : "", option->why);
		break;
	case OPTION_NOTHING:
		printf("leaves nothing to copy: %s", option->why);
		break;
	case OPTION_LOST:
		printf("%s: %s", option->copy ? "lost" : "a connect with it passes", option->why);
		break;
	case OPTION_RESERVED:
		printf("reseat's own mark: %s", option->why);
		break;
	}
	putchar('\n');
}

void check_options(void)
{
	for (size_t i = 0; option_at(i); i++)
		print_option(option_at(i));
}
