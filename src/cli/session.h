/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes of one `reseat run`, and what they have in common.
 *
 * In place (in_place.c)                    Front (front.c)
 *
 *     shell                                    shell
 *       +- COMMAND (was reseat itself)           +- front: waits, passes signals, stops, status
 *                                                    +- worker   (group of its own, subreaper)
 *     init                                               +- guard  (subreaper)
 *       +- guard    (session of its own)                     +- COMMAND
 *            +- worker
 *
 * Where COMMAND is init itself, or a subreaper, the guard is a child of COMMAND (in_place.c).
 *
 * The worker holds the supervisor. The guard holds a duplicate of the listener, so that calls never
 * meet a closed listener (ENOSYS), and ends the targets should the worker die. In the front model
 * the worker has to be an ancestor of COMMAND, because that is what Yama asks of a user without
 * CAP_SYS_PTRACE, and must not be its parent: a parent cannot tell the stops that it caused by
 * ptrace from others (wait_consider_task() in kernel/exit.c advises a process of its own for that).
 * The guard is that parent.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdnoreturn.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "cli/guard_shared.h"
#include "cli/run_options.h"

/* Exit statuses of reseat's own, those of env(1). */
#define EXIT_RESEAT 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127

struct session {
	const struct run_options *options;
	bool no_new_privs;	     /* COMMAND runs with it */
	sigset_t mask;		     /* as reseat was started; COMMAND gets it */
	struct rlimit files;	     /* likewise, RLIMIT_NOFILE */
	int messages;		     /* CLOEXEC duplicate of standard error, or -EBADF */
	int trace;		     /* --trace-output; else -EBADF */
	int report;		     /* --report-output; else -EBADF */
	int reported[2];	     /* observe.h: [0] the front's end, [1] the worker's */
	struct guard_shared *shared; /* mapped shared */
	char *command_name;	     /* for messages of those who give up their arguments */
	int channel[2];		     /* channel.h: [0] the target's end, [1] the helpers' */
	pid_t guard;		     /* in place, where it is COMMAND's child; else 0 */

	bool front;	  /* front model; what follows is empty in place */
	pid_t front_pid;
	int front_pidfd;
	int link[2];	  /* front_link.h: [0] the front's end, [1] the guard's and worker's */
	int sentinel[2];  /* front_link.h: [0] the front's end, [1] the guard's */
};

/**
 * in_place_run() - become COMMAND, with guard and worker detached.
 *
 * Return: only where this user has no ptrace access to a process that is not its descendant, with
 * everything undone: -EPERM.
 */
int in_place_run(struct session *session);

/**
 * front_run() - run COMMAND as a descendant of the worker, and pass it through.
 */
noreturn void front_run(struct session *session);

/**
 * launch_target() - load the filter on the calling process, hand its listener over, wait for the
 * supervisor and become COMMAND; or say why not and exit.
 */
noreturn void launch_target(struct session *session);

/**
 * guard_main() - the guard, until no process uses the filter.
 * @main_pid: front model: COMMAND, the caller's child
 */
noreturn void guard_main(struct session *session, pid_t worker, int worker_pidfd, pid_t main_pid);

/**
 * worker_main() - the supervisor, until no process uses the filter.
 */
noreturn void worker_main(struct session *session, pid_t guard, int guard_pidfd);
