/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel over which COMMAND-to-be hands its listener to guard and worker.
 *
 * A SOCK_SEQPACKET pair. The target's end is the target's alone; the other end is shared by guard
 * and worker. The target sends the same hand-over twice, and each of the two receives one. Replies
 * go the other way; the target takes the first.
 *
 *     guard  -> target   CHANNEL_ACCESS or CHANNEL_NO_ACCESS (in place only, before the filter)
 *     target -> both     pid, listener, pidfd
 *     worker -> target   CHANNEL_READY or CHANNEL_FAILED and why (the guard, if the worker died)
 */
#pragma once

#include <sys/types.h>

enum channel_reply_kind {
	CHANNEL_ACCESS,
	CHANNEL_NO_ACCESS,
	CHANNEL_READY,
	CHANNEL_FAILED,
};

struct channel_reply {
	enum channel_reply_kind kind;
	char text[512];
};

struct channel_start {
	pid_t pid;
	int pidfd;
	int listener;
};

/**
 * channel_open() - make the pair. Return: 0 or a negative errno.
 */
int channel_open(int ret[2]);

/**
 * channel_send_start() - hand the listener to both. The descriptors stay the caller's. Return: 0 or
 * a negative errno.
 */
int channel_send_start(int channel, const struct channel_start *start);

/**
 * channel_receive_start() - wait for the hand-over.
 * @ret: its descriptors are the caller's
 *
 * Return: 1; 0: the target has gone without one; a negative errno.
 */
int channel_receive_start(int channel, struct channel_start *ret);

/**
 * channel_reply() - answer. A target that has gone, or has closed its end, is no error.
 * @text: for a person, or NULL
 */
void channel_reply(int channel, enum channel_reply_kind kind, const char *text);

/**
 * channel_receive_reply() - wait for an answer. Return: 1; 0: guard and worker have gone; a
 * negative errno.
 */
int channel_receive_reply(int channel, struct channel_reply *ret);
