/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs say to a person. */
#pragma once

/**
 * message() - write one line, "reseat: " in front, in a single write(2), so that lines of several
 * processes do not mix.
 * @fd: where to; a negative number: nowhere
 *
 * A reader that has gone is no error (the caller ignores or blocks SIGPIPE where that matters).
 */
void message(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A signal in words: "9 (Killed)". @ret is filled and returned. */
struct signal_words {
	char text[64];
};
const char *message_signal(int number, struct signal_words *ret);
