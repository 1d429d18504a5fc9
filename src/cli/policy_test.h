/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `reseat policy`. */
#pragma once

/* `reseat policy test`. Return: 0; 1: the policy has an error; 2: a wrong command line. */
int policy_command(int argc, char **argv);
