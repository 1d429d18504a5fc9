/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `reseat run`. */
#pragma once

/**
 * run_command() - `reseat run`: become COMMAND, stand for it, or say why neither is possible.
 * @argv: argv[0] is "run"
 *
 * Return: an exit status, where COMMAND was not started.
 */
int run_command(int argc, char **argv);
