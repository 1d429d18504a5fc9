// SPDX-License-Identifier: LGPL-2.1-or-later
/* A received notification; see notification.h. */
#include "intercept/notification.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compat.h"

struct room {
	struct notification notification;
	struct seccomp_notif_sizes sizes;
	bool lent; /* the request's memory is somebody else's */
};

int notification_new(struct notification **ret, void *request, size_t request_size)
{
	struct room *room = calloc(1, sizeof(*room));
	struct notification *notification;

	if (!room)
		return -ENOMEM;
	notification = &room->notification;
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &room->sizes) < 0) {
		free(room);
		return -ENOSYS;
	}
	/* The kernel's may have grown, or be older than ours. */
	if (room->sizes.seccomp_notif < sizeof(struct seccomp_notif))
		room->sizes.seccomp_notif = sizeof(struct seccomp_notif);
	if (room->sizes.seccomp_notif_resp < sizeof(struct seccomp_notif_resp))
		room->sizes.seccomp_notif_resp = sizeof(struct seccomp_notif_resp);
	room->lent = request && request_size >= room->sizes.seccomp_notif;
	notification->request = room->lent ? request : calloc(1, room->sizes.seccomp_notif);
	notification->response = calloc(1, room->sizes.seccomp_notif_resp);
	if (!notification->request || !notification->response) {
		notification_free(notification);
		return -ENOMEM;
	}
	*ret = notification;
	return 0;
}

void notification_free(struct notification *notification)
{
	struct room *room = (struct room *)notification;

	if (!notification)
		return;
	notification_release(notification);
	if (!room->lent)
		free(notification->request);
	free(notification->response);
	free(room);
}

int notification_receive(struct notification *notification, const int *listener)
{
	struct room *room = (struct room *)notification;

	/* The kernel refuses a request that is not zeroed. */
	memset(notification->request, 0, room->sizes.seccomp_notif);
	if (ioctl(*listener, SECCOMP_IOCTL_NOTIF_RECV, notification->request) < 0)
		return -errno;
	notification->caller = (struct caller){
		.listener = listener,
		.id = notification->request->id,
		.tid = (pid_t)notification->request->pid,
	};
	notification->owed = true;
	notification->again = false;
	return 0;
}

/* @response: as large as the kernel's, zeroed behind what we know of it. */
static int send_response(const struct caller *caller, struct seccomp_notif_resp *response, uint32_t flags,
			 int64_t value)
{
	response->id = caller->id;
	response->flags = flags;
	response->val = value < 0 ? 0 : value;
	response->error = value < 0 ? (int32_t)value : 0;
	while (ioctl(*caller->listener, SECCOMP_IOCTL_NOTIF_SEND, response) < 0) {
		if (errno == ENOENT)
			return -ENOENT;
		/* notify_lock is taken interruptibly. */
		if (errno != EINTR)
			abort();
	}
	return 0;
}

static int answer(struct notification *notification, uint32_t flags, int64_t value)
{
	struct room *room = (struct room *)notification;

	if (!notification->owed)
		return -ENOENT;
	notification->owed = false;
	memset(notification->response, 0, room->sizes.seccomp_notif_resp);
	return send_response(&notification->caller, notification->response, flags, value);
}

int notification_resume(struct notification *notification)
{
	return answer(notification, SECCOMP_USER_NOTIF_FLAG_CONTINUE, 0);
}

int notification_return(struct notification *notification, int error)
{
	return answer(notification, 0, -error);
}

int notification_return_value(struct notification *notification, int64_t value)
{
	return answer(notification, 0, value);
}

void notification_release(struct notification *notification)
{
	if (notification->owed)
		answer(notification, 0, -EIO);
}

struct caller notification_detach(struct notification *notification, const int *listener)
{
	struct caller caller = notification->caller;

	notification->owed = false;
	caller.listener = listener;
	return caller;
}

void notification_attach(struct notification *notification, const struct seccomp_notif *request,
			 const struct caller *caller)
{
	*notification->request = *request;
	notification->caller = *caller;
	notification->owed = true;
	notification->again = true;
}

/* More than any kernel's struct seccomp_notif_resp, which has not grown since Linux 5.0. */
union large_response {
	struct seccomp_notif_resp response;
	unsigned char bytes[256];
};

int caller_answer(const struct caller *caller, int64_t value)
{
	union large_response large = {0};

	return send_response(caller, &large.response, 0, value);
}

int caller_resume(const struct caller *caller)
{
	union large_response large = {0};

	return send_response(caller, &large.response, SECCOMP_USER_NOTIF_FLAG_CONTINUE, 0);
}
