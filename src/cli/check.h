/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `reseat check`. */
#pragma once

/* Return: 0 where `reseat run` works, 1 where it does not, 2 for a wrong command line. */
int check_command(int argc, char **argv);

/**
 * check_options() - print the option table: name, level, what becomes of it.
 */
void check_options(void);
