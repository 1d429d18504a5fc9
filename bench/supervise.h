/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the supervisors that reseat is compared with have in common: a listener, and answering. */
#pragma once

#include <linux/seccomp.h>
#include <stdint.h>

/**
 * supervise() - run a command under a filter that traps some system calls.
 * @calls: their numbers, 0 ends the list
 * @command: what to execute, ended by NULL
 *
 * The filter is the shortest that does it, with the flags that reseat uses: WAIT_KILLABLE_RECV and
 * SYNC_WAKE_UP, where the kernel has them; no_new_privs is set. The calling process ends with the
 * command. Return: the listener; every error ends the process with a message.
 */
int supervise(const int *calls, char **command);

/* Wait for a notification. */
void supervise_receive(int listener, struct seccomp_notif *ret);

/* Answer it: with SECCOMP_USER_NOTIF_FLAG_CONTINUE in @flags, or an errno (0: success). */
void supervise_answer(int listener, uint64_t id, uint32_t flags, int error);
