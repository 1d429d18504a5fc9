// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files that are replaced only if they are the expected ones; see bpf_replace.h. */
#include "watch/bpf_replace.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/rights.h"
#include "bpf/contract.h"
#include "watch/bpf_load.h"

/* Made by others, and not to be changed here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/replace.skel.h"
#pragma GCC diagnostic pop

void replace_expect(struct replace_program *program, uint64_t thread, uint64_t file, int number)
{
	struct replace_expected *expected = program->expected;

	program->compared = __atomic_load_n(&expected->compared, __ATOMIC_RELAXED);
	expected->file = file;
	expected->number = number;
	__atomic_store_n(&expected->thread, thread, __ATOMIC_RELEASE);
}

bool replace_expect_nothing(struct replace_program *program)
{
	__atomic_store_n(&program->expected->thread, 0, __ATOMIC_RELEASE);
	return __atomic_load_n(&program->expected->compared, __ATOMIC_RELAXED) != program->compared;
}

/*
 * Send ourselves a file. A message's file is received by the same function as ADDFD's.
 * Return: 1: it came; 0: it was refused; or a negative errno.
 */
static int receive(int file)
{
	_cleanup_close_ int a = -EBADF, b = -EBADF, came = -EBADF;
	int pair[2], r;
	char byte = 0;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	a = pair[0];
	b = pair[1];
	r = rights_send(a, &byte, 1, &file, 1);
	if (r < 0)
		return r;
	n = rights_receive(b, &byte, 1, &came, 1);
	return n == -EMFILE ? 0 : n < 0 ? (int)n : came >= 0;
}

/* The same, while a file is expected at a number. Return: as receive(); -ENOTSUP: nothing was compared. */
static int receive_over(struct replace_program *program, const struct look_answer *seen, uint64_t thread, int number)
{
	int r;

	replace_expect(program, thread, seen->file, number);
	r = receive(number);
	return replace_expect_nothing(program) || thread != seen->thread || r < 0 ? r : -ENOTSUP;
}

static int try_replace(struct replace_program *program, const struct look_program *look)
{
	_cleanup_close_ int file = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC);
	const struct look_answer *seen = look->answer;
	int r;

	if (file < 0 || other < 0)
		return -errno;
	*look->question = (struct look_question){
		.listener = -1,
		.tid = gettid(),
		.file = file,
		.number = file,
	};
	r = bpf_run(look->fd);
	if (r < 0)
		return r;
	if (seen->result != LOOK_DONE || !seen->there)
		return -ENOTSUP;
	/* There; not there; somebody else's. */
	if (receive_over(program, seen, seen->thread, file) != 1 || receive_over(program, seen, seen->thread, other) != 0 ||
	    receive_over(program, seen, seen->thread + 1, other) != 1)
		return -ENOTSUP;
	return 0;
}

static int load(struct replace_program *program, const struct look_program *look)
{
	/* The generated code takes the number 0 for none. */
	_cleanup_close_ int zero = eventfd(0, EFD_CLOEXEC);
	struct replace_bpf *skeleton;
	int r;

	if (zero < 0)
		return -errno;
	skeleton = replace_bpf__open();
	if (!skeleton)
		return -ENOMEM;
	r = replace_bpf__load(skeleton);
	if (r == 0)
		r = replace_bpf__attach(skeleton);
	if (r < 0) {
		replace_bpf__destroy(skeleton);
		/* The rest says that the kernel has not something that the program wants. */
		return r == -EPERM || r == -EACCES || r == -E2BIG || r == -ENOMEM || r == -EMFILE ? r : -ENOTSUP;
	}
	program->link = skeleton->links.replace_fd;
	program->expected = &skeleton->bss->expected;
	program->skeleton = skeleton;
	/* The link and the mapping hold the rest. */
	close(skeleton->progs.replace.prog_fd);
	close(skeleton->maps.bss.map_fd);
	skeleton->links.replace_fd = skeleton->progs.replace.prog_fd = skeleton->maps.bss.map_fd = 0;
	r = try_replace(program, look);
	if (r < 0) {
		program->link = fd_close(program->link);
		bpf_unload_replace(program);
	}
	return r;
}

int bpf_load_replace(struct replace_program *program, const struct look_program *look)
{
	int r = load(program, look);

	program->state = r == 0 ? REPLACE_WORKS : REPLACE_FAILED;
	return r;
}

void bpf_unload_replace(struct replace_program *program)
{
	replace_bpf__destroy(program->skeleton);
	program->skeleton = NULL;
	program->expected = NULL;
}
