// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both backends are asked about the same sockets, in processes whose descriptors came about at random
 * (test-processes.h); what they say has to be the same, and, where it is known, true.
 *
 * Each round has a seed, which is printed: RESEAT_SEED=N repeats it alone, RESEAT_ROUNDS=N runs as many.
 */
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/table.h"
#include "target/thread.h"
#include "watch/test-bpf.h"
#include "watch/test-processes.h"

#define ROUNDS	    12
#define NUMBERS_MAX 128

static const int none = -1;
static struct watch *procfs;
static struct watch_report other;

/* What a run has seen: that it has is a part of the test. */
static struct {
	int sockets, items, theirs, duplicates, waiters, partial;
} seen;

/* An epoll item, whichever backend tells of it. */
struct entry {
	bool theirs; /* the caller has not got the instance */
	int instance; /* our duplicate of it, the first of those that are the same */
	int number;
	uint32_t events;
	uint64_t data;
};

static bool same(int a, int b)
{
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, (unsigned long)a, (unsigned long)b) == 0;
}

static int duplicate_of(pid_t tid, int number)
{
	enum thread_whose whose;
	int fd = -1;

	assert_int_equal(thread_get_file(tid, number, &fd, &whose), 0);
	return fd;
}

static int by_content(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct entry));
}

struct entries {
	struct entry list[NUMBERS_MAX];
	size_t count;
};

/* Our duplicates of the instances that items of one file are in. */
static int instances[NUMBERS_MAX];
static int instance_count;

static int instance_of(pid_t tid, int number)
{
	int fd = duplicate_of(tid, number), at = 0;

	while (at < instance_count && !same(instances[at], fd))
		at++;
	assert_true(at < NUMBERS_MAX);
	if (at == instance_count)
		instances[instance_count++] = fd;
	else
		close(fd);
	return at;
}

/*
 * What a look found, in instances that are not among the first @known. @theirs: it was a look into another process, whose
 * own are meant.
 */
static void add_items(struct entries *ret, pid_t pid, const struct watch_report *from, bool theirs, int known)
{
	for (size_t i = 0; i < from->item_count; i++) {
		const struct watch_item *item = &from->items[i];
		struct entry entry;

		if (theirs && item->owner)
			continue;
		memset(&entry, 0, sizeof(entry));
		entry.theirs = theirs || item->owner;
		entry.instance = instance_of(item->owner ? item->owner : pid, item->epoll_number);
		entry.number = item->number;
		entry.events = item->events;
		entry.data = item->data;
		assert_true(ret->count < NUMBERS_MAX);
		if (entry.instance >= known)
			ret->list[ret->count++] = entry;
	}
	qsort(ret->list, ret->count, sizeof(ret->list[0]), by_content);
}

static void print_entries(const char *by, const struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		print_message("%s: instance %d%s number %d events %x data %llx\n", by, entries->list[i].instance,
			      entries->list[i].theirs ? " of others" : "", entries->list[i].number,
			      entries->list[i].events, (unsigned long long)entries->list[i].data);
}

static void check_entries(const char *by, const struct entries *seen_by, const struct entries *expected)
{
	if (seen_by->count == expected->count &&
	    memcmp(seen_by->list, expected->list, expected->count * sizeof(expected->list[0])) == 0)
		return;
	print_entries("expected", expected);
	print_entries(by, seen_by);
	fail();
}

/* Those of the caller's table as procfs tells, and then those that it tells when asked about the others' one by one. */
static void compare_items(const struct saying *sayings, int count, pid_t pid, int file)
{
	struct entries expected = {0}, by_bpf = {0}, by_procfs = {0};
	struct watch_report own = {0};

	for (int i = -1; i < count; i++) {
		const struct caller caller = {.listener = &none, .tid = i < 0 ? pid : sayings[i].pid};
		int known = instance_count;

		if (i >= 0 && caller.tid == pid)
			continue;
		assert_int_equal(watch_look(procfs, &caller, -1, file, &own), 0);
		for (size_t j = 0; i < 0 && j < own.item_count;)
			if (own.items[j].owner)
				own.items[j] = own.items[--own.item_count];
			else
				j++;
		add_items(&expected, caller.tid, &own, i >= 0, i >= 0 ? known : 0);
	}
	add_items(&by_bpf, pid, &report, false, 0);
	check_entries("bpf", &by_bpf, &expected);
	/* With more relatives, or larger ones, than it reads, it says so. */
	add_items(&by_procfs, pid, &other, false, 0);
	if (other.partial)
		seen.partial++;
	else
		check_entries("procfs", &by_procfs, &expected);
	for (size_t i = 0; i < expected.count; i++)
		seen.theirs += expected.list[i].theirs;
	seen.items += (int)expected.count;
	while (instance_count)
		close(instances[--instance_count]);
	watch_report_free(&own);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void compare_duplicates(void)
{
	assert_int_equal(report.duplicate_count, other.duplicate_count);
	if (report.duplicate_count == 0)
		return;
	qsort(report.duplicates, report.duplicate_count, sizeof(int), by_number);
	qsort(other.duplicates, other.duplicate_count, sizeof(int), by_number);
	assert_memory_equal(report.duplicates, other.duplicates, report.duplicate_count * sizeof(int));
}

static bool is_at(pid_t pid, int number, int file)
{
	return syscall(SYS_kcmp, pid, getpid(), KCMP_FILE, (unsigned long)number, (unsigned long)file) == 0;
}

/* Against what the process has said of its threads. */
static void check_waiters(const struct watch_report *found, const struct saying *saying, int file)
{
	size_t expected = 0;

	for (int i = 0; i < saying->count; i++) {
		const struct watch_waiter *waiter = found->waiters;

		if (!is_at(saying->pid, saying->threads[i].number, file))
			continue;
		expected++;
		while (waiter < found->waiters + found->waiter_count && waiter->tid != saying->threads[i].tid)
			waiter++;
		assert_true(waiter < found->waiters + found->waiter_count);
		assert_int_equal(waiter->how, saying->threads[i].how);
		assert_int_equal(waiter->timed, saying->threads[i].timed);
	}
	assert_int_equal(found->waiter_count, expected);
}

/* Everybody who has a file: numbers in tables, ours, and calls. */
static long count_references(const struct saying *sayings, int count, int file)
{
	long references = 1;

	for (int i = 0; i < count; i++) {
		for (int number = 0; number < 256; number++)
			references += is_at(sayings[i].pid, number, file);
		for (int j = 0; j < sayings[i].count; j++)
			references += is_at(sayings[i].pid, sayings[i].threads[j].number, file);
	}
	return references;
}

static void compare(const struct saying *sayings, int count, const struct saying *saying, int number)
{
	const struct caller caller = {.listener = &none, .tid = saying->pid};
	int file = duplicate_of(saying->pid, number), numbers[NUMBERS_MAX], numbered = 1;
	long references;

	assert_int_equal(watch_look(watch, &caller, number, file, &report), 0);
	assert_string_equal(report.by, "bpf");
	assert_int_equal(watch_look(procfs, &caller, number, file, &other), 0);
	assert_null(report.beyond);
	assert_int_equal(report.strangers, 0);
	assert_int_equal(report.cloexec, table_cloexec(saying->pid, number));
	assert_int_equal(report.threads, 1 + saying->count);
	compare_items(sayings, count, saying->pid, file);
	compare_duplicates();
	seen.duplicates += (int)report.duplicate_count;
	references = count_references(sayings, count, file);
	assert_int_equal(report.references, references);
	assert_int_equal(report.sole, saying->count == 0 && references == 2 + (long)report.duplicate_count);

	numbers[0] = number;
	for (size_t i = 0; i < other.duplicate_count && numbered < NUMBERS_MAX; i++)
		numbers[numbered++] = other.duplicates[i];
	assert_int_equal(watch_waiters(procfs, &caller, numbers, (size_t)numbered, file, &other), 0);
	check_waiters(&other, saying, file);
	assert_int_equal(watch_waiters(watch, &caller, numbers, (size_t)numbered, file, &report), 0);
	check_waiters(&report, saying, file);
	seen.waiters += (int)report.waiter_count;
	close(file);
}

struct numbers {
	int count;
	int numbers[NUMBERS_MAX];
};

static int visit(void *context, int number, enum table_kind kind, uint64_t inode)
{
	struct numbers *numbers = context;

	if (kind == TABLE_SOCKET && numbers->count < NUMBERS_MAX)
		numbers->numbers[numbers->count++] = number;
	return 0;
}

/* All sockets of all processes, by each of their numbers. */
static void compare_all(const struct saying *sayings, int count)
{
	for (int i = 0; i < count; i++) {
		struct numbers numbers = {0};

		assert_int_equal(table_walk_once(sayings[i].pid, visit, &numbers), 0);
		for (int j = 0; j < numbers.count; j++)
			compare(sayings, count, &sayings[i], numbers.numbers[j]);
		seen.sockets += numbers.count;
	}
}

static void begun(pid_t first)
{
	watch_begin(procfs, first);
}

static void run_round(uint64_t seed)
{
	struct processes processes;

	print_message("seed %llu\n", (unsigned long long)seed);
	assert_int_equal(watch_open("procfs", 0, &procfs), 0);
	assert_true(processes_start(&processes, seed, begun));
	compare_all(processes.sayings, processes.count);
	assert_true(processes_end(&processes));
	watch_close(procfs);
	table_forget();
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void test_rounds(void **state)
{
	uint64_t seed = number_of("RESEAT_SEED", clock_usec());
	uint64_t rounds = number_of("RESEAT_ROUNDS", getenv("RESEAT_SEED") ? 1 : ROUNDS);

	if (!watch)
		skip();
	for (uint64_t i = 0; i < rounds; i++)
		run_round(seed + i);
	print_message("%d sockets, %d items (%d in instances of others alone), %d duplicates, %d waiters; "
		      "%d times not all relatives\n",
		      seen.sockets, seen.items, seen.theirs, seen.duplicates, seen.waiters, seen.partial);
	if (rounds < ROUNDS)
		return;
	assert_true(seen.items > 0 && seen.theirs > 0 && seen.duplicates > 0 && seen.waiters > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds),
	};
	int r;

	r = cmocka_run_group_tests(tests, start, stop);
	watch_report_free(&other);
	return r;
}
