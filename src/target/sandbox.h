/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets that restricted their own network.
 *
 * Another network namespace shows in the socket itself (SO_NETNS_COOKIE). A Landlock domain shows
 * nowhere: it is checked in the target's own connect(2), which an answered notification never reaches.
 * So landlock_restrict_self(2) is watched, the ruleset is tried out in a scratch process, and the
 * processes that took it, with all that may descend from them, are remembered. Where the kernel does not
 * tell who descends from whom (an orphan born after the restriction) the answer is yes.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct sandbox;

/**
 * sandbox_new() - nobody is restricted yet. Return: 0 or -ENOMEM. Released by sandbox_free().
 */
int sandbox_new(struct sandbox **ret);
void sandbox_free(struct sandbox *sandbox);

/**
 * sandbox_ruleset_restricts() - whether a Landlock ruleset has rules for TCP.
 * @ruleset: a descriptor of ours, borrowed
 *
 * A scratch process restricts itself by it and makes a connect that Landlock refuses in another way than
 * the protocol does. Return: true also where that cannot be told.
 */
bool sandbox_ruleset_restricts(int ruleset);

/**
 * sandbox_restricts_self() - whether the calling process itself is under Landlock rules for TCP.
 */
bool sandbox_restricts_self(void);

/**
 * sandbox_add() - remember that a thread is about to restrict itself.
 * Return: 0; -ENOMEM; -ESRCH: it is gone.
 */
int sandbox_add(struct sandbox *sandbox, pid_t tid);

/**
 * sandbox_covers() - whether a thread is, or may be, restricted. Costs nothing as long as nobody is.
 */
bool sandbox_covers(const struct sandbox *sandbox, pid_t tid);

/**
 * sandbox_in_our_netns() - whether a thread is in the network namespace of the calling thread.
 */
bool sandbox_in_our_netns(pid_t tid);

/**
 * sandbox_in_our_userns() - the same for user namespaces.
 */
bool sandbox_in_our_userns(pid_t tid);
