/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose control group a socket that we make for a target is accounted to.
 *
 * A socket carries the group of the thread that makes it (sk_alloc(): mem_cgroup_sk_alloc(),
 * cgroup_sk_alloc()) and cannot be given another. That is the target's own group as long as both are in
 * one, which `reseat run` begins with.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * cgroup_is_shared() - whether a thread is in the calling thread's control groups, as far as sockets
 * carry them: version 2, and memory, net_cls and net_prio of version 1.
 *
 * Looked up at most once a second for a thread, so a move is noticed that late. From one thread alone.
 * Return: true also where it cannot be told.
 */
bool cgroup_is_shared(pid_t tid);
