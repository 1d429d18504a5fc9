// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * With the socket itself, in its local storage: BPF_MAP_TYPE_SK_STORAGE.
 *
 * No program runs in the kernel for it. The map is written and read by bpf(2), whose key is a descriptor of the
 * socket: whichever process has it, and by whatever way it came there, it is the same socket. The kernel lets go
 * of the record with the socket; nothing grows, nothing is given to another socket. It takes CAP_BPF to make the
 * map, and none to use it: who may open its name may keep and read records.
 *
 * The kernel wants the types of key and value described, which takes as little as an int and an array of them.
 *
 * A record is charged to the socket like its options (net.core.optmem_max). Where there is no room it is not kept.
 */
#include "swap/origin_store.h"

#include <errno.h>
#include <libgen.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/numbers.h"

/* Whoever changes struct origin_record or what is meant by it changes the number. */
#define NAME "reseat_origin1"

#define WORDS (sizeof(struct origin_record) / sizeof(__u32))

struct storage {
	struct origin_store store;
	int map;	    /* in the process's table */
	int map_of_entered; /* the same in the table of the thread that left it */
	pthread_t entered;
	bool has_entered;
};

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* Types 1, an int, and 2, an array of WORDS of the first. */
static int describe(int *ret)
{
	static const struct {
		struct btf_header header;
		struct btf_type integer;
		__u32 encoding;
		struct btf_type words;
		struct btf_array array;
		char names[5];
	} __attribute__((packed)) types = {
		.header = {
			.magic = BTF_MAGIC,
			.version = BTF_VERSION,
			.hdr_len = sizeof(types.header),
			.type_len = offsetof(typeof(types), names) - sizeof(types.header),
			.str_off = offsetof(typeof(types), names) - sizeof(types.header),
			.str_len = sizeof(types.names),
		},
		.integer = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = sizeof(int)},
		.encoding = BTF_INT_SIGNED << 24 | 8 * sizeof(int),
		.words = {.info = BTF_KIND_ARRAY << 24},
		.array = {.type = 1, .index_type = 1, .nelems = WORDS},
		.names = "\0int",
	};
	union bpf_attr attr = {.btf = (uintptr_t)&types, .btf_size = sizeof(types)};
	int r = bpf(BPF_BTF_LOAD, &attr);

	if (r < 0)
		return r;
	*ret = r;
	return 0;
}

static int make_map(int *ret)
{
	_cleanup_close_ int types = -EBADF;
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_SK_STORAGE,
		.key_size = sizeof(int),
		.value_size = sizeof(struct origin_record),
		.map_flags = BPF_F_NO_PREALLOC,
		.map_name = NAME,
		.btf_key_type_id = 1,
		.btf_value_type_id = 2,
	};
	int r = describe(&types);

	if (r < 0)
		return r;
	attr.btf_fd = (__u32)types;
	r = bpf(BPF_MAP_CREATE, &attr);
	if (r < 0)
		return r;
	*ret = r;
	return 0;
}

static int get_pinned(const char *path, int *ret)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path};
	int r = bpf(BPF_OBJ_GET, &attr);

	if (r < 0)
		return r;
	*ret = r;
	return 0;
}

/* Whether it is a map of ours, and of this version. */
static bool is_ours(int map)
{
	struct bpf_map_info info = {0};
	union bpf_attr attr = {
		.info = {.bpf_fd = (__u32)map, .info_len = sizeof(info), .info = (uintptr_t)&info},
	};

	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && info.type == BPF_MAP_TYPE_SK_STORAGE &&
	       info.value_size == sizeof(struct origin_record) && strcmp(info.name, NAME) == 0;
}

/* Whether a path is in a bpffs, or its folder is where there is no such path yet. */
static bool is_in_bpffs(const char *path)
{
	struct statfs fs;
	_cleanup_free_ char *copy = strdup(path);

	if (statfs(path, &fs) == 0)
		return fs.f_type == BPF_FS_MAGIC;
	/* What cannot be looked at is no reason to say so. */
	return !copy || statfs(dirname(copy), &fs) < 0 || fs.f_type == BPF_FS_MAGIC;
}

/* What the words of bpf(2) mean for a path. */
static const char *why_not(int r, const char *path)
{
	if (!is_in_bpffs(path))
		return "it is no path in a bpffs (mount -t bpf bpf /sys/fs/bpf)";
	switch (r) {
	case -EPERM:
		return "it takes CAP_BPF to make a map there";
	case -EACCES:
	case -EROFS:
		return "nothing that this user may write to";
	case -ENOENT:
	case -ENOTDIR:
		return "it cannot be made there: is there the folder?";
	default:
		return strerrordesc_np(-r);
	}
}

/* The map of that name; made if there is none. */
static int open_pinned(const char *path, int *ret, const char **ret_why)
{
	int r = get_pinned(path, ret);

	if (r == -ENOENT) {
		_cleanup_close_ int made = -EBADF;

		r = make_map(&made);
		if (r == 0) {
			union bpf_attr attr = {.pathname = (uintptr_t)path, .bpf_fd = (__u32)made};

			r = bpf(BPF_OBJ_PIN, &attr);
		}
		if (r == 0)
			*ret = fd_take(&made);
		/* Another was quicker. */
		if (r == -EEXIST)
			r = get_pinned(path, ret);
	}
	if (r < 0) {
		*ret_why = why_not(r, path);
		return r;
	}
	if (!is_ours(*ret)) {
		*ret_why = "something else, or the map of another version of reseat, has that name";
		return -EMEDIUMTYPE;
	}
	return 0;
}

static int map_of(const struct origin_store *store)
{
	const struct storage *storage = (const struct storage *)store;

	return storage->has_entered && pthread_equal(pthread_self(), storage->entered)
		       ? storage->map_of_entered
		       : storage->map;
}

static bool storage_get(struct origin_store *store, int fd, struct origin_record *ret)
{
	union bpf_attr attr = {
		.map_fd = (__u32)map_of(store),
		.key = (uintptr_t)&fd,
		.value = (uintptr_t)ret,
	};

	return bpf(BPF_MAP_LOOKUP_ELEM, &attr) == 0;
}

static int storage_put(struct origin_store *store, int fd, const struct origin_record *record)
{
	union bpf_attr attr = {
		.map_fd = (__u32)map_of(store),
		.key = (uintptr_t)&fd,
		.value = (uintptr_t)record,
	};
	int r = bpf(BPF_MAP_UPDATE_ELEM, &attr);

	if (r < 0) {
		attr.value = 0;
		bpf(BPF_MAP_DELETE_ELEM, &attr);
	}
	return r;
}

/* Whether what is kept with a socket is had back through a duplicate of it. */
static bool works(struct origin_store *store)
{
	const struct origin_record put = {.addr = 1, .peer = 2, .set = ORIGIN_ASKED};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int other = dup(fd);
	struct origin_record got;

	return fd >= 0 && other >= 0 && !storage_get(store, fd, &got) &&
	       storage_put(store, fd, &put) == 0 && storage_get(store, other, &got) &&
	       memcmp(&put, &got, sizeof(put)) == 0;
}

static void storage_close(struct origin_store *store)
{
	struct storage *storage = (struct storage *)store;

	fd_close(storage->map);
	free(storage);
}

static int storage_open(struct origin_store **ret, const char *path, const char **ret_why)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	int r;

	if (!storage)
		return -ENOMEM;
	storage->map = storage->map_of_entered = -EBADF;
	r = path ? open_pinned(path, &storage->map, ret_why) : make_map(&storage->map);
	if (r == 0 && !works(&storage->store)) {
		*ret_why = "the kernel keeps nothing with sockets";
		r = -ENOTSUP;
	}
	if (r < 0) {
		storage_close(&storage->store);
		return r;
	}
	storage->map_of_entered = storage->map;
	*ret = &storage->store;
	return 0;
}

static void storage_enter_thread(struct origin_store *store)
{
	struct storage *storage = (struct storage *)store;

	storage->entered = pthread_self();
	storage->has_entered = true;
	numbers_own(&storage->map_of_entered);
}

const struct origin_way origin_storage = {
	.name = "socket local storage",
	.open = storage_open,
	.close = storage_close,
	.enter_thread = storage_enter_thread,
	.get = storage_get,
	.put = storage_put,
};
