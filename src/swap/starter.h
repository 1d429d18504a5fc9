/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a connect on a blocking socket without waiting for it, and without touching its flags,
 * which other threads of the target see: io_uring attempts a connect as if the socket were
 * non-blocking (io_uring/net.c, io_connect()) whatever its flags say.
 */
#pragma once

#include <stdbool.h>

#include "socket/address.h"

struct starter;

/**
 * starter_new() - a ring for the calling thread.
 *
 * Return: 0; -ENOSYS, -EPERM: no io_uring here; -ENOMEM, -EMFILE.
 */
int starter_new(struct starter **ret);
void starter_free(struct starter *starter);

/**
 * starter_connect() - start a connect.
 * @fd: a blocking TCP socket, borrowed
 * @ret_sent: or NULL; whether success or an error is an answer that has come already, to a segment that was sent. Of a
 * socket that sent none before.
 *
 * Return: 0: connected, and connect(2) would say EISCONN now; -EINPROGRESS: under way, connect(2) would
 * wait for it; another negative errno as connect(2) has it, with the socket as a failed blocking
 * connect(2) leaves it.
 */
int starter_connect(struct starter *starter, int fd, const union address *peer, bool *ret_sent);

/**
 * starter_is_undone() - whether a connect that was under way is so no more, and never was: shutdown(2) does that.
 * @fd: a TCP socket on which one was started
 */
bool starter_is_undone(int fd);

/**
 * starter_connect_shared() - start a connect on a non-blocking stream socket that other threads may just be making blocking.
 * @fd: borrowed
 *
 * For a moment it has a time limit for sending, so that connect(2) ends all the same; see socket(7), SO_SNDTIMEO.
 *
 * Return: as connect(2) on a non-blocking socket: 0 or a negative errno, -EINPROGRESS as a rule.
 */
int starter_connect_shared(int fd, const union address *peer);

/**
 * starter_ask() - what connect(2) says of a TCP socket that is engaged already, whatever address it is given.
 * @fd: borrowed; nothing is started on it
 * @blocking: whether its status flags say so
 * @alone: no other thread may be changing them
 *
 * An error that the socket has to report is reported by that.
 *
 * Return: 0 or a negative errno, which is the answer; -EINPROGRESS: a connect is under way for which that call waits;
 * -EAFNOSUPPORT: it is not engaged any more.
 */
int starter_ask(int fd, bool blocking, bool alone);
