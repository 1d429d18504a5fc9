/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this layer share. */
#pragma once

#include "policy/policy.h"
#include "socket/option.h"
#include "socket/replacement.h"
#include "socket/snapshot.h"
#include "swap/askers.h"
#include "swap/origin.h"
#include "swap/parked.h"
#include "swap/place.h"
#include "swap/starter.h"
#include "swap/swap.h"
#include "target/sandbox.h"
#include "watch/watch.h"

struct swap {
	const struct policy *policy;
	struct places *places;
	struct watch *watch;
	struct option_set *options;
	struct sandbox *sandbox;
	struct starter *starter; /* NULL: connects on blocking sockets cannot be started in place */
	struct parked parked;
	struct origins *origins;
	struct askers askers;
	struct watch_report report;
	bool restricted; /* we are under Landlock rules for TCP ourselves */
	bool unmarked;	 /* one that cannot carry its mark does, or did */
	bool translates; /* a socket with another peer than was asked for exists, or did */
};

/* What is to be done about one connect. */
struct plan {
	enum swap_how how;
	const char *why;	 /* for SWAP_PASS and SWAP_NATIVE */
	int error;		 /* for SWAP_REJECTED and SWAP_FAILED */
	struct replacement make; /* for SWAP_IN_PLACE and SWAP_SWAPPED: family, place, peer, form */
};

/* One connect under way. */
struct job {
	const struct caller *caller;
	int number;
	int old;		/* our duplicate of the socket that stood at the number */
	struct snapshot seen;	/* what it was */
	struct plan plan;
	struct swap_outcome *outcome;
};

/**
 * plan_connect() - what to do, from what the program asked for and what its socket is.
 * @asked_family: of the address that the program passed: AF_INET, or AF_INET6 for a mapped one
 */
void plan_connect(struct swap *swap, struct job *job, int asked_family);

/**
 * in_our_reach() - whether a socket is in the network namespace that the policy is for, or was put into
 * another by it.
 * under_landlock() - whether a thread is to be left alone because of Landlock rules.
 */
bool in_our_reach(const struct swap *swap, pid_t tid, const struct snapshot *seen);
bool under_landlock(const struct swap *swap, pid_t tid);

/**
 * form_of() - how a socket presents itself: by its own marks, or as remembered for it.
 */
enum present_form form_of(const struct swap *swap, int fd, int *ret_family);

/**
 * apply_in_place() - connect the program's own socket elsewhere.
 * apply_swap() - make the replacement and put it over every number of the old file.
 *
 * Return: 0 with the outcome filled; -ENOENT: the caller is gone; -ESTALE: the number names another
 * file by now, start again; another negative errno: nothing was changed, the program is to see it.
 */
int apply_in_place(struct swap *swap, struct job *job);
int apply_swap(struct swap *swap, struct job *job);

/**
 * repair_items() - make epoll registrations of the old file watch the new one: same number, mask, data.
 * @old, @new: variables registered with numbers.h, which may be moved
 * @ret_why: receives what is only approximately so (static text); untouched where all is exact
 *
 * The calling thread needs a descriptor table of its own. Return: the number of items repaired, or a
 * negative errno after everything that was added has been taken out again.
 */
int repair_items(const struct caller *caller, const int *old, const int *new,
		 const struct watch_report *report, const char **ret_why);
