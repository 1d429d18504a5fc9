/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The SELinux label of a socket that is made in another's place.
 *
 * A socket has the label of who makes it, unless that thread says otherwise (attr/sockcreate, see
 * setsockcreatecon(3)). Without SELinux nothing happens here. AppArmor has no such word: there a socket
 * belongs to the profile of who made it.
 */
#pragma once

#include <stdbool.h>

/**
 * label_begin() - from now on the calling thread makes sockets with the label of another.
 * @like: that socket
 *
 * Return: 1: so it is, and label_end() is owed; 0: there is nothing to do, SELinux is not there; or a
 * negative errno: they would have another label. -EACCES: the policy does not allow it.
 */
int label_begin(int like);

/**
 * label_end() - back to the thread's own. Return: 0 or a negative errno.
 */
int label_end(void);

/**
 * label_is_absent() - whether label_begin() has found that sockets have no labels here.
 */
bool label_is_absent(void);
