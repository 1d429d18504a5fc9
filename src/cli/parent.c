// SPDX-License-Identifier: GPL-2.0-or-later
/* Reaping, and telling the front; see parent.h. */
#include "cli/parent.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "cli/front_link.h"

/* The status that waitpid(2) would have given. */
static int parent_status(const siginfo_t *info)
{
	switch (info->si_code) {
	case CLD_EXITED:
		return W_EXITCODE(info->si_status & 0xff, 0);
	case CLD_DUMPED:
		return W_EXITCODE(0, info->si_status) | WCOREFLAG;
	default:
		return W_EXITCODE(0, info->si_status);
	}
}

static bool parent_is_end(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED || info->si_code == CLD_KILLED ||
	       info->si_code == CLD_DUMPED;
}

static void parent_main_event(struct parent *parent, const siginfo_t *info)
{
	struct link_message message = {0};

	if (parent_is_end(info)) {
		message.kind = LINK_EXITED;
		message.value = parent_status(info);
		parent->main_gone = true;
		link_send(parent->link, &message, -1);
	} else if (info->si_code == CLD_STOPPED) {
		message.kind = LINK_STOPPED;
		message.value = info->si_status;
		link_send(parent->link, &message, -1);
	} else if (info->si_code == CLD_CONTINUED) {
		/* Somebody continued COMMAND; the front may have stopped itself with it. */
		pidfd_send_signal(parent->front_pidfd, SIGCONT, NULL, 0);
	}
}

void parent_reap(struct parent *parent)
{
	for (;;) {
		siginfo_t info = {0};

		if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) < 0 ||
		    info.si_pid == 0)
			return;
		if (info.si_pid == parent->main_pid && !parent->main_gone) {
			parent_main_event(parent, &info);
		} else if (info.si_pid == parent->worker && !parent->worker_gone &&
			   parent_is_end(&info)) {
			parent->worker_gone = true;
			parent->worker_status = parent_status(&info);
		}
	}
}
