// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which descriptors a blocked system call waits on; see wait_call.h.
 *
 * /proc/TID/syscall tells a call's number in the thread's own ABI but not which that is. A thread of a
 * 32-bit program has its stack below 4 GiB, one of a 64-bit program has not, unless it goes out of its
 * way; who kicks a thread looks again at the registers (target/kick.c).
 *
 * What is read is the same for every ABI: struct pollfd has no longs, and a bit of an fd_set is found by
 * its byte, as all machines here are little-endian.
 */
#include "watch/wait_call.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* asm/unistd_x32.h */
#define X32_BIT 0x40000000L

/* How a call names its descriptors. */
enum shape {
	NONE,
	NUMBER,	    /* the first argument */
	RECVMMSG,   /* the same; number of messages, flags, timeout follow */
	SENDMMSG,
	POLL,	    /* array, count, timeout in ms */
	PPOLL,	    /* array, count, pointer to the timeout */
	RESTART,    /* restart_syscall(2): the registers are still those of poll(2), or of a call that waits
		     * on no descriptor (nanosleep, futex); those begin again unharmed */
	SELECT,	    /* the highest number + 1, three sets, pointer to the timeout */
	OLD_SELECT, /* a pointer to these */
	SOCKETCALL, /* which call, a pointer to its arguments */
};

struct entry {
	short nr;
	enum shape shape;
	enum watch_wait how;
};

/* arch/x86/entry/syscalls, asm-generic/unistd.h, arch/arm/tools. */
#if defined(__x86_64__)
static const struct entry native_calls[] = {
	{0, NUMBER, WATCH_WAIT_RECEIVE},     {1, NUMBER, WATCH_WAIT_SEND},
	{7, POLL, WATCH_WAIT_POLL},	     {19, NUMBER, WATCH_WAIT_RECEIVE},
	{20, NUMBER, WATCH_WAIT_SEND},	     {23, SELECT, WATCH_WAIT_SELECT},
	{44, NUMBER, WATCH_WAIT_SEND},	     {45, NUMBER, WATCH_WAIT_RECEIVE},
	{46, NUMBER, WATCH_WAIT_SEND},	     {47, NUMBER, WATCH_WAIT_RECEIVE},
	{219, RESTART, WATCH_WAIT_POLL},     {270, SELECT, WATCH_WAIT_SELECT},
	{271, PPOLL, WATCH_WAIT_SELECT},     {275, NUMBER, WATCH_WAIT_OTHER},
	{299, RECVMMSG, WATCH_WAIT_RECEIVE}, {307, SENDMMSG, WATCH_WAIT_SEND},
	{327, NUMBER, WATCH_WAIT_RECEIVE},   {328, NUMBER, WATCH_WAIT_SEND},
	/* x32: numbers of its own for what takes arrays of pointers */
	{515, NUMBER, WATCH_WAIT_RECEIVE},   {516, NUMBER, WATCH_WAIT_SEND},
	{517, NUMBER, WATCH_WAIT_RECEIVE},   {518, NUMBER, WATCH_WAIT_SEND},
	{519, NUMBER, WATCH_WAIT_RECEIVE},   {537, RECVMMSG, WATCH_WAIT_RECEIVE},
	{538, SENDMMSG, WATCH_WAIT_SEND},    {546, NUMBER, WATCH_WAIT_RECEIVE},
	{547, NUMBER, WATCH_WAIT_SEND},
};
static const struct entry compat_calls[] = {
	{0, RESTART, WATCH_WAIT_POLL},	     {3, NUMBER, WATCH_WAIT_RECEIVE},
	{4, NUMBER, WATCH_WAIT_SEND},	     {82, OLD_SELECT, WATCH_WAIT_SELECT},
	{102, SOCKETCALL, WATCH_WAIT_OTHER}, {142, SELECT, WATCH_WAIT_SELECT},
	{145, NUMBER, WATCH_WAIT_RECEIVE},   {146, NUMBER, WATCH_WAIT_SEND},
	{168, POLL, WATCH_WAIT_POLL},	     {308, SELECT, WATCH_WAIT_SELECT},
	{309, PPOLL, WATCH_WAIT_SELECT},     {313, NUMBER, WATCH_WAIT_OTHER},
	{337, RECVMMSG, WATCH_WAIT_RECEIVE}, {345, SENDMMSG, WATCH_WAIT_SEND},
	{369, NUMBER, WATCH_WAIT_SEND},	     {370, NUMBER, WATCH_WAIT_SEND},
	{371, NUMBER, WATCH_WAIT_RECEIVE},   {372, NUMBER, WATCH_WAIT_RECEIVE},
	{378, NUMBER, WATCH_WAIT_RECEIVE},   {379, NUMBER, WATCH_WAIT_SEND},
	{413, SELECT, WATCH_WAIT_SELECT},    {414, PPOLL, WATCH_WAIT_SELECT},
	{417, RECVMMSG, WATCH_WAIT_RECEIVE},
};
#elif defined(__aarch64__)
static const struct entry native_calls[] = {
	{63, NUMBER, WATCH_WAIT_RECEIVE},    {64, NUMBER, WATCH_WAIT_SEND},
	{65, NUMBER, WATCH_WAIT_RECEIVE},    {66, NUMBER, WATCH_WAIT_SEND},
	{72, SELECT, WATCH_WAIT_SELECT},     {73, PPOLL, WATCH_WAIT_SELECT},
	{76, NUMBER, WATCH_WAIT_OTHER},	     {206, NUMBER, WATCH_WAIT_SEND},
	{207, NUMBER, WATCH_WAIT_RECEIVE},   {211, NUMBER, WATCH_WAIT_SEND},
	{212, NUMBER, WATCH_WAIT_RECEIVE},   {243, RECVMMSG, WATCH_WAIT_RECEIVE},
	{269, SENDMMSG, WATCH_WAIT_SEND},    {286, NUMBER, WATCH_WAIT_RECEIVE},
	{287, NUMBER, WATCH_WAIT_SEND},
};
static const struct entry compat_calls[] = {
	{0, RESTART, WATCH_WAIT_POLL},	     {3, NUMBER, WATCH_WAIT_RECEIVE},
	{4, NUMBER, WATCH_WAIT_SEND},	     {142, SELECT, WATCH_WAIT_SELECT},
	{145, NUMBER, WATCH_WAIT_RECEIVE},   {146, NUMBER, WATCH_WAIT_SEND},
	{168, POLL, WATCH_WAIT_POLL},	     {289, NUMBER, WATCH_WAIT_SEND},
	{290, NUMBER, WATCH_WAIT_SEND},	     {291, NUMBER, WATCH_WAIT_RECEIVE},
	{292, NUMBER, WATCH_WAIT_RECEIVE},   {296, NUMBER, WATCH_WAIT_SEND},
	{297, NUMBER, WATCH_WAIT_RECEIVE},   {335, SELECT, WATCH_WAIT_SELECT},
	{336, PPOLL, WATCH_WAIT_SELECT},     {340, NUMBER, WATCH_WAIT_OTHER},
	{365, RECVMMSG, WATCH_WAIT_RECEIVE}, {374, SENDMMSG, WATCH_WAIT_SEND},
	{392, NUMBER, WATCH_WAIT_RECEIVE},   {393, NUMBER, WATCH_WAIT_SEND},
	{413, SELECT, WATCH_WAIT_SELECT},    {414, PPOLL, WATCH_WAIT_SELECT},
	{417, RECVMMSG, WATCH_WAIT_RECEIVE},
};
#endif

/* socketcall(2), by the numbers of linux/net.h. */
static const struct entry socketcalls[] = {
	{9, NUMBER, WATCH_WAIT_SEND},	   {10, NUMBER, WATCH_WAIT_RECEIVE},
	{11, NUMBER, WATCH_WAIT_SEND},	   {12, NUMBER, WATCH_WAIT_RECEIVE},
	{16, NUMBER, WATCH_WAIT_SEND},	   {17, NUMBER, WATCH_WAIT_RECEIVE},
	{19, RECVMMSG, WATCH_WAIT_RECEIVE}, {20, SENDMMSG, WATCH_WAIT_SEND},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct entry *find(const struct entry *table, size_t count, long nr)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].nr == nr)
			return &table[i];
	return NULL;
}

static const struct entry *entry_of(const struct thread_syscall *call)
{
	if (!call->blocked || call->nr < 0)
		return NULL;
	if (thread_syscall_is_compat(call))
		return find(compat_calls, COUNT(compat_calls), call->nr);
	return find(native_calls, COUNT(native_calls), call->nr & ~X32_BIT);
}

static bool is_one_of(int number, const int *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* Return: 1; 0: it cannot be read; -ENOENT. */
static int copy(const struct caller *caller, uint64_t address, void *buffer, size_t size)
{
	int r = caller_read(caller, address, buffer, size);

	return r == 0 ? 1 : r == -ENOENT ? r : 0;
}

static int in_array(const struct caller *caller, uint64_t address, uint64_t length, const int *numbers,
		    size_t count)
{
	struct pollfd items[256];
	int64_t limit;

	if (!length)
		return 0;
	/* poll(2) takes no more, so whatever these registers are of, it is not poll's. */
	limit = caller_file_limit(caller);
	if (limit < 0 || length > (uint64_t)limit)
		return limit == -ENOENT ? -ENOENT : 0;
	while (length) {
		size_t some = length < COUNT(items) ? length : COUNT(items);
		int r = copy(caller, address, items, some * sizeof(items[0]));

		if (r <= 0)
			return r;
		for (size_t i = 0; i < some; i++)
			if (is_one_of(items[i].fd, numbers, count))
				return 1;
		address += some * sizeof(items[0]);
		length -= some;
	}
	return 0;
}

static int in_sets(const struct caller *caller, const uint64_t *args, const int *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] >= (int)args[0])
			continue;
		for (int set = 1; set <= 3; set++) {
			uint8_t bits = 0;
			int r;

			if (!args[set])
				continue;
			r = copy(caller, args[set] + (unsigned int)numbers[i] / 8, &bits, 1);
			if (r < 0)
				return r;
			if (bits & (1U << (numbers[i] % 8)))
				return 1;
		}
	}
	return 0;
}

/* Arguments that lie in memory, as 32-bit words. */
static int copy_words(const struct caller *caller, uint64_t address, uint64_t *args, size_t count)
{
	uint32_t words[6];
	int r = copy(caller, address, words, count * sizeof(words[0]));

	for (size_t i = 0; r > 0 && i < count; i++)
		args[i] = words[i];
	return r;
}

int wait_call_decode(const struct caller *caller, const struct thread_syscall *call, const int *numbers,
		     size_t count, struct watch_waiter *ret)
{
	const struct entry *entry = entry_of(call);
	struct watch_waiter waiter = {.call = *call};
	uint64_t args[6];
	int r;

	if (!entry)
		return 0;
	memcpy(args, call->args, sizeof(args));
	if (entry->shape == SOCKETCALL) {
		entry = find(socketcalls, COUNT(socketcalls), (long)args[0]);
		if (!entry)
			return 0;
		/* As many as are looked at. */
		r = copy_words(caller, args[1], args,
			       entry->shape == RECVMMSG ? 5 : entry->shape == SENDMMSG ? 4 : 1);
		if (r <= 0)
			return r;
	}
	waiter.how = entry->how;
	switch (entry->shape) {
	case NUMBER:
		r = is_one_of((int)args[0], numbers, count);
		break;
	case RECVMMSG:
		r = is_one_of((int)args[0], numbers, count);
		waiter.timed = args[4] != 0;
		waiter.several = (unsigned int)args[2] > 1 && !(args[3] & MSG_WAITFORONE);
		break;
	case SENDMMSG:
		r = is_one_of((int)args[0], numbers, count);
		waiter.several = (unsigned int)args[2] > 1;
		break;
	case POLL:
	case RESTART:
		r = in_array(caller, args[0], (unsigned int)args[1], numbers, count);
		waiter.timed = (int)args[2] >= 0;
		break;
	case PPOLL:
		r = in_array(caller, args[0], (unsigned int)args[1], numbers, count);
		waiter.timed = args[2] != 0;
		break;
	case OLD_SELECT:
		r = copy_words(caller, args[0], args, 5);
		if (r <= 0)
			break;
		/* fall through */
	case SELECT:
		r = in_sets(caller, args, numbers, count);
		waiter.timed = args[4] != 0;
		break;
	default:
		r = 0;
	}
	if (r > 0) {
		waiter.tid = ret->tid;
		*ret = waiter;
	}
	return r;
}
