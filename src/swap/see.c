// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What stands at the number.
 *
 * Where one call to the kernel tells who watches a socket, it tells as well what a socket is that has nothing special,
 * and that the call still waits: a dozen system calls fewer. For all else each thing is asked for by itself.
 *
 * It needs no duplicate of the socket, either, where nobody could put another in its place (watch_peek()). Whether that is so, and
 * enough, is foreseen from the thread's last swap. Where that was its last connect, too, the address is read by the same call.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "socket/label.h"

/* As snapshot_read() would fill it. */
static void from_plain(const struct swap *swap, const struct watch_plain *plain, struct snapshot *ret)
{
	*ret = (struct snapshot){
		.state = SNAPSHOT_FRESH,
		.family = plain->family,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.status_flags = plain->status_flags,
		.blocking = !(plain->status_flags & O_NONBLOCK),
		.netns_cookie = plain->netns_cookie,
		.inode = plain->inode,
		.uid = swap->uid,
		.gid = swap->gid,
		.v6only = plain->v6only,
		.shut_read = plain->shut_read,
		.local.sa.sa_family = (sa_family_t)plain->family,
	};
}

/* Whether options are told by images of this kind of socket, as far as they ever are. */
static bool is_prepared(const struct swap *swap, const struct snapshot *seen)
{
	for (unsigned int i = 0; i < swap->kind_count; i++)
		if (swap->kinds[i].family == seen->family && swap->kinds[i].protocol == seen->protocol)
			return true;
	return false;
}

static void prepare_for(struct swap *swap, const struct snapshot *seen)
{
	if (!is_prepared(swap, seen) && swap->kind_count < KINDS_MAX) {
		swap->kinds[swap->kind_count].family = seen->family;
		swap->kinds[swap->kind_count++].protocol = seen->protocol;
	}
	option_prepare(swap->options, seen->family, seen->protocol);
}

/* Before a look, for the fresh socket's image would take the place of the one that the look brings. */
static void prepare_all(struct swap *swap)
{
	for (unsigned int i = 0; i < swap->kind_count; i++)
		option_prepare(swap->options, swap->kinds[i].family, swap->kinds[i].protocol);
}

/* Whether what a look found says that a swap needs nothing of the old file, and nobody else has to do with it. */
static bool suffices(const struct swap *swap, const struct watch_report *report)
{
	if (!report->sole || !report->killable || !report->plain.family || report->duplicate_count ||
	    report->beyond || report->strangers)
		return false;
	for (size_t i = 0; i < report->item_count; i++)
		if (report->items[i].owner || !report->items[i].solitary)
			return false;
	/* An option that was lost, an address that it was bound to, are kept with the socket. */
	return !swap->observe && !swap->loses && !swap->binds && label_is_absent();
}

struct last_connect *last_connect(struct swap *swap, const struct caller *caller)
{
	return &swap->last[(unsigned int)caller->tid % LAST_SLOTS];
}

/* Where there may be a swap; the first of all is looked at without haste. */
static bool may_glance(const struct swap *swap, const struct swap_request *request)
{
	return swap->kind_count > 0 && !request->only_ask &&
	       (request->purpose == SWAP_TO_CONNECT || request->purpose == SWAP_TO_FASTOPEN);
}

int job_see(struct swap *swap, struct job *job)
{
	int r = -EAGAIN;

	job->looked = false;
	if (may_glance(swap, job->request)) {
		prepare_all(swap);
		r = watch_glance(swap->watch, job->caller, job->number, job->old, &swap->report);
	}
	if (r == -ENOENT)
		return r;
	job->looked = r == 0;
	if (job->looked && swap->report.plain.family) {
		from_plain(swap, &swap->report.plain, &job->seen);
		last_connect(swap, job->caller)->bare = suffices(swap, &swap->report);
		return 0;
	}
	return snapshot_read(job->old, &job->seen);
}

static int peek(struct swap *swap, const struct caller *caller, int number, const struct watch_memory *memory)
{
	prepare_all(swap);
	return watch_peek(swap->watch, caller, number, memory, &swap->report);
}

int see_address(struct swap *swap, const struct caller *caller, const struct swap_request *request,
		union any_address *ret)
{
	const struct watch_memory memory = {.address = request->address, .size = request->length};
	const struct last_connect *last = last_connect(swap, caller);
	int r;

	swap->peeked = false;
	if (swap->blind || !last->bare || !last->swapped || !may_glance(swap, request))
		return caller_read(caller, request->address, ret, request->length);
	r = peek(swap, caller, request->number, &memory);
	if (r == -ENOENT)
		return r;
	swap->peeked = r == 0;
	if (r == 0 && swap->report.memory) {
		memcpy(ret, swap->report.memory, request->length);
		return 0;
	}
	r = caller_read(caller, request->address, ret, request->length);
	/* It could be read, and was not: this kernel, or we, cannot. */
	if (r == 0 && swap->peeked)
		swap->blind = true;
	return r;
}

int job_see_bare(struct swap *swap, struct job *job)
{
	struct last_connect *last = last_connect(swap, job->caller);
	bool peeked = swap->peeked;
	int r;

	job->bare = swap->peeked = false;
	if (!last->bare || !may_glance(swap, job->request))
		return -EAGAIN;
	r = peeked ? 0 : peek(swap, job->caller, job->number, NULL);
	if (r == -ENOENT)
		return r;
	if (r == 0)
		from_plain(swap, &swap->report.plain, &job->seen);
	last->bare = r == 0 && suffices(swap, &swap->report) && !form_is_asked(swap, &job->seen) &&
		     is_prepared(swap, &job->seen);
	if (!last->bare)
		return -EAGAIN;
	job->bare = job->looked = true;
	return 0;
}

bool job_stays_bare(const struct swap *swap, const struct job *job)
{
	const struct replacement *make = &job->plan.make;

	return job->plan.how == SWAP_SWAPPED &&
	       !option_reads(swap->options, job->seen.family, job->seen.protocol, make->family,
			     make->netns >= 0 ? OPTION_ELSEWHERE : 0,
			     &swap->report.image);
}

int job_look(struct swap *swap, struct job *job)
{
	if (job->looked && is_prepared(swap, &job->seen))
		return 0;
	prepare_for(swap, &job->seen);
	return watch_look(swap->watch, job->caller, job->number, job->old, &swap->report);
}
