// SPDX-License-Identifier: LGPL-2.1-or-later
/* One connect(2); see swap.h. */
#include "swap/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/numbers.h"
#include "target/table.h"
#include "target/thread.h"

/* A number that other threads keep reusing while we look: give up after so many. */
#define ATTEMPTS_MAX 8

/* The kernel's limits on the length of an address, move_addr_to_kernel() and __inet_stream_connect(). */
#define LENGTH_MIN sizeof(sa_family_t)
#define LENGTH_MAX sizeof(struct sockaddr_storage)

/* SIN6_LEN_RFC2133: an IPv6 address may come without its scope. */
#define LENGTH_IN6_MIN 24

static const char undumpable[] = "the process does not let itself be looked at";

int swap_new(struct swap **ret, const struct swap_options *options, struct policy_error *error)
{
	struct swap *swap = calloc(1, sizeof(*swap));
	int r;

	if (!swap)
		return -ENOMEM;
	error->text[0] = '\0';
	swap->policy = options->policy;
	parked_init(&swap->parked);
	r = watch_open(options->watch_backend, &swap->watch);
	if (r == -ENOENT && options->watch_backend) {
		snprintf(error->text, sizeof(error->text), "no watch backend is called '%s'; there are:",
			 options->watch_backend);
		for (size_t i = 0; watch_backend_at(i); i++) {
			size_t used = strlen(error->text);

			snprintf(error->text + used, sizeof(error->text) - used, " %s",
				 watch_backend_at(i)->name);
		}
	}
	if (r >= 0)
		r = places_open(swap->policy, &swap->places, error);
	if (r >= 0)
		r = option_set_new(&swap->options);
	if (r >= 0)
		r = sandbox_new(&swap->sandbox);
	if (r >= 0)
		r = origins_new(&swap->origins);
	if (r < 0) {
		if (!error->text[0])
			snprintf(error->text, sizeof(error->text), "the supervisor cannot start: %s",
				 strerror(-r));
		swap_free(swap);
		return r;
	}
	swap->restricted = sandbox_restricts_self();
	*ret = swap;
	return 0;
}

void swap_enter_thread(struct swap *swap)
{
	places_own_descriptors(swap->places);
	parked_own_descriptors(&swap->parked);
	/* Without io_uring a blocking socket is swapped where it could have been connected in place. */
	if (starter_new(&swap->starter) < 0)
		swap->starter = NULL;
}

void swap_free(struct swap *swap)
{
	if (!swap)
		return;
	starter_free(swap->starter);
	watch_report_free(&swap->report);
	origins_free(swap->origins);
	sandbox_free(swap->sandbox);
	option_set_free(swap->options);
	places_close(swap->places);
	watch_close(swap->watch);
	free(swap);
}

bool swap_waits(const struct swap *swap)
{
	return swap->parked.count > 0;
}

void swap_expire(struct swap *swap)
{
	parked_expire(&swap->parked);
}

bool swap_translates(const struct swap *swap)
{
	return swap->translates;
}

const char *swap_how_name(enum swap_how how)
{
	switch (how) {
	case SWAP_PASS:
		return "pass";
	case SWAP_NATIVE:
		return "again";
	case SWAP_IN_PLACE:
		return "in-place";
	case SWAP_SWAPPED:
		return "swap";
	case SWAP_REJECTED:
		return "reject";
	case SWAP_FAILED:
		return "failed";
	}
	return "?";
}

/* The answer is the kernel's own. */
static int leave(struct swap_outcome *outcome, enum swap_how how, const char *why)
{
	outcome->how = how;
	outcome->why = why;
	outcome->exact = true;
	outcome->resume = true;
	outcome->error = 0;
	return 0;
}

/* Something of ours failed: the program sees why, and keeps its socket. */
static int fail(struct swap_outcome *outcome, int r)
{
	outcome->how = SWAP_FAILED;
	outcome->exact = true;
	outcome->resume = false;
	outcome->has_timeout = false;
	outcome->error = -r;
	return r == -ENOENT ? r : 0;
}

/*
 * An IPv4 destination from what the program passed, or false: another family, or an address that the
 * kernel refuses. Then the kernel answers, which looks at it all again.
 */
static bool ipv4_destination(const union address *asked, size_t length, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (asked->sa.sa_family == AF_INET && length >= sizeof(asked->in)) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = asked->in.sin_port;
		ret->in.sin_addr = asked->in.sin_addr;
		return true;
	}
	if (asked->sa.sa_family == AF_INET6 && length >= LENGTH_IN6_MIN && address_is_mapped(asked)) {
		address_unmap(asked, ret);
		return true;
	}
	return false;
}

/* An attempt at a socket whose number may be reused under our hands: -ESTALE says again. */
static int attempt(struct swap *swap, struct job *job, int asked_family)
{
	struct swap_outcome *outcome = job->outcome;
	int r;

	/* Nothing of an earlier attempt is left to be told. */
	memset(&outcome->made, 0, sizeof(outcome->made));
	outcome->why = NULL;
	outcome->items = outcome->duplicates = 0;
	outcome->has_timeout = false;
	r = caller_get_file(job->caller, job->number, &job->old);
	switch (r) {
	case 0:
		break;
	case -ENOENT:
		return r;
	case -EPERM:
	case -EACCES:
		return leave(outcome, SWAP_PASS, undumpable);
	case -EXDEV:
		return leave(outcome, SWAP_PASS, "a thread with a descriptor table of its own");
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		return r;
	default: /* -EBADF: the kernel says it better */
		return leave(outcome, SWAP_PASS, "not an open descriptor");
	}
	r = snapshot_read(job->old, &job->seen);
	if (r < 0)
		return r;
	if (job->seen.state == SNAPSHOT_NOT_TCP)
		policy_decide(swap->policy, &outcome->dest.in, POLICY_PROTO_UDP, &outcome->decision);
	plan_connect(swap, job, asked_family);
	outcome->how = job->plan.how;
	switch (job->plan.how) {
	case SWAP_PASS:
	case SWAP_NATIVE:
		return leave(outcome, job->plan.how, job->plan.why);
	case SWAP_REJECTED:
		outcome->resume = false;
		outcome->error = job->plan.error;
		outcome->exact = true;
		return 0;
	case SWAP_IN_PLACE:
		return apply_in_place(swap, job);
	case SWAP_SWAPPED:
		return apply_swap(swap, job);
	case SWAP_FAILED:
		break;
	}
	return -EINVAL;
}

/*
 * An IPv6 destination. A program's AF_INET6 socket that once stood for something else is itself again;
 * a socket that the program believes to be AF_INET refuses the address. Return: 0: the kernel answers;
 * or the errno to answer with, negative.
 */
static int ipv6_destination(struct swap *swap, const struct caller *caller, int number)
{
	_cleanup_close_ int fd = -EBADF;
	struct snapshot seen;
	int family;

	if (!swap->translates || caller_get_file(caller, number, &fd) < 0 ||
	    snapshot_read(fd, &seen) < 0 || seen.state != SNAPSHOT_FRESH || seen.family != AF_INET6)
		return 0;
	switch (form_of(swap, fd, &family)) {
	case PRESENT_INET:
		return -EAFNOSUPPORT;
	case PRESENT_MAPPED:
		present_mark(fd, seen.family, PRESENT_ITSELF);
		return 0;
	default:
		return 0;
	}
}

/* Whether a socket certainly was never given another peer, or another family. */
static bool is_itself(struct swap *swap, const struct caller *caller, int number)
{
	_cleanup_close_ int fd = -EBADF;
	int family;

	return !swap->translates ||
	       (caller_get_file(caller, number, &fd) == 0 &&
		form_of(swap, fd, &family) == PRESENT_ITSELF);
}

int swap_connect(struct swap *swap, const struct caller *caller, const struct swap_request *request,
		 struct swap_outcome *ret)
{
	struct swap_outcome *outcome = ret;
	struct job job = {.caller = caller, .number = request->number, .old = -EBADF, .outcome = ret};
	union address asked;
	bool forgot = false;
	int r = -ESTALE;

	memset(ret, 0, sizeof(*ret));
	outcome->resume = true;
	swap_expire(swap);
	if (request->number < 0 || request->length < LENGTH_MIN || request->length > LENGTH_MAX)
		return 0;
	memset(&asked, 0, sizeof(asked));
	r = caller_read(caller, request->address, &asked, request->length);
	if (r == -ENOENT)
		return r;
	if (r == -EPERM || r == -EACCES) {
		/* It may well be for IPv4: tell of it, without an address. */
		outcome->concerns_ipv4 = true;
		outcome->number = request->number;
		outcome->decision.why = "no rule";
		return leave(outcome, SWAP_PASS, undumpable);
	}
	if (r < 0)
		return 0;
	if (!ipv4_destination(&asked, request->length, &outcome->dest)) {
		if (asked.sa.sa_family == AF_INET6) {
			outcome->error = -ipv6_destination(swap, caller, request->number);
			outcome->resume = outcome->error == 0;
		}
		return 0;
	}
	outcome->concerns_ipv4 = true;
	outcome->number = request->number;
	policy_decide(swap->policy, &outcome->dest.in, POLICY_PROTO_TCP, &outcome->decision);
	/* What passes by its address alone costs no look at the socket, unless one may need undoing. */
	if (outcome->decision.action == POLICY_PASS && is_itself(swap, caller, request->number))
		return leave(outcome, SWAP_PASS, outcome->decision.why);

	numbers_own(&job.old);
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		r = attempt(swap, &job, asked.sa.sa_family);
		job.old = fd_close(job.old);
		/* What is kept for speed goes before a program is told that there is no room. */
		if (r == -EMFILE && !forgot) {
			forgot = true;
			thread_forget();
			table_forget();
			continue;
		}
		if (r != -ESTALE)
			break;
	}
	numbers_disown(&job.old);
	if (r == -ESTALE)
		return leave(outcome, SWAP_PASS, "other threads kept reusing the number");
	return r < 0 ? fail(outcome, r) : 0;
}

void swap_restrict(struct swap *swap, const struct caller *caller, int number)
{
	_cleanup_close_ int ruleset = -EBADF;

	/* What cannot be looked at is taken for a restriction. */
	if (caller_get_file(caller, number, &ruleset) == 0 && !sandbox_ruleset_restricts(ruleset))
		return;
	sandbox_add(swap->sandbox, caller->tid);
}
