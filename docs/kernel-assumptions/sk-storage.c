// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket local storage (BPF_MAP_TYPE_SK_STORAGE) is written and read by bpf(2), with a descriptor of the socket as
 * the key, and belongs to the socket: whichever descriptor and process is asked, also after the socket was
 * disconnected. A socket that accept(2) makes has nothing of its listener's. What is kept is charged to the socket
 * (SO_MEMINFO). The map has to be described, by an int and an array of them.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

static const struct {
	struct btf_header header;
	struct btf_type integer;
	uint32_t encoding;
	struct btf_type words;
	struct btf_array array;
	char names[5];
} __attribute__((packed)) types = {
	.header = { BTF_MAGIC, BTF_VERSION, .hdr_len = sizeof(struct btf_header), .type_len = 40,
		    .str_off = 40, .str_len = 5 },
	.integer = { 1, BTF_KIND_INT << 24, { 4 } },
	.encoding = BTF_INT_SIGNED << 24 | 32,
	.words = { 0, BTF_KIND_ARRAY << 24, { 0 } },
	.array = { 1, 1, 2 },
	.names = "\0int",
};

static int map;

static int bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static int put(int fd, uint64_t value)
{
	union bpf_attr attr = { .map_fd = map, .key = (uintptr_t)&fd, .value = (uintptr_t)&value };

	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

/* 0: there is nothing. */
static uint64_t get(int fd)
{
	uint64_t value = 0;
	union bpf_attr attr = { .map_fd = map, .key = (uintptr_t)&fd, .value = (uintptr_t)&value };

	return bpf(BPF_MAP_LOOKUP_ELEM, &attr) < 0 ? 0 : value;
}

static uint32_t charged(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(memory);

	must(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length));
	return memory[SK_MEMINFO_OPTMEM];
}

static void make_map(void)
{
	union bpf_attr describe = { .btf = (uintptr_t)&types, .btf_size = sizeof(types) };
	union bpf_attr make = {
		.map_type = BPF_MAP_TYPE_SK_STORAGE,
		.key_size = 4,
		.value_size = 8,
		.map_flags = BPF_F_NO_PREALLOC,
		.btf_key_type_id = 1,
		.btf_value_type_id = 2,
	};
	int btf = bpf(BPF_BTF_LOAD, &describe);

	if (btf == -EPERM)
		missing("CAP_BPF");
	check(btf >= 0, "the description: %d", btf);
	make.btf_fd = btf;
	map = bpf(BPF_MAP_CREATE, &make);
	check(map >= 0, "the map: %d", map);
	close(btf);
}

int main(void)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	in_port_t port;
	int listener = server(AF_INET, 8, &port), fd = must(socket(AF_INET, SOCK_STREAM, 0)), accepted;
	int copy = must(dup(fd));
	uint32_t before = charged(fd);
	pid_t child;
	int status;

	make_map();
	check(get(fd) == 0, "something before anything was put");
	check(put(fd, 1) == 0 && put(listener, 2) == 0, "put");
	check(get(copy) == 1, "a duplicate has %llu", (unsigned long long)get(copy));
	check(charged(fd) > before, "the socket is not charged");
	child = must(fork());
	if (!child)
		_exit(get(fd) != 1 || put(fd, 3) != 0);
	must(waitpid(child, &status, 0));
	check(status == 0, "another process: %d", status);
	must(connect_to(fd, AF_INET, port));
	accepted = must(accept(listener, NULL, NULL));
	check(get(accepted) == 0, "accept(2) took it along");
	check(get(fd) == 3 && get(listener) == 2, "connect");
	must(connect(fd, &none, sizeof(none)));
	check(get(fd) == 3, "disconnect");
	check(put(map, 1) < 0 && get(map) == 0, "a file that is no socket");
	return 0;
}
