// SPDX-License-Identifier: GPL-2.0-or-later
/* What is kept of a socket: in a table, with the socket, and under a name that others know. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/numbers.h"
#include "swap/origin.h"
#include "swap/origin_store.h"

#define BPFFS "/tmp" /* in a mount namespace of our own */
#define MAP   BPFFS "/origins"

static bool has_storage;

static int tcp(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static union address v6(const char *text, in_port_t port)
{
	return (union address){.in6 = {.sin6_family = AF_INET6,
				       .sin6_port = htons(port),
				       .sin6_addr.s6_addr = {0x20, 1, 0xd, 0xb8, [15] = (uint8_t)text[0]}}};
}

static struct origin origin_of(uint32_t addr)
{
	return (struct origin){
		.dest = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(addr)},
		.peer = v6("a", 8080),
		.local.s_addr = htonl(0xc0000002),
		.form = PRESENT_INET,
	};
}

/* Each way alone. */
static void test_ways(void **state)
{
	static const struct origin_way *const ways[] = {&origin_table, &origin_storage};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct origin_record put = {.addr = 7, .port = 80, .level = 6, .name = 14, .set = ORIGIN_ASKED};
		struct origin_record got = {0}, again = put;
		int a = tcp(), b = tcp(), copy = dup(a), none = dup(0), gone;
		struct origin_store *store;
		const char *why = NULL;

		if (ways[i] == &origin_storage && !has_storage)
			continue;
		assert_int_equal(ways[i]->open(&store, NULL, &why), 0);
		assert_false(ways[i]->get(store, a, &got));
		assert_int_equal(ways[i]->put(store, a, &put), 0);
		assert_true(ways[i]->get(store, copy, &got));
		assert_memory_equal(&got, &put, sizeof(got));
		assert_false(ways[i]->get(store, b, &got));
		again.addr = 8;
		assert_int_equal(ways[i]->put(store, copy, &again), 0);
		assert_true(ways[i]->get(store, a, &got));
		assert_int_equal(got.addr, 8);
		/* No socket, and none at all. */
		assert_true(ways[i]->put(store, none, &put) < 0);
		assert_false(ways[i]->get(store, none, &got));
		gone = b;
		close(b);
		assert_true(ways[i]->put(store, gone, &put) < 0);
		assert_false(ways[i]->get(store, gone, &got));
		ways[i]->close(store);
		close(a);
		close(copy);
		close(none);
	}
	if (!has_storage)
		print_message("without CAP_BPF: in a table alone\n");
}

static void test_all_of_a_socket(void **state)
{
	struct origin origin = origin_of(0xc0000201);
	const union address other = v6("b", 8080), elsewhere = v6("a", 8081);
	const struct in_addr bound = {.s_addr = htonl(0x7f000001)};
	int a = tcp(), b = tcp(), level, name;
	struct in_addr local;
	struct sockaddr_in got;
	struct origins *origins;

	assert_int_equal(origins_new(&origins, NULL, NULL), 0);
	assert_false(origins_shared(origins));
	assert_false(origin_get(origins, a, &origin.peer, &got, &local));
	assert_false(origin_local(origins, a, &local));
	assert_false(origin_lost(origins, a, &level, &name));
	assert_int_equal(origin_form(origins, a), PRESENT_ITSELF);
	/* One does not take the other away. */
	origin_bind(origins, a, bound);
	assert_false(origin_get(origins, a, &origin.peer, &got, &local));
	origin_lose(origins, a, IPPROTO_TCP, 14);
	origin_put(origins, a, &origin);
	assert_int_equal(origin_form(origins, a), PRESENT_INET);
	assert_true(origin_get(origins, a, &origin.peer, &got, &local));
	assert_memory_equal(&got, &origin.dest, sizeof(got));
	assert_int_equal(local.s_addr, origin.local.s_addr);
	assert_true(origin_local(origins, a, &local));
	assert_int_equal(local.s_addr, bound.s_addr);
	assert_true(origin_lost(origins, a, &level, &name));
	assert_int_equal(level, IPPROTO_TCP);
	assert_int_equal(name, 14);
	/* It went there, and nowhere else. */
	assert_false(origin_get(origins, a, &other, &got, &local));
	assert_false(origin_get(origins, a, &elsewhere, &got, &local));
	assert_false(origin_get(origins, b, &origin.peer, &got, &local));
	/* An IPv4 peer is the same in both forms. */
	origin.peer = (union address){.in = origin.dest};
	origin_put(origins, b, &origin);
	address_map(&origin.peer, &origin.peer);
	assert_true(origin_get(origins, b, &origin.peer, &got, &local));
	close(a);
	close(b);
	origins_free(origins);
}

/* More sockets than the table has slots: each is still known where the kernel keeps it. */
static void test_many_sockets(void **state)
{
	const struct origin first = origin_of(1), rest = origin_of(2);
	int fd = tcp();
	struct origins *origins;
	struct in_addr local;
	struct sockaddr_in got;
	bool known;

	assert_int_equal(origins_new(&origins, NULL, NULL), 0);
	origin_put(origins, fd, &first);
	/* Cookies go to processors by the batch, so a few more. */
	for (int i = 0; i < 3 * 65536; i++) {
		int other = tcp();

		origin_put(origins, other, &rest);
		close(other);
	}
	known = origin_get(origins, fd, &first.peer, &got, &local);
	assert_int_equal(known, has_storage);
	if (known)
		assert_int_equal(got.sin_addr.s_addr, first.dest.sin_addr.s_addr);
	close(fd);
	origins_free(origins);
}

static int in_child(void (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		body();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define check(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1); \
		} \
	} while (0)
#define NOT_HERE 77

/* Where a socket has no room for it, it goes to the table; and nothing old is left behind. */
static void without_room(void)
{
	const struct origin old = origin_of(1), new = origin_of(2);
	struct origin_store *store;
	struct origin_record record;
	struct in_addr local;
	struct sockaddr_in got;
	struct origins *origins;
	const char *why;
	int fd, optmem;

	/* A limit for each namespace: Linux 6.9. */
	if (unshare(CLONE_NEWNET) < 0)
		_exit(NOT_HERE);
	optmem = open("/proc/sys/net/core/optmem_max", O_WRONLY | O_CLOEXEC);
	if (optmem < 0)
		_exit(NOT_HERE);
	fd = tcp();
	check(origins_new(&origins, NULL, NULL) == 0);
	check(origin_storage.open(&store, NULL, &why) == 0);
	origin_put(origins, fd, &old);
	record = (struct origin_record){.set = ORIGIN_ASKED};
	check(origin_storage.put(store, fd, &record) == 0);
	check(write(optmem, "1", 1) == 1);
	check(origin_storage.put(store, fd, &record) < 0);
	check(!origin_storage.get(store, fd, &record));
	origin_put(origins, fd, &new);
	check(origin_get(origins, fd, &new.peer, &got, &local));
	check(got.sin_addr.s_addr == new.dest.sin_addr.s_addr);
	check(write(optmem, "100000", 6) == 6);
	origin_put(origins, fd, &old);
	check(origin_get(origins, fd, &old.peer, &got, &local));
	check(got.sin_addr.s_addr == old.dest.sin_addr.s_addr);
	origin_storage.close(store);
	origins_free(origins);
}

static void test_without_room(void **state)
{
	int r = has_storage ? in_child(without_room) : NOT_HERE;

	if (r == NOT_HERE) {
		print_message("needs CAP_BPF, CAP_SYS_ADMIN and net.core.optmem_max for a namespace\n");
		skip();
	}
	assert_int_equal(r, 0);
}

static void mount_bpffs(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", BPFFS, "bpf", 0, NULL) < 0)
		_exit(NOT_HERE);
}

/* A supervisor that comes after another, and one beside it. */
static void shared(void)
{
	const struct origin origin = origin_of(0xc0000201);
	struct origins *first, *beside, *next;
	const char *why = NULL;
	struct in_addr local;
	struct sockaddr_in got;
	int fd = tcp();

	mount_bpffs();
	check(origins_new(&first, MAP, &why) == 0);
	check(origins_shared(first));
	check(origins_new(&beside, MAP, &why) == 0);
	origin_put(first, fd, &origin);
	check(origin_get(beside, fd, &origin.peer, &got, &local));
	origins_free(first);
	origins_free(beside);
	check(origins_new(&next, MAP, &why) == 0);
	check(origin_get(next, fd, &origin.peer, &got, &local));
	check(memcmp(&got, &origin.dest, sizeof(got)) == 0);
	check(local.s_addr == origin.local.s_addr);
	check(origin_form(next, fd) == PRESENT_INET);
	origins_free(next);
	check(why == NULL);
}

static void test_shared(void **state)
{
	int r = has_storage ? in_child(shared) : NOT_HERE;

	if (r == NOT_HERE) {
		print_message("needs CAP_BPF, and CAP_SYS_ADMIN for a bpffs\n");
		skip();
	}
	assert_int_equal(r, 0);
}

/* A map of another kind. */
static void pin_another(const char *path)
{
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(int),
		.value_size = sizeof(struct origin_record),
		.max_entries = 1,
	};
	long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
	union bpf_attr pin = {.pathname = (uintptr_t)path, .bpf_fd = (__u32)fd};

	check(fd >= 0);
	check(syscall(SYS_bpf, BPF_OBJ_PIN, &pin, sizeof(pin)) == 0);
	close((int)fd);
}

static void refused(void)
{
	static const struct {
		const char *path, *word;
	} cases[] = {
		{"/dev/null", "bpffs"},
		{"/proc/self/exe", "bpffs"},
		{"/dev/no", "bpffs"},
		{"/proc/self/no", "bpffs"},
		{BPFFS "/no/origins", "cannot be made"},
		{BPFFS "/taken", "something else"},
	};
	struct origins *origins = NULL;
	const char *why;

	mount_bpffs();
	pin_another(BPFFS "/taken");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why = NULL;
		check(origins_new(&origins, cases[i].path, &why) < 0);
		check(why && strstr(why, cases[i].word));
		check(!origins);
	}
}

static void test_refused(void **state)
{
	int r = has_storage ? in_child(refused) : NOT_HERE;

	if (r == NOT_HERE) {
		print_message("needs CAP_BPF, and CAP_SYS_ADMIN for a bpffs\n");
		skip();
	}
	assert_int_equal(r, 0);
}

struct threads {
	struct origins *origins;
	struct origin origin;
	int fd;
	bool found;
};

/* The thread that leaves the table, and whose numbers are claimed all the same. */
static void *enter(void *context)
{
	struct threads *threads = context;
	struct in_addr local;
	struct sockaddr_in got;

	check(unshare(CLONE_FILES) == 0);
	numbers_own(&threads->fd);
	origins_enter_thread(threads->origins);
	check(numbers_keep_registered() == 0);
	for (int i = 0; i < 64; i++)
		check(numbers_claim(i) == 0);
	origin_put(threads->origins, threads->fd, &threads->origin);
	threads->found = origin_get(threads->origins, threads->fd, &threads->origin.peer, &got, &local);
	numbers_disown_all();
	return NULL;
}

static void two_threads(void)
{
	struct threads threads = {.origin = origin_of(3), .fd = tcp()};
	int fd = threads.fd;
	struct in_addr local;
	struct sockaddr_in got;
	pthread_t thread;

	check(origins_new(&threads.origins, NULL, NULL) == 0);
	check(pthread_create(&thread, NULL, enter, &threads) == 0);
	pthread_join(thread, NULL);
	check(threads.found);
	check(origin_get(threads.origins, fd, &threads.origin.peer, &got, &local));
	origins_free(threads.origins);
}

static void test_two_threads(void **state)
{
	assert_int_equal(in_child(two_threads), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),	     cmocka_unit_test(test_all_of_a_socket),
		cmocka_unit_test(test_many_sockets), cmocka_unit_test(test_without_room),
		cmocka_unit_test(test_shared),	     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_two_threads),
	};
	struct origin_store *store;
	const char *why;

	has_storage = origin_storage.open(&store, NULL, &why) == 0;
	if (has_storage)
		origin_storage.close(store);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
