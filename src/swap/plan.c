// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What to do about a connect.
 *
 * Only fresh sockets are dealt with; a datagram socket always is, because it can be connected again. An engaged one (connecting, connected, refused and not yet told)
 * answers connect(2) from its own state before the kernel looks at the address's family
 * (__inet_stream_connect()), so for it CONTINUE is native, whatever it was made into.
 *
 * A fresh socket may still be one that was swapped before: refused or disconnected since. Its form
 * (present.h) tells what the program believes it to be.
 */
#include "swap/internal.h"

#include <errno.h>
#include <string.h>

static void pass(struct plan *plan, const char *why)
{
	plan->how = SWAP_PASS;
	plan->why = why;
}

/* The family that the program believes its socket to have. */
static int believed_family(const struct snapshot *seen, enum present_form form)
{
	return form == PRESENT_INET ? AF_INET : seen->family;
}

/* Whether a socket of this kind, and this family, carries its mark itself; present.h. */
static bool carries_mark(const struct snapshot *seen, int family)
{
	return seen->protocol != IPPROTO_MPTCP && (seen->type == SOCK_STREAM || family == AF_INET6);
}

/*
 * The target's own sandbox holds: a socket from another network namespace is none of this policy's
 * business, unless we put it there (the thread itself is still in ours).
 */
bool in_our_reach(const struct swap *swap, pid_t tid, const struct snapshot *seen)
{
	if (seen->netns_cookie == places_home_cookie(swap->places))
		return true;
	return places_named(swap->places, seen->netns_cookie) && sandbox_in_our_netns(tid);
}

bool under_landlock(const struct swap *swap, pid_t tid)
{
	return !policy_has(swap->policy, POLICY_LANDLOCK_SWAP) &&
	       (swap->restricted || sandbox_covers(swap->sandbox, tid));
}

/* Family, place and address of the socket that the decision asks for. */
static void want(const struct swap *swap, const struct job *job, int believed, struct replacement *make,
		 uint64_t *ret_cookie)
{
	const struct policy_decision *decision = &job->outcome->decision;

	make->netns = -EBADF;
	make->home = places_home_fd(swap->places);
	*ret_cookie = places_home_cookie(swap->places);
	make->family = believed;
	make->form = PRESENT_ITSELF;
	memset(&make->peer, 0, sizeof(make->peer));

	switch (decision->action) {
	case POLICY_MAP:
	case POLICY_TO:
		if (decision->family == AF_INET6) {
			make->family = AF_INET6;
			make->peer.in6 = decision->dest.in6;
			make->form = believed == AF_INET ? PRESENT_INET : PRESENT_MAPPED;
			return;
		}
		make->peer.in = decision->dest.in;
		make->form = believed == AF_INET ? PRESENT_INET_PEER : PRESENT_MAPPED;
		break;
	case POLICY_NETNS: {
		const struct place *place = places_of_rule(swap->places, decision->rule);

		make->netns = place->fd;
		*ret_cookie = place->cookie;
		make->peer.in = decision->dest.in;
		break;
	}
	case POLICY_PASS:
	case POLICY_REJECT:
		make->peer.in = job->outcome->dest.in;
		break;
	}
	/* A program with an AF_INET6 socket asked for a mapped address, and gets one. */
	if (believed == AF_INET6)
		address_map(&make->peer, &make->peer);
}

/* Whether the socket is bound to an address from which the new peer cannot be reached. */
static bool bound_elsewhere(const struct job *job, const union address *peer)
{
	const union address *local = &job->seen.local;

	return job->seen.family == AF_INET6 && !address_is_any(local) &&
	       address_is_mapped(local) != address_is_mapped(peer);
}

/* Why a socket that was given an option which cannot be read back passes; NULL: it was given none. */
static const char *lost_with(struct swap *swap, int fd)
{
	const struct option *option;
	int level, name;

	if (!origin_lost(swap->origins, fd, &level, &name))
		return NULL;
	option = option_lost(level, name);
	return option ? option->lost : NULL;
}

void plan_connect(struct swap *swap, struct job *job, int asked_family)
{
	const struct policy_decision *decision = &job->outcome->decision;
	const struct snapshot *seen = &job->seen;
	struct plan *plan = &job->plan;
	enum present_form form;
	const char *lost;
	uint64_t cookie;
	int believed;
	bool pure;

	*plan = (struct plan){0};
	switch (seen->state) {
	case SNAPSHOT_NOT_INET:
		return pass(plan, "not an Internet socket");
	case SNAPSHOT_OTHER:
		return pass(plan, "neither TCP nor UDP");
	case SNAPSHOT_ENGAGED:
		plan->how = SWAP_NATIVE;
		plan->why = "asks for the result of an earlier connect";
		return;
	case SNAPSHOT_FRESH:
		break;
	}
	form = form_of_seen(swap, job->old, seen);
	believed = believed_family(seen, form);
	/* An AF_INET6 datagram socket takes IPv4 addresses as they are (__ip6_datagram_connect()). */
	if (believed == AF_INET6 && seen->type == SOCK_DGRAM)
		asked_family = AF_INET6;
	if (believed != asked_family) {
		/* Natively EAFNOSUPPORT; of a swapped socket only we still know that. */
		if (form != PRESENT_INET)
			return pass(plan, "the address is of another family than the socket");
		plan->how = SWAP_REJECTED;
		plan->error = EAFNOSUPPORT;
		return;
	}
	if (believed == AF_INET6 && seen->v6only)
		return pass(plan, "an IPv6-only socket");
	if (job->request->purpose == SWAP_TO_SEND && seen->type != SOCK_DGRAM)
		return pass(plan, "no datagram socket");
	if (job->request->purpose == SWAP_TO_SEND && form != PRESENT_ITSELF)
		return pass(plan, "put in place by an earlier call");
	if (!in_our_reach(swap, job->caller->tid, seen))
		return pass(plan, "a socket of another network namespace");
	if (under_landlock(swap, job->caller->tid))
		return pass(plan, "under Landlock rules for TCP");
	if (decision->action == POLICY_REJECT) {
		plan->how = SWAP_REJECTED;
		plan->error = decision->reject_errno;
		return;
	}
	want(swap, job, believed, &plan->make, &cookie);
	plan->make.marked = carries_mark(seen, plan->make.family);
	/* Once is enough for who sends without connecting; the first datagram binds. */
	pure = decision->action == POLICY_NETNS && strcmp(decision->netns, "self") == 0 &&
	       !(job->request->purpose == SWAP_TO_SEND && seen->bound);
	if (decision->action == POLICY_PASS && form == PRESENT_ITSELF)
		return pass(plan, decision->why);
	if (plan->make.family == seen->family && cookie == seen->netns_cookie && !pure &&
	    !bound_elsewhere(job, &plan->make.peer)) {
		if (decision->action == POLICY_NETNS && form == PRESENT_ITSELF)
			return pass(plan, "already in the network namespace of the rule");
		if (!seen->blocking || seen->type == SOCK_DGRAM || swap->starter) {
			plan->how = SWAP_IN_PLACE;
			return;
		}
	}
	if (plan->make.netns >= 0 && seen->bound &&
	    !may_have_port(swap, job->caller->tid, plan->make.netns, address_port(&seen->local)))
		return pass(plan, "bound to a port that is privileged in the rule's network namespace");
	/* On the other side it would be bound to any address, and receive from anybody. */
	if (job->request->purpose == SWAP_TO_SEND && seen->bound && !address_is_any(&seen->local) &&
	    plan->make.form == PRESENT_INET)
		return pass(plan, "bound to an address, and not connected");
	/* A connect that goes nowhere, but which IPv4 takes, and sends too. */
	if (seen->type == SOCK_DGRAM && address_port(&plan->make.peer) == 0 && form == PRESENT_ITSELF &&
	    plan->make.family != seen->family)
		return pass(plan, "no port");
	/* What was received stays with the socket that received it. */
	if (seen->error)
		return pass(plan, "an error is pending on the socket");
	if (seen->queued && !policy_has(swap->policy, POLICY_UDP_QUEUED_DROP))
		return pass(plan, "datagrams wait to be read");
	lost = swap->loses ? lost_with(swap, job->old) : NULL;
	if (lost)
		return pass(plan, lost);
	plan->how = SWAP_SWAPPED;
}

bool plan_restore(struct swap *swap, struct job *job)
{
	struct replacement *make = &job->plan.make;
	union address *local = &job->seen.local;
	in_port_t port = htons(address_port(local));
	int family;

	job->plan = (struct plan){.how = SWAP_SWAPPED};
	if (job->seen.state != SNAPSHOT_FRESH || form_of(swap, job->old, &family) != PRESENT_INET ||
	    job->seen.queued || job->seen.error ||
	    !in_our_reach(swap, job->caller->tid, &job->seen) ||
	    under_landlock(swap, job->caller->tid))
		return false;
	make->family = make->peer.sa.sa_family = AF_INET;
	make->form = PRESENT_ITSELF;
	make->netns = places_fd(swap->places, job->seen.netns_cookie);
	make->home = places_home_fd(swap->places);
	/* Not to any address, which would open it to everybody. */
	if (swap->binds && origin_local(swap->origins, job->old, &local->in.sin_addr)) {
		local->in.sin_family = AF_INET;
		local->in.sin_port = port;
		job->seen.bound = true;
	}
	return true;
}
