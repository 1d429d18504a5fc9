/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A received notification: a thread that waits for exactly one answer.
 *
 * It is owned like memory. notification_release() answers what nobody has answered, so no path through a
 * handler can leave a thread waiting, and a second answer is refused here, not by the kernel.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/caller.h"

struct notification {
	struct seccomp_notif *request; /* as large as the kernel's */
	struct seccomp_notif_resp *response;
	struct caller caller;
	bool owed;
	bool again; /* it was put aside, and comes the second time */
};

/**
 * notification_new() - room for one notification after another.
 * @request, @request_size: memory to receive them in, which must outlive the room; or NULL
 *
 * Return: 0; -ENOMEM; -ENOSYS: the kernel has no notifications.
 */
int notification_new(struct notification **ret, void *request, size_t request_size);
void notification_free(struct notification *notification);

/**
 * notification_receive() - wait for the next one.
 * @listener: borrowed until the notification is answered; numbers.h may move it meanwhile
 *
 * Return: 0; -EINTR; -ENOENT: the caller went away before it was received, or nobody uses the filter any
 * more (poll(2) tells: POLLHUP); another negative errno: the listener is unusable.
 */
int notification_receive(struct notification *notification, const int *listener);

/**
 * notification_resume() - answer: the kernel runs the call as if it had not been trapped. Reads the
 * target's memory again, so it is never a security decision.
 * notification_return() - answer: the call returns 0, or fails with an errno (positive).
 * notification_return_value() - answer: the call returns a value, or, if that is negative, fails with
 * that errno.
 * notification_release() - answer EIO if nothing was answered.
 *
 * Return: 0; -ENOENT: nobody was there to hear it. Any other failure would leave a thread waiting for ever;
 * it aborts, so that what watches over the supervisor can end the target.
 */
int notification_resume(struct notification *notification);
int notification_return(struct notification *notification, int error);
int notification_return_value(struct notification *notification, int64_t value);
void notification_release(struct notification *notification);

/**
 * notification_detach() - what is owed to the caller is owed by who calls this, from now on, and paid by
 * caller_answer(). The room is free for the next notification.
 * @listener: the variable that its own thread has the listener in
 */
struct caller notification_detach(struct notification *notification, const int *listener);

/**
 * notification_attach() - the reverse: it is owed by the room again, which was free.
 * @request, @caller: as they were
 */
void notification_attach(struct notification *notification, const struct seccomp_notif *request,
			 const struct caller *caller);

/**
 * caller_answer() - answer a detached call; as notification_return_value(). -SIGNALS_RESTART is an
 * answer like any other here: see target/signals.h for when it is safe.
 * caller_resume() - answer it as notification_resume().
 *
 * From any thread whose table has the listener. Return: 0; -ENOENT: nobody was there to hear it.
 */
int caller_answer(const struct caller *caller, int64_t value);
int caller_resume(const struct caller *caller);
