/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls whose memory is not there.
 *
 * A page may be served by somebody: a userfaultfd's handler, a FUSE server. Who reads it waits for them
 * uninterruptibly (GUP takes no signal but a fatal one), and they may be targets whose own calls wait for the
 * receiver, for good. So the receiver asks first whether the pages that a call names are mapped
 * (move_pages(2), which brings none). If one is not, the notification leaves its room, a thread that
 * ends afterwards touches the pages, and then the call is dealt with as if it had just come.
 *
 * It is a look, not a lock: a program that takes its page away again in that moment still makes everybody
 * wait. Looked at is what the arguments name, not what that names in turn (a message's parts).
 */
#pragma once

#include <stdbool.h>

#include "intercept/call.h"
#include "intercept/notification.h"
#include "intercept/records.h"

struct absent;

/**
 * absent_new() - @listener: the variable that holds the listener in the process's own table; it and @records
 * must outlive this. Return: 0 or -ENOMEM.
 */
int absent_new(struct absent **ret, const int *listener, struct records *records);

/**
 * absent_free() - the kernel goes on with what still waits.
 */
void absent_free(struct absent *absent);

/**
 * absent_enter_thread() - the calling thread is the receiver.
 * @wake: the signal that makes its receiving return
 */
void absent_enter_thread(struct absent *absent, int wake);

/**
 * absent_decode() - whether the memory that call_decode() will read is there.
 * absent_call() - the same of what a call's arguments name.
 *
 * Return: false: the notification was put aside, and nothing is owed to it now.
 */
bool absent_decode(struct absent *absent, struct notification *notification);
bool absent_call(struct absent *absent, struct notification *notification, const struct call *call);

/**
 * absent_next() - a notification that was put aside and whose memory has been there, if there is one.
 * @notification: free; receives it as it was
 */
bool absent_next(struct absent *absent, struct notification *notification);
