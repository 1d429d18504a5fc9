// SPDX-License-Identifier: LGPL-2.1-or-later
/* One connect(2); see swap.h. */
#include "swap/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linger.h"
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

/*
 * Copies of a kind of socket, each of which takes tens of microseconds longer without images, before it is learned what
 * those mean, which takes as long as all of them together.
 */
#define IMAGE_PATIENCE 128

static const char undumpable[] = "the process does not let itself be looked at";

static int read_image(void *context, int fd, struct image *ret)
{
	return watch_image(context, fd, ret);
}

static int open_origins(struct swap *swap, const char *path, struct policy_error *error)
{
	const char *why = NULL;
	int r = origins_new(&swap->origins, path, &why);

	if (why)
		snprintf(error->text, sizeof(error->text), "origins at %s: %s", path, why);
	/* Sockets come from others that we have seen nothing of. */
	if (r == 0 && path)
		swap->translates = swap->unmarked = swap->binds = swap->loses = true;
	return r;
}

int swap_new(struct swap **ret, const struct swap_options *options, struct policy_error *error)
{
	struct swap *swap = calloc(1, sizeof(*swap));
	int r;

	if (!swap)
		return -ENOMEM;
	error->text[0] = '\0';
	swap->policy = options->policy;
	swap->observe = options->observe;
	parked_init(&swap->parked);
	holders_init(&swap->holders);
	swap->replaces = caller_replace_flags(options->listener);
	r = watch_open(options->watch_backend, swap->replaces, &swap->watch);
	if (r == -ENOENT && options->watch_backend) {
		snprintf(error->text, sizeof(error->text), "no watch backend is called '%s'; there are:",
			 options->watch_backend);
		for (size_t i = 0; watch_backend_at(i); i++) {
			size_t used = strlen(error->text);

			snprintf(error->text + used, sizeof(error->text) - used, " %s",
				 watch_backend_at(i)->name);
		}
	}
	if (r < 0 && !error->text[0] && options->watch_backend && watch_missing(options->watch_backend))
		snprintf(error->text, sizeof(error->text), "the watch backend '%s' needs %s",
			 options->watch_backend, watch_missing(options->watch_backend));
	if (r >= 0)
		watch_begin(swap->watch, options->first);
	if (r >= 0)
		r = places_open(swap->policy, &swap->places, error);
	if (r >= 0)
		r = option_set_new(&swap->options);
	if (r >= 0)
		r = sandbox_new(&swap->sandbox);
	if (r >= 0)
		r = sandbox_new(&swap->rings);
	if (r >= 0)
		r = open_origins(swap, options->origins, error);
	if (r < 0) {
		swap_free(swap);
		return r;
	}
	option_set_images(swap->options,
			  &(const struct image_reader){.read = read_image, .context = swap->watch},
			  options->watch_backend ? 0 : IMAGE_PATIENCE);
	swap->restricted = sandbox_restricts_self();
	swap->uid = geteuid();
	swap->gid = getegid();
	swap->inet_peers = policy_moves_inet(swap->policy) || options->origins;
	*ret = swap;
	return 0;
}

void swap_on_replaced(struct swap *swap, void (*replaced)(void *context, uint64_t inode, int new), void *context)
{
	swap->replaced = replaced;
	swap->replaced_context = context;
}

void swap_enter_thread(struct swap *swap)
{
	watch_enter_thread(swap->watch);
	places_own_descriptors(swap->places);
	parked_own_descriptors(&swap->parked);
	holders_own_descriptor(&swap->holders);
	origins_enter_thread(swap->origins);
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
	watch_report_free(&swap->again);
	origins_free(swap->origins);
	sandbox_free(swap->sandbox);
	sandbox_free(swap->rings);
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

void swap_idle(struct swap *swap)
{
	option_learn(swap->options);
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
	outcome->resume = outcome->observed;
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

/*
 * A duplicate of what stands at the number. Return: 0; 1: the kernel answers, the outcome says why; or a negative errno.
 */
static int take_file(struct job *job)
{
	struct swap_outcome *outcome = job->outcome;
	int r;

	/* It stays longer than what is made at an expected number. */
	numbers_expect(-1);
	/* What was seen without one is still there: but only if the caller is. */
	r = job->bare ? caller_get_file(job->caller, job->number, &job->old)
			  : caller_peek_file(job->caller, job->number, &job->old);

	job->bare = false;
	switch (r) {
	case 0:
	case -ENOENT:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		return r;
	case -EPERM:
	case -EACCES:
		leave(outcome, SWAP_PASS, undumpable);
		break;
	case -EXDEV:
		leave(outcome, SWAP_PASS, "a thread with a descriptor table of its own");
		break;
	default: /* -EBADF: the kernel says it better */
		leave(outcome, SWAP_PASS, "not an open descriptor");
	}
	return 1;
}

/*
 * A socket that is engaged answers from its state, whatever address it is given. But another thread may disconnect it: then the
 * program's own call would connect it past the policy, or say that a socket which was swapped does not know the address's family. So
 * it is asked here, where its answer has not to be waited for. Return: 0; -ESTALE: it is fresh by now.
 */
static int answer_engaged(const struct swap *swap, struct job *job)
{
	const struct snapshot *seen = &job->seen;
	pid_t tid = job->caller->tid;
	int r;

	/* Landlock looks at the address first, and MPTCP forgets a token for any. */
	leave(job->outcome, SWAP_NATIVE, job->plan.why);
	if (swap->observe || job->request->purpose != SWAP_TO_CONNECT || seen->protocol != IPPROTO_TCP || swap->restricted ||
	    sandbox_covers(swap->sandbox, tid))
		return 0;
	if (!caller_valid(job->caller))
		return -ENOENT;
	r = starter_ask(job->old, seen->blocking, thread_is_alone(tid));
	fault_point("asked");
	if (r == -EAFNOSUPPORT)
		return -ESTALE;
	if (r != -EINPROGRESS) {
		job->outcome->resume = false;
		job->outcome->error = -r;
	}
	return 0;
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
	outcome->aside_usec = 0;
	outcome->has_timeout = false;
	r = job_see_bare(swap, job);
	if (r == -EAGAIN) {
		r = take_file(job);
		if (r == 0)
			fault_point("duplicated");
		if (r == 0)
			r = job_see(swap, job);
	}
	if (r != 0)
		return r > 0 ? 0 : r;
	fault_point("seen");
	if (job->seen.type == SOCK_DGRAM)
		policy_decide(swap->policy, &outcome->dest.in, POLICY_PROTO_UDP, &outcome->decision);
	if (job->request->purpose == SWAP_TO_RESTORE) {
		if (!plan_restore(swap, job))
			return leave(outcome, SWAP_NATIVE, "its program's own socket");
	} else {
		plan_connect(swap, job, asked_family);
	}
	outcome->how = job->plan.how;
	if (job->request->only_ask)
		return 0;
	switch (job->plan.how) {
	case SWAP_PASS:
		return leave(outcome, SWAP_PASS, job->plan.why);
	case SWAP_NATIVE:
		return answer_engaged(swap, job);
	case SWAP_REJECTED:
		outcome->resume = swap->observe;
		outcome->error = job->plan.error;
		outcome->exact = true;
		return 0;
	case SWAP_IN_PLACE:
	case SWAP_SWAPPED:
		break;
	case SWAP_FAILED:
		return -EINVAL;
	}
	if (job->bare && !job_stays_bare(swap, job)) {
		r = take_file(job);
		if (r != 0)
			return r > 0 ? 0 : r;
	}
	/* From here on something is done: to the caller's own socket, for the address that was the caller's. */
	if (!job->looked && !caller_valid(job->caller))
		return -ENOENT;
	if (job->plan.how == SWAP_IN_PLACE)
		return swap->observe ? observe_in_place(swap, job) : apply_in_place(swap, job);
	return swap->observe ? observe_swap(swap, job) : apply_swap(swap, job);
}

/*
 * An IPv6 destination. A program's AF_INET6 socket that once stood for something else is itself again;
 * a socket that the program believes to be AF_INET refuses the address. Return: 0: the kernel answers;
 * or the errno to answer with, negative.
 */
static int ipv6_destination(struct swap *swap, const struct caller *caller, int number)
{
	_cleanup_linger_close_ int fd = -EBADF;
	struct snapshot seen;
	int family;

	if (!swap->translates || caller_get_file(caller, number, &fd) < 0 ||
	    snapshot_read(fd, &seen) < 0 || seen.state != SNAPSHOT_FRESH || seen.family != AF_INET6)
		return 0;
	switch (form_of(swap, fd, &family)) {
	case PRESENT_INET:
		return -EAFNOSUPPORT;
	case PRESENT_MAPPED:
		present_mark(fd, seen.family, seen.type, PRESENT_ITSELF);
		return 0;
	default:
		return 0;
	}
}

/* Whether a socket certainly was never given another peer, or another family. */
static bool is_itself(struct swap *swap, const struct caller *caller, int number)
{
	_cleanup_linger_close_ int fd = -EBADF;
	int family;

	return !swap->translates ||
	       (caller_peek_file(caller, number, &fd) == 0 &&
		form_of(swap, fd, &family) == PRESENT_ITSELF);
}

/* Whether a destination passes whatever socket is to be connected there. */
static bool passes_by_address(const struct swap *swap, struct swap_outcome *outcome)
{
	struct policy_decision udp;

	policy_decide(swap->policy, &outcome->dest.in, POLICY_PROTO_TCP, &outcome->decision);
	if (outcome->decision.action != POLICY_PASS)
		return false;
	policy_decide(swap->policy, &outcome->dest.in, POLICY_PROTO_UDP, &udp);
	return udp.action == POLICY_PASS;
}

/* Attempts, until one was made at a socket that stayed where it was. */
static int attempts(struct swap *swap, const struct caller *caller, const struct swap_request *request,
		    int asked_family, struct swap_outcome *outcome)
{
	struct job job = {
		.caller = caller,
		.request = request,
		.number = request->number,
		.old = -EBADF,
		.outcome = outcome,
	};
	bool forgot = false;
	int r = -ESTALE;

	numbers_own(&job.old);
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		r = attempt(swap, &job, asked_family);
		job.old = linger_close(job.old);
		/* What is kept for speed goes before a program is told that there is no room. */
		if (r == -EMFILE && !forgot) {
			forgot = true;
			thread_forget();
			table_forget();
			numbers_forget();
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

void swap_leave_hidden(struct swap_outcome *ret, int number)
{
	memset(ret, 0, sizeof(*ret));
	/* It may well be for IPv4: tell of it, without an address. */
	ret->concerns_ipv4 = true;
	ret->number = number;
	ret->decision.why = "no rule";
	leave(ret, SWAP_PASS, undumpable);
}

int swap_restore(struct swap *swap, const struct caller *caller, int number, struct swap_outcome *ret)
{
	const struct swap_request request = {.purpose = SWAP_TO_RESTORE, .number = number};

	memset(ret, 0, sizeof(*ret));
	ret->number = number;
	if (number < 0 || is_itself(swap, caller, number))
		return leave(ret, SWAP_PASS, "a socket that was never swapped");
	return attempts(swap, caller, &request, AF_INET, ret);
}

/*
 * connect(2) with AF_UNSPEC. The kernel does it; but a datagram socket whose program had bound it to an
 * address must not receive from anybody at any address.
 */
static int disconnect(struct swap *swap, const struct caller *caller, int number, struct swap_outcome *ret)
{
	_cleanup_linger_close_ int fd = -EBADF;
	struct in_addr local;
	int type = 0;
	socklen_t size = sizeof(type);

	if (!swap->binds || caller_get_file(caller, number, &fd) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_DGRAM ||
	    !origin_local(swap->origins, fd, &local))
		return 0;
	fd = linger_close(fd);
	return swap_restore(swap, caller, number, ret);
}

int swap_connect(struct swap *swap, const struct caller *caller, const struct swap_request *request,
		 struct swap_outcome *ret)
{
	struct swap_outcome *outcome = ret;
	union any_address asked; /* no more than request->length of it is looked at */
	int r;

	memset(ret, 0, sizeof(*ret));
	outcome->resume = true;
	outcome->observed = swap->observe;
	parked_expire(&swap->parked);
	if (request->number < 0 || request->length < LENGTH_MIN || request->length > LENGTH_MAX)
		return 0;
	r = see_address(swap, caller, request, &asked);
	last_connect(swap, caller)->swapped = false;
	if (r == -ENOENT)
		return r;
	if (r == -EPERM || r == -EACCES) {
		swap_leave_hidden(outcome, request->number);
		return 0;
	}
	if (r < 0)
		return 0;
	if (!ipv4_destination(&asked.inet, request->length, &outcome->dest)) {
		if (asked.inet.sa.sa_family == AF_INET6) {
			outcome->error = -ipv6_destination(swap, caller, request->number);
			outcome->resume = outcome->error == 0;
		}
		if (asked.inet.sa.sa_family == AF_UNSPEC)
			return disconnect(swap, caller, request->number, outcome);
		return 0;
	}
	outcome->concerns_ipv4 = true;
	outcome->number = request->number;
	/* What passes by its address alone costs no look at the socket, unless one may need undoing. */
	if (passes_by_address(swap, outcome) && is_itself(swap, caller, request->number))
		return leave(outcome, SWAP_PASS, outcome->decision.why);
	r = attempts(swap, caller, request, asked.inet.sa.sa_family, outcome);
	last_connect(swap, caller)->swapped = r == 0 && outcome->how == SWAP_SWAPPED;
	return r;
}

void swap_restrict(struct swap *swap, const struct caller *caller, int number)
{
	_cleanup_linger_close_ int ruleset = -EBADF;

	/* What cannot be looked at is taken for a restriction. */
	if (caller_get_file(caller, number, &ruleset) == 0 && !sandbox_ruleset_restricts(ruleset))
		return;
	sandbox_add(swap->sandbox, caller->tid);
}

void swap_ring(struct swap *swap, const struct caller *caller)
{
	sandbox_add(swap->rings, caller->tid);
}

bool has_ring(const struct swap *swap, pid_t tid)
{
	return swap->report.rings > 0 || sandbox_covers(swap->rings, tid);
}
