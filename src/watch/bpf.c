// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The watchers as the kernel's own structures tell: one system call, which costs the same however many descriptors
 * the target has (bpf/look.bpf.c).
 *
 * To load the program takes as long as hundreds of looks at a small process in /proc, so it is loaded when the looks
 * have cost as much: nobody pays more than twice what would have been best, and who swaps little pays nothing. Where
 * this backend was asked for by name it is loaded at once; and as soon as a look in /proc leaves something out.
 *
 * What it cannot answer /proc is asked about: if it cannot be loaded, ever after; if what it reads keeps changing, or
 * is more than it has room for, this once.
 */
#include "watch/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/numbers.h"
#include "bpf/contract.h"
#include "watch/bpf_load.h"
#include "watch/bpf_replace.h"
#include "watch/wait_call.h"

/* What loading takes. */
#define LOAD_USEC 12000

/* How often a look is begun again that was torn, or that leaves instances to be searched for. */
#define ATTEMPTS_MAX 8

enum state {
	UNLOADED,
	LOADED,
	FAILED,
};

struct bpf {
	struct watch watch;
	struct watch *procfs;
	struct look_program program; /* its descriptor is of the table of the thread that looks */
	struct replace_program replace; /* loaded when it is wanted first; its link is of the same table */
	enum state state;
	bool reads; /* memory as well, which process_vm_readv(2) would not refuse us */
	uint64_t spent; /* on looks in /proc, until it is loaded; us */
	int opened;   /* the same in the table of the thread that opened the backend, or -EBADF */
	bool entered; /* the thread that looks has a table of its own, in which its descriptors go when it ends */
};

static const char foreign_epoll[] = "an epoll instance that another process has watches the socket";

static int load(struct bpf *bpf)
{
	int r = bpf_load_look(&bpf->program);

	bpf->state = r == 0 ? LOADED : FAILED;
	bpf->reads = bpf_may_read_memory();
	return r;
}

static void bpf_close(struct watch *watch)
{
	struct bpf *bpf = (struct bpf *)watch;

	if (!bpf->entered) {
		if (bpf->opened < 0)
			bpf->program.fd = fd_close(bpf->program.fd);
		bpf->replace.link = fd_close(bpf->replace.link);
	}
	bpf->opened = fd_close(bpf->opened);
	bpf_unload_look(&bpf->program);
	bpf_unload_replace(&bpf->replace);
	watch_close(bpf->procfs);
	free(bpf);
}

static int bpf_open(struct watch **ret, bool named, unsigned int replaces)
{
	struct bpf *bpf;
	int r;

	if (!named && bpf_missing())
		return -ENOTSUP;
	bpf = calloc(1, sizeof(*bpf));
	if (!bpf)
		return -ENOMEM;
	bpf->program.fd = bpf->replace.link = bpf->opened = -EBADF;
	r = watch_open(watch_procfs.name, 0, &bpf->procfs);
	if (r == 0 && named) {
		r = load(bpf);
		bpf->opened = bpf->program.fd;
	}
	if (r < 0) {
		bpf_close(&bpf->watch);
		return r;
	}
	*ret = &bpf->watch;
	return 0;
}

static void bpf_begin(struct watch *watch, pid_t first)
{
	struct bpf *bpf = (struct bpf *)watch;

	watch_begin(bpf->procfs, first);
}

static void bpf_enter_thread(struct watch *watch)
{
	struct bpf *bpf = (struct bpf *)watch;

	bpf->entered = true;
	watch_enter_thread(bpf->procfs);
	numbers_own(&bpf->program.fd);
	numbers_own(&bpf->replace.link);
}

/*
 * Ask once. Return: 1: answered, and the answer is whole; 0: it is not; -EAGAIN: another time it may be; another
 * negative errno.
 */
static int ask(struct bpf *bpf, const struct caller *caller)
{
	const struct look_answer *answer = bpf->program.answer;
	int r;

	r = bpf_run(bpf->program.fd);
	if (r < 0)
		return r;
	switch ((enum look_result)answer->result) {
	case LOOK_DONE:
		break;
	case LOOK_TORN:
		return -EAGAIN;
	case LOOK_GONE:
		return *caller->listener < 0 || !caller_valid(caller) ? -ENOENT : -EAGAIN;
	default:
		return 0;
	}
	for (size_t i = 0; !(bpf->program.question->flags & LOOK_WAITERS) && i < answer->item_count; i++)
		if (answer->items[i].epoll_number == LOOK_NUMBER_LATER)
			return -EAGAIN;
	return 1;
}

/* And again as long as that may help. Return: 1, 0, or a negative errno, of which -ENOENT alone matters. */
static int ask_all(struct bpf *bpf, const struct caller *caller, const struct look_question *question)
{
	int r = -EAGAIN;

	*bpf->program.question = *question;
	for (int i = 0; r == -EAGAIN && i < ATTEMPTS_MAX; i++)
		r = ask(bpf, caller);
	return r;
}

static struct look_question question_of(const struct caller *caller, int number, int file, uint32_t flags)
{
	return (struct look_question){
		.listener = *caller->listener,
		.id = caller->id,
		.tid = caller->tid,
		.file = file,
		.number = number,
		.flags = flags,
	};
}

static int ask_again(struct bpf *bpf, const struct caller *caller, int number, int file, uint32_t flags)
{
	const struct look_question question = question_of(caller, number, file, flags);

	return ask_all(bpf, caller, &question);
}

static int by_epoll(const void *a, const void *b)
{
	const struct watch_item *one = a, *other = b;

	if (one->owner != other->owner)
		return one->owner > other->owner ? 1 : -1;
	return (one->epoll_number > other->epoll_number) - (one->epoll_number < other->epoll_number);
}

static void fill_image(const struct look_answer *answer, struct image *ret)
{
	*ret = (struct image){
		.bytes = (const unsigned char *)answer->image,
		.size = answer->image_size,
		.fields = answer->image_fields,
	};
}

/* RCV_SHUTDOWN in include/net/sock.h */
#define RECEIVE_IS_SHUT 1

static void fill_plain(const struct look_plain *seen, struct watch_plain *ret)
{
	*ret = (struct watch_plain){
		.family = seen->is_plain ? seen->family : 0,
		.status_flags = (int)seen->flags,
		.v6only = seen->v6only,
		.shut_read = seen->shutdown & RECEIVE_IS_SHUT,
		.lingers = seen->lingers,
		.inode = seen->inode,
		.netns_cookie = seen->netns_cookie,
	};
}

/*
 * A thread that shares its table with nobody, and waits for us, changes nothing in it. If besides each reference is one of
 * the numbers', or ours, the file can be let go of by closing those.
 */
static bool is_sole(const struct look_answer *answer)
{
	return answer->there && answer->threads == 1 && answer->tables == 1 &&
	       answer->references == (int64_t)answer->expected;
}

static int fill(const struct look_answer *answer, struct watch_report *report)
{
	int r = 0;

	report->threads = answer->threads;
	report->limit = answer->limit > INT64_MAX ? INT64_MAX : (int64_t)answer->limit;
	report->cloexec = answer->there ? (int)answer->cloexec : -1;
	report->sole = is_sole(answer);
	report->killable = answer->killable;
	fill_plain(&answer->plain, &report->plain);
	for (size_t i = 0; r == 0 && i < answer->item_count; i++) {
		const struct look_item *seen = &answer->items[i];
		const struct watch_item item = {
			.owner = seen->owner,
			.epoll_number = seen->epoll_number,
			.instance = seen->epoll,
			.solitary = seen->solitary,
			.number = seen->number,
			.events = seen->events,
			.data = seen->data,
		};

		if (item.epoll_number < 0)
			report->beyond = foreign_epoll;
		else
			r = watch_report_item(report, &item);
	}
	for (size_t i = 0; r == 0 && i < answer->number_count; i++)
		r = watch_report_duplicate(report, answer->numbers[i]);
	report->strangers = answer->strangers;
	report->by = watch_bpf.name;
	report->references = answer->references;
	report->file = answer->file;
	report->thread = answer->thread;
	report->rings = answer->rings;
	fill_image(answer, &report->image);
	/* Who repairs them opens an instance once for all that follow each other. */
	if (report->item_count > 1)
		qsort(report->items, report->item_count, sizeof(*report->items), by_epoll);
	return r;
}

static int look_in_proc(struct bpf *bpf, const struct caller *caller, int number, int file,
			struct watch_report *report)
{
	uint64_t before = clock_usec();
	int r = watch_look(bpf->procfs, caller, number, file, report);

	bpf->spent += clock_usec() - before;
	return r;
}

static int bpf_look(struct watch *watch, const struct caller *caller, int number, int file,
		    struct watch_report *report)
{
	struct bpf *bpf = (struct bpf *)watch;
	int r;

	if (bpf->state == UNLOADED && bpf->spent >= LOAD_USEC)
		load(bpf);
	if (bpf->state == UNLOADED) {
		r = look_in_proc(bpf, caller, number, file, report);
		if (r < 0 || !report->partial || load(bpf) < 0)
			return r;
	}
	if (bpf->state == LOADED) {
		r = ask_again(bpf, caller, number, file, number >= 0 ? LOOK_IMAGE : 0);
		if (r == -ENOENT)
			return r;
		if (r > 0) {
			watch_report_clear(report);
			return fill(bpf->program.answer, report);
		}
	}
	return look_in_proc(bpf, caller, number, file, report);
}

/* What does not depend on a caller. Return: whether the answer is there. */
static bool ask_about(struct bpf *bpf, int file, uint32_t flags)
{
	const int none = -1;
	const struct caller nobody = {.listener = &none};

	return bpf->state == LOADED && ask_again(bpf, &nobody, -1, file, flags) > 0;
}

static int bpf_image(struct watch *watch, int file, struct image *ret)
{
	struct bpf *bpf = (struct bpf *)watch;

	if (bpf->state == FAILED)
		return -EOPNOTSUPP;
	if (!ask_about(bpf, file, LOOK_IMAGE))
		return -EAGAIN;
	if (bpf->program.answer->image_size == 0)
		return -EOPNOTSUPP;
	fill_image(bpf->program.answer, ret);
	return 0;
}

static int glance(struct bpf *bpf, const struct caller *caller, const struct look_question *question,
		  struct watch_report *report)
{
	int r = bpf->state == LOADED ? ask_all(bpf, caller, question) : -EAGAIN;

	if (r == 0 || (r > 0 && !bpf->program.answer->there))
		return -EAGAIN;
	return r > 0 ? fill(bpf->program.answer, report) : r;
}

static int bpf_glance(struct watch *watch, const struct caller *caller, int number, int file,
		      struct watch_report *report)
{
	const struct look_question question = question_of(caller, number, file, LOOK_IMAGE);

	return glance((struct bpf *)watch, caller, &question, report);
}

static int bpf_peek(struct watch *watch, const struct caller *caller, int number, const struct watch_memory *memory,
		    struct watch_report *report)
{
	struct bpf *bpf = (struct bpf *)watch;
	struct look_question question = question_of(caller, number, LOOK_NO_DUPLICATE, LOOK_IMAGE);
	int r;

	if (memory && bpf->reads && memory->size <= LOOK_MEMORY_MAX) {
		question.address = memory->address;
		question.length = (uint32_t)memory->size;
	}
	r = glance(bpf, caller, &question, report);
	if (r == 0 && question.length > 0 && bpf->program.answer->copied)
		report->memory = (const void *)bpf->program.answer->memory;
	return r;
}

static bool is_reported(const struct watch_report *report, pid_t tid)
{
	for (size_t i = 0; i < report->waiter_count; i++)
		if (report->waiters[i].tid == tid)
			return true;
	return false;
}

/* How a thread waits that stands on the wait queue; one that has been woken since may be about to wait again. */
static int report_waiter(const struct caller *caller, pid_t tid, const int *numbers, size_t count,
			 struct watch_report *report)
{
	struct watch_waiter waiter = {.tid = tid};
	struct caller its = *caller;
	struct thread_syscall call;
	int r;

	/* One poll(2) may wait twice; 0 is outside our pid namespace. */
	if (tid == 0 || is_reported(report, tid))
		return 0;
	r = thread_syscall_again(tid, &call);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!call.blocked) {
		report->running++;
		return 0;
	}
	/* Its memory may be another one's (CLONE_FILES without CLONE_VM). */
	its.tid = tid;
	r = wait_call_decode(&its, &call, numbers, count, &waiter);
	return r > 0 ? watch_report_waiter(report, &waiter) : r;
}

static int bpf_waiters(struct watch *watch, const struct caller *caller, const int *numbers, size_t count, int file,
		       struct watch_report *report)
{
	struct bpf *bpf = (struct bpf *)watch;
	const struct look_answer *answer = bpf->program.answer;
	int64_t others;
	int r = 0;

	if (file >= 0 && bpf->state == LOADED)
		r = ask_again(bpf, caller, -1, file, LOOK_WAITERS);
	if (r == -ENOENT)
		return r;
	if (r <= 0)
		return watch_waiters(bpf->procfs, caller, numbers, count, file, report);
	/* The references are read before the queue: who waits by then is in both. */
	others = answer->references - 1 - answer->waits;
	if (others > 0)
		report->running = (unsigned int)others;
	r = 0;
	for (size_t i = 0; r == 0 && i < answer->waiter_count; i++)
		r = report_waiter(caller, answer->waiters[i], numbers, count, report);
	return r;
}

static long bpf_references(struct watch *watch, int file)
{
	struct bpf *bpf = (struct bpf *)watch;

	return ask_about(bpf, file, LOOK_WAITERS) ? bpf->program.answer->references : -1;
}

static void bpf_spare(struct watch *watch, uint64_t usec)
{
	struct bpf *bpf = (struct bpf *)watch;

	if (bpf->state != UNLOADED)
		return;
	bpf->spent += usec;
	if (bpf->spent >= LOAD_USEC)
		load(bpf);
}

static bool bpf_is_instance(struct watch *watch, const struct watch_item *item, int epoll, int file)
{
	struct bpf *bpf = (struct bpf *)watch;

	return ask_about(bpf, epoll, LOOK_WAITERS) && bpf->program.answer->file == item->instance;
}

/* It is nothing to look for where swaps are rare, or no other thread could reuse a number. */
static bool bpf_compares(struct watch *watch)
{
	struct bpf *bpf = (struct bpf *)watch;

	if (bpf->state == LOADED && bpf->replace.state == REPLACE_UNTRIED)
		bpf_load_replace(&bpf->replace, &bpf->program);
	return bpf->replace.state == REPLACE_WORKS;
}

static bool bpf_expect(struct watch *watch, const struct watch_report *report, int number)
{
	struct bpf *bpf = (struct bpf *)watch;

	if (!report->file || !report->thread || !bpf_compares(watch))
		return false;
	replace_expect(&bpf->replace, report->thread, report->file, number);
	return true;
}

static void bpf_expect_nothing(struct watch *watch, bool put)
{
	struct bpf *bpf = (struct bpf *)watch;

	/* Somebody has taken it away. */
	if (!replace_expect_nothing(&bpf->replace) && put)
		bpf->replace.state = REPLACE_FAILED;
}

const struct watch_backend watch_bpf = {
	.name = "bpf",
	.needs = "CAP_BPF, CAP_PERFMON and a kernel with BTF",
	.missing = bpf_missing,
	.open = bpf_open,
	.close = bpf_close,
	.begin = bpf_begin,
	.enter_thread = bpf_enter_thread,
	.look = bpf_look,
	.image = bpf_image,
	.glance = bpf_glance,
	.peek = bpf_peek,
	.waiters = bpf_waiters,
	.is_instance = bpf_is_instance,
	.references = bpf_references,
	.spare = bpf_spare,
	.compares = bpf_compares,
	.expect = bpf_expect,
	.expect_nothing = bpf_expect_nothing,
};
