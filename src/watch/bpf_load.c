// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Loading the programs of src/bpf; see bpf_load.h.
 *
 * What bpftool makes of a program is a header with another program in it, which the kernel runs, and which loads the
 * first. So no library reads the kernel's types, which would take many megabytes of ours and several times as long.
 */
#include "watch/bpf_load.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "bpf/contract.h"

/* Made by others, and not to be changed here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/look.skel.h"
#pragma GCC diagnostic pop

#define PROBE_EVENTS (EPOLLIN | EPOLLET)
#define PROBE_DATA   0x1122334455667788ULL

static bool has(uint64_t effective, unsigned int capability)
{
	return effective >> capability & 1;
}

/* The thread's own capabilities. */
static bool read_effective(uint64_t *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	*ret = data[0].effective | (uint64_t)data[1].effective << 32;
	return true;
}

bool bpf_may_read_memory(void)
{
	uint64_t effective;

	return read_effective(&effective) && has(effective, CAP_SYS_PTRACE);
}

const char *bpf_missing(void)
{
	uint64_t effective;

	if (!read_effective(&effective))
		return "its own capabilities cannot be read";
	/* CAP_SYS_ADMIN stands for both. */
	if (!has(effective, CAP_SYS_ADMIN) && !has(effective, CAP_BPF))
		return "CAP_BPF";
	if (!has(effective, CAP_SYS_ADMIN) && !has(effective, CAP_PERFMON))
		return "CAP_PERFMON";
	if (access("/sys/kernel/btf/vmlinux", F_OK) < 0)
		return "a kernel with BTF (/sys/kernel/btf/vmlinux)";
	return NULL;
}

int bpf_run(int fd)
{
	union bpf_attr attr = {.test.prog_fd = fd};

	return syscall(SYS_bpf, BPF_PROG_RUN, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

/* Whether what it tells of an epoll instance in another one is so. */
static int try_look(const struct look_program *program)
{
	_cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);
	_cleanup_close_ int watched = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct epoll_event event = {.events = PROBE_EVENTS, .data.u64 = PROBE_DATA};
	const struct look_answer *answer = program->answer;
	int r;

	if (epoll < 0 || watched < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, watched, &event) < 0)
		return -errno;
	*program->question = (struct look_question){
		.listener = -1,
		.tid = gettid(),
		.file = watched,
		.number = watched,
		.flags = LOOK_SEARCH,
	};
	r = bpf_run(program->fd);
	if (r < 0)
		return r;
	if (answer->result != LOOK_DONE || answer->item_count != 1 || !answer->there || !answer->cloexec ||
	    answer->number_count != 0 || answer->items[0].number != watched ||
	    answer->items[0].epoll_number != epoll || answer->items[0].data != PROBE_DATA ||
	    (answer->items[0].events & PROBE_EVENTS) != PROBE_EVENTS)
		return -ENOTSUP;
	/* It stands on the wait queue as well, by a function whose name has to be known (CONFIG_KALLSYMS). */
	if (answer->strangers != 0 || answer->waits != 0)
		return -ENOTSUP;
	/* More, where another thread shares the table and has it in its hand. */
	return answer->references >= 1 ? 0 : -ENOTSUP;
}

int bpf_load_look(struct look_program *ret)
{
	/* The generated code takes the number 0 for none. */
	_cleanup_close_ int zero = eventfd(0, EFD_CLOEXEC);
	struct look_program program = {.fd = -EBADF};
	struct look_bpf *skeleton;
	int r;

	if (zero < 0)
		return -errno;
	skeleton = look_bpf__open();
	if (!skeleton)
		return -ENOMEM;
	r = look_bpf__load(skeleton);
	if (r < 0) {
		look_bpf__destroy(skeleton);
		/* The rest says that the kernel has not something that the program wants. */
		return r == -EPERM || r == -EACCES || r == -ENOMEM || r == -EMFILE ? r : -ENOTSUP;
	}
	program.fd = skeleton->progs.look.prog_fd;
	program.question = &skeleton->bss->question;
	program.answer = &skeleton->bss->answer;
	program.skeleton = skeleton;
	/* The program and the mapping hold the maps. */
	close(skeleton->maps.once.map_fd);
	close(skeleton->maps.bss.map_fd);
	close(skeleton->maps.rodata.map_fd);
	skeleton->progs.look.prog_fd = skeleton->maps.once.map_fd = 0;
	skeleton->maps.bss.map_fd = skeleton->maps.rodata.map_fd = 0;
	r = try_look(&program);
	if (r < 0) {
		close(program.fd);
		bpf_unload_look(&program);
		return r;
	}
	*ret = program;
	return 0;
}

void bpf_unload_look(struct look_program *program)
{
	look_bpf__destroy(program->skeleton);
	program->skeleton = NULL;
}
