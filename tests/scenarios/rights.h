/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors in messages (SCM_RIGHTS, unix(7)). */
#pragma once

/* With one byte of data. */
void send_descriptor(int to, int fd);
int receive_descriptor(int from);
