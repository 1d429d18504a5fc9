/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this layer share. */
#pragma once

#include <stdatomic.h>

#include "base/fault.h"
#include "policy/policy.h"
#include "socket/option.h"
#include "socket/replacement.h"
#include "socket/snapshot.h"
#include "swap/askers.h"
#include "swap/holders.h"
#include "swap/origin.h"
#include "swap/parked.h"
#include "swap/place.h"
#include "swap/starter.h"
#include "swap/swap.h"
#include "swap/waiters.h"
#include "target/sandbox.h"
#include "watch/watch.h"

/* IPv4 and IPv6, with TCP, MPTCP, UDP and UDP-Lite. */
#define KINDS_MAX 8

/* Threads whose last connect is remembered; a look in vain is all that it costs to be wrong. */
#define LAST_SLOTS 64

struct last_connect {
	bool bare;    /* the last swap could have done without a duplicate */
	bool swapped; /* and it was the last connect */
};

struct swap {
	const struct policy *policy;
	struct places *places;
	struct watch *watch;
	unsigned int replaces; /* what the kernel does when a file is replaced; caller_replace_flags() */
	struct option_set *options;
	struct sandbox *sandbox;
	struct sandbox *rings; /* who made an io_uring, and descendants: kept in the same way */
	struct starter *starter; /* NULL: connects on blocking sockets cannot be started in place */
	struct parked parked;
	struct holders holders;
	struct origins *origins;
	struct askers askers;
	struct watch_report report, again;
	struct last_connect last[LAST_SLOTS]; /* by tid */
	bool peeked; /* swap->report is of the call under way already, from see_address() */
	bool blind;  /* looks bring no memory */
	struct {
		int family, protocol;
	} kinds[KINDS_MAX]; /* of sockets that were swapped */
	unsigned int kind_count;
	uid_t uid; /* ours */
	gid_t gid;
	void (*replaced)(void *context, uint64_t inode, int new); /* or NULL */
	void *replaced_context;
	bool observe;	 /* nothing is changed */
	bool restricted; /* we are under Landlock rules for TCP ourselves */
	bool inet_peers; /* AF_INET sockets may carry a mark; present_read() */
	/* The watcher asks for a socket's name, too, and which it is. */
	atomic_bool unmarked;	/* one that cannot carry its mark does, or did */
	atomic_bool binds;	/* a socket stands, or stood, for one that was bound to an address */
	bool loses;	 /* a socket has, or had, an option that cannot be read back */
	atomic_bool translates; /* a socket with another peer than was asked for exists, or did */
};

/* Reasons that several files give. */
extern const char why_ring[], why_shared[];

/* What is to be done about one connect. */
struct plan {
	enum swap_how how;
	const char *why;	 /* for SWAP_PASS and SWAP_NATIVE */
	int error;		 /* for SWAP_REJECTED and SWAP_FAILED */
	struct replacement make; /* for SWAP_IN_PLACE and SWAP_SWAPPED: family, place, peer, form */
};

/* Epoll instances that are opened before the number is replaced; what items are in besides is opened when it is their turn. */
#define REPAIR_AHEAD 8

/*
 * What one repair holds open: items of one epoll instance follow each other, and most often there is one
 * item only, so both are kept from one epoll_ctl(2) to the next.
 */
struct repair {
	const struct caller *caller;
	struct watch *watch;
	const int *old, *new;
	bool sole; /* nobody but us changes the caller's table */
	struct repair_instance {
		int fd;	     /* our duplicate of the instance, */
		int number;  /* which has this number */
		pid_t owner; /* in the table of this thread, or in the caller's (0) */
	} epoll, ahead[REPAIR_AHEAD];
	unsigned int ahead_count;
	bool lost; /* one that another process had could not be duplicated */
	int number; /* of ours, where a duplicate of the one or the other socket stands; -1: none */
	const int *file; /* which */
};

/* One connect under way. */
struct job {
	const struct caller *caller;
	const struct swap_request *request;
	int number;
	int old;		/* our duplicate of the socket that stood at the number */
	struct snapshot seen;	/* what it was */
	bool looked; /* swap->report is of it, and the call waited then */
	bool bare;   /* there is no duplicate, and none is needed: the report tells it all */
	bool alone;  /* no other thread runs in the caller's process */
	bool sole;   /* as the report's */
	bool calm;   /* and the socket's close cannot wait: SO_LINGER is off */
	struct plan plan;
	bool follows; /* as the report's: see follow_replace() */
	bool counted; /* likewise, of the first look */
	bool silent;		/* see repair_items() */
	bool put_first;		/* the replacement is put before it is connected */
	struct repair repair;
	int *moved; /* the numbers that the replacement stands at */
	size_t moved_count;
	struct swap_outcome *outcome;
};

/**
 * last_connect() - what is remembered of a thread's last connect, or of another's in its place.
 *
 * see_address() - the address that a connect was called with, copied once; where the thread's last connects were swaps
 * of the usual kind, by the look that job_see_bare() would make. Return: as caller_read().
 */
struct last_connect *last_connect(struct swap *swap, const struct caller *caller);
int see_address(struct swap *swap, const struct caller *caller, const struct swap_request *request,
		union any_address *ret);

/**
 * job_see() - look at the socket, and, where that costs little more, already at who watches it.
 *
 * Return: 0; -ENOENT: the caller is gone; or as snapshot_read().
 *
 * job_see_bare() - the same without a duplicate of it, where nobody but the caller could change what stands at its
 * number and nothing has to be done to the old socket itself; then job->bare. Return: 0; -EAGAIN: it takes a
 * duplicate; -ENOENT.
 *
 * job_stays_bare() - whether what is planned can be done without one, too.
 */
int job_see(struct swap *swap, struct job *job);
int job_see_bare(struct swap *swap, struct job *job);
bool job_stays_bare(const struct swap *swap, const struct job *job);

/**
 * job_look() - look at who watches a socket that is to be swapped, unless job_see() has done so.
 * Return: as watch_look().
 */
int job_look(struct swap *swap, struct job *job);

/**
 * plan_connect() - what to do, from what the program asked for and what its socket is.
 * @asked_family: of the address that the program passed: AF_INET, or AF_INET6 for a mapped one
 */
void plan_connect(struct swap *swap, struct job *job, int asked_family);

/**
 * plan_restore() - for a swapped socket that is to listen, or not to be connected any more: what its program
 * made it comes back. Return: false where it stays as it is.
 */
bool plan_restore(struct swap *swap, struct job *job);

/**
 * in_our_reach() - whether a socket is in the network namespace that the policy is for, or was put into
 * another by it.
 * under_landlock() - whether a thread is to be left alone because of Landlock rules.
 */
bool in_our_reach(const struct swap *swap, pid_t tid, const struct snapshot *seen);
bool under_landlock(const struct swap *swap, pid_t tid);

/**
 * has_ring() - whether a thread's process may use an io_uring: it has one's descriptor in the last look at
 * its watchers, or it or an ancestor made one and may have closed that (IORING_REGISTER_RING_FDS).
 */
bool has_ring(const struct swap *swap, pid_t tid);

/**
 * may_have_port() - whether a thread may bind a port itself, in a network namespace of ours or a rule's: a port
 * that is privileged there takes CAP_NET_BIND_SERVICE.
 * @netns: as places_fd() tells
 */
bool may_have_port(const struct swap *swap, pid_t tid, int netns, in_port_t port);

/**
 * form_of() - how a socket presents itself: by its own marks, or as remembered for it.
 * @ret_family: receives its own family, where it does not present itself as what it is
 *
 * form_of_seen() - the same of a socket that was looked at already.
 */
enum present_form form_of(const struct swap *swap, int fd, int *ret_family);
enum present_form form_of_seen(const struct swap *swap, int fd, const struct snapshot *seen);

/* Whether form_of_seen() looks at the socket. */
bool form_is_asked(const struct swap *swap, const struct snapshot *seen);

/**
 * original_peer() - the IPv4 destination behind a socket's peer, and the local address that goes with it.
 * @fd: the socket
 */
bool original_peer(struct swap *swap, int fd, const union address *peer, union address *ret,
		   struct in_addr *ret_local);

/**
 * leads_back() - whether the policy alone tells where a socket's program meant to go, that was sent elsewhere.
 * @action: of the rule that did so
 * @origin: has the destination and the peer; if false is returned it receives the local address
 */
bool leads_back(const struct swap *swap, int fd, enum policy_action action, struct origin *origin);

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
 * apply_look() - what a swap has to know before it begins: who watches the old file, and whether it has to
 * be left alone for that.
 * @ret_cloexec: receives whether the number is closed on exec
 *
 * Return: 0; 1: it passes, with the outcome filled; or as apply_swap().
 */
int apply_look(struct swap *swap, struct job *job, int *ret_cloexec);

/**
 * apply_beyond() - what the last look at the watchers of a thread's socket found that nothing can make follow.
 * Return: static text, or NULL.
 */
const char *apply_beyond(const struct swap *swap, pid_t tid);

/**
 * start_follows_put() - whether the replacement is put before its connect starts: so that other threads see it, and where
 * all follow in the step that puts it, so that they hear the connect as they would. A blocking one that others see takes
 * the starter.
 */
bool start_follows_put(const struct swap *swap, const struct job *job);

/**
 * start_before_put() - start the connect of a replacement that nobody has seen.
 * @ret_result: receives how it started: 0 or -EINPROGRESS, for start_settle()
 *
 * Return: 0, or a negative errno that the program is to see: connect(2), or send(2).
 */
int start_before_put(struct job *job, int fd, int *ret_result);

/**
 * start_after_put() - start the connect of what stands at the program's numbers, and settle it.
 * start_in_place() - the same of the program's own socket; an error is in the outcome.
 *
 * Return: 0; or a negative errno, that the program is to see: connect(2), or send(2).
 */
int start_after_put(struct swap *swap, struct job *job, int fd);
int start_in_place(struct swap *swap, struct job *job);

/**
 * start_settle() - what the program is answered, from the result of the start.
 * @as_it_was: the socket has the status flags of the old one already
 *
 * Return: 0 or a negative errno of getsockopt(2) or setsockopt(2).
 */
int start_settle(struct job *job, int fd, int result, bool as_it_was);

/**
 * start_recheck() - at the end: whether the program's own connect(2) is still to wait, or another thread has made the socket
 * non-blocking, or shut it down, since its connect was started. That call would say EALREADY, or begin another one.
 * @fd: what stands at the number
 */
void start_recheck(struct job *job, int fd);

/**
 * start_is_over() - whether the call is over for a program whose number names another file by now: it would wait by
 * that. Where the connection is made already, or refused, it has not to wait.
 */
bool start_is_over(struct job *job, int new);

/**
 * put_number() - put the new file over one number, if that still names the old one: as it does where nobody could change
 * that.
 * Return: 0; -ESTALE: it does not; -ENOENT: the caller is gone; or as caller_put_file().
 */
int put_number(struct swap *swap, struct job *job, int number, int new, bool cloexec);

/**
 * put_late_flags() - after the put: status flags that another thread set on the old file since it was looked at, on the
 * new one; in job->seen, too. O_ASYNC is left: it goes by the number that it was set through.
 */
void put_late_flags(struct job *job, int new);

/**
 * put_moved() - remember a number that the new file stands at. Threads may wait on it; without memory for it they are not
 * looked for.
 */
void put_moved(struct job *job, int number);

/**
 * put_duplicates() - put it over the further numbers of the old file, as the last look told them. A number that another
 * thread took away meanwhile is no loss; another failure is told in the outcome.
 */
void put_duplicates(struct swap *swap, struct job *job, int new);

/**
 * put_back() - the old socket goes back where it was; it was never touched. Who has followed comes with it; where the kernel
 * refuses that the new one stays, which is not connected, either.
 */
void put_back(struct swap *swap, struct job *job, int new, bool cloexec);

/**
 * follow_replace() - put the new file over the number of the old one, and over its further ones; all that remembers the
 * old file by them follows.
 *
 * Return: 0; 1: not that way: it has to be done by hand, for which swap->report is complete now and job->follows false;
 * or as apply_swap().
 */
int follow_replace(struct swap *swap, struct job *job, int new, bool cloexec);

/**
 * follow_back() - put the old file back, with all that has followed.
 * Return: 0, or as caller_replace_file().
 */
int follow_back(struct swap *swap, struct job *job, int new, bool cloexec);

/**
 * follow_left() - after follow_replace(): tell the outcome what followed.
 * Return: whether there may be epoll items that did not, and have to be looked for.
 */
bool follow_left(struct swap *swap, struct job *job, int new);

/**
 * follow_check() - after these were repaired: tell the outcome if there are any still.
 */
void follow_check(struct swap *swap, struct job *job);

/**
 * observe_in_place() - the counterparts of apply_in_place() and apply_swap() that change nothing: the
 * observe_swap()       outcome is what would have been.
 *
 * Return: as those.
 */
int observe_in_place(struct swap *swap, struct job *job);
int observe_swap(struct swap *swap, struct job *job);

/**
 * repair_loses() - what repair_items() cannot make exactly as it was; or the kernel, with @follows.
 * Return: static text, or NULL.
 */
const char *repair_loses(const struct watch_report *report, bool silent, bool follows);

/**
 * repair_open_epoll() - a duplicate of what stands at an item's epoll_number, in whoever's table.
 * Return: 0 or a negative errno.
 */
int repair_open_epoll(const struct caller *caller, const struct watch_item *item, int *ret);

/**
 * repair_begin() - before anything else is asked for, of a swap.
 * @watch: which reports the items
 * @old, @new: variables registered with numbers.h, which may be moved
 * @sole: the old file ends when the caller of this function closes it, and the old items with it
 *
 * repair_end() - close what is open; also where nothing was.
 */
void repair_begin(struct repair *repair, struct watch *watch, const struct caller *caller, const int *old, const int *new,
		  bool sole);
void repair_end(struct repair *repair);

/**
 * repair_open() - open now what repair_items() would: as long as the caller's call waits, its table can be reached, and that
 * takes no time later. What cannot be opened is tried again then.
 */
void repair_open(struct repair *repair, const struct watch_report *report);

/**
 * repair_items() - make epoll registrations of the old file watch the new one: same number, mask, data.
 * @silent: the connect made no difference to who watches: it was over at once
 * @again: room for another look at who watches, which others may change meanwhile; or NULL: there are no others
 * @ret_why: receives what is only approximately so (static text); untouched where all is exact
 *
 * Nothing stays open. The calling thread needs a descriptor table of its own. Return: the number of items repaired, or a
 * negative errno after everything that was added has been taken out again.
 */
int repair_items(struct repair *repair, bool silent, const struct watch_report *report, struct watch_report *again,
		 const char **ret_why);

/**
 * repair_undo() - take out again what repair_items() added for @report, where nobody but the caller has the instances.
 */
void repair_undo(struct repair *repair, const struct watch_report *report);
