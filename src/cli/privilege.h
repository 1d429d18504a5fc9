/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this process may do: capabilities, Yama, access to other processes. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Yama's ptrace_scope (Documentation/admin-guide/LSM/Yama.rst). */
enum yama_scope {
	YAMA_ABSENT = -1,      /* the kernel has no Yama: as 0 */
	YAMA_CLASSIC = 0,      /* processes of the same user */
	YAMA_DESCENDANTS = 1,  /* descendants, or CAP_SYS_PTRACE */
	YAMA_CAPABILITY = 2,   /* CAP_SYS_PTRACE */
	YAMA_NONE = 3,	       /* nobody */
};

/**
 * privilege_has() - whether a capability (CAP_*, linux/capability.h) is in the effective set.
 */
bool privilege_has(unsigned int capability);

/**
 * privilege_yama() - the scope that is in force; YAMA_ABSENT where it cannot be read.
 */
int privilege_yama(void);

/**
 * privilege_may_access() - whether the caller has ptrace access to a process, tried with
 * pidfd_getfd(2), which asks for the same as everything that the supervisor does later.
 */
bool privilege_may_access(int pidfd);

/* Whether no_new_privs is set on the calling thread. */
bool privilege_is_confined(void);

/* How a program file would gain privileges in execve(2). */
enum privilege_file {
	FILE_PLAIN,
	FILE_SET_USER,
	FILE_SET_GROUP,
	FILE_CAPABILITIES,
};

/**
 * privilege_of_command() - what no_new_privs would take from a command.
 * @command: as given to execvp(3): searched in PATH where it has no slash
 *
 * Return: FILE_PLAIN also where the file is not found or belongs to this user anyway.
 */
enum privilege_file privilege_of_command(const char *command);
