// SPDX-License-Identifier: GPL-2.0-or-later
/* The calls that actors make. One function each; what a call gives besides its result follows it. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"

enum { DATA_MAX = 256 };

/* Of this process. */
static int variables[VARIABLES];
static bool variables_begun;

int *call_variables(void)
{
	if (!variables_begun)
		memset(variables, 0xff, sizeof(variables));
	variables_begun = true;
	return variables;
}

int descriptor(const char *word)
{
	if (word[0] >= 'a' && word[0] <= 'z' && !word[1])
		return variables[word[0] - 'a'];
	return atoi(word);
}

static long do_socket(struct call *call)
{
	return socket(constant(call->words[0]), constant(call->words[1]), constant(call->words[2]));
}

static long do_epoll_create(struct call *call)
{
	return epoll_create1(constant(call->words[0]));
}

static long do_eventfd(struct call *call)
{
	return eventfd(constant(call->words[0]), EFD_NONBLOCK);
}

static long do_dup(struct call *call)
{
	return dup(descriptor(call->words[0]));
}

/* dup2 FROM OVER: the number of a variable, or one that is written. */
static long do_dup2(struct call *call)
{
	return dup2(descriptor(call->words[0]), descriptor(call->words[1]));
}

static long do_dup3(struct call *call)
{
	return dup3(descriptor(call->words[0]), descriptor(call->words[1]), constant(call->words[2]));
}

static long do_close(struct call *call)
{
	return close(descriptor(call->words[0]));
}

static long do_fcntl(struct call *call)
{
	return fcntl(descriptor(call->words[0]), constant(call->words[1]),
		     call->count > 2 ? constant(call->words[2]) : 0);
}

static long do_ioctl(struct call *call)
{
	int value = call->count > 2 ? constant(call->words[2]) : 0;
	long r = ioctl(descriptor(call->words[0]), constant(call->words[1]), &value);

	tell_result(call->result, r);
	if (r == 0)
		tell(call->result, " %d", value);
	return -1;
}

static long do_bind(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t length = address_by_name(call->words[1], &address);

	return bind(descriptor(call->words[0]), (struct sockaddr *)&address, length);
}

static long do_connect(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t length = address_by_name(call->words[1], &address);

	return connect(descriptor(call->words[0]), (struct sockaddr *)&address, length);
}

static long do_listen(struct call *call)
{
	return listen(descriptor(call->words[0]), constant(call->words[1]));
}

/* accept FD FLAGS */
static long do_accept(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	long r = accept4(descriptor(call->words[0]), (struct sockaddr *)&address, &length,
			 constant(call->words[1]));

	tell_result(call->result, r);
	if (r >= 0)
		tell_address(call->result, &address, length);
	return r;
}

static long name_of(struct call *call, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int r = get(descriptor(call->words[0]), (struct sockaddr *)&address, &length);

	tell_result(call->result, r);
	if (r == 0)
		tell_address(call->result, &address, length);
	return -1;
}

static long do_getsockname(struct call *call)
{
	return name_of(call, getsockname);
}

static long do_getpeername(struct call *call)
{
	return name_of(call, getpeername);
}

static long do_getsockopt(struct call *call)
{
	const struct named_option *option = option_by_name(call->words[1]);
	unsigned char value[16] = { 0 };
	socklen_t length = option->kind == OPTION_BYTE ? 1 : sizeof(value);
	int number, r;

	r = getsockopt(descriptor(call->words[0]), option->level, option->option, value, &length);
	tell_result(call->result, r);
	if (r == 0 && option->option == SO_ERROR && option->level == SOL_SOCKET) {
		memcpy(&number, value, sizeof(number));
		tell(call->result, " %s", number ? errno_name(number) : "none");
	} else if (r == 0) {
		tell(call->result, " ");
		for (socklen_t i = 0; i < length; i++)
			tell(call->result, "%02x", value[i]);
	}
	return -1;
}

/* setsockopt FD NAME VALUE [VALUE]: SO_LINGER takes two, times are ms. */
static long do_setsockopt(struct call *call)
{
	const struct named_option *option = option_by_name(call->words[1]);
	int values[2] = { (int)constant(call->words[2]), call->count > 3 ? (int)constant(call->words[3]) : 0 };
	struct timeval time = { .tv_sec = values[0] / 1000, .tv_usec = values[0] % 1000 * 1000 };
	const void *value = option->kind == OPTION_TIME ? (void *)&time : values;
	socklen_t size = option->kind == OPTION_TIME   ? sizeof(time) :
			 option->kind == OPTION_LINGER ? sizeof(values) :
							 sizeof(int);

	return setsockopt(descriptor(call->words[0]), option->level, option->option, value, size);
}

/* send FD SIZE FLAGS [ADDRESS] */
static long do_send(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t length = call->count > 3 ? address_by_name(call->words[3], &address) : 0;
	char data[DATA_MAX];
	unsigned int size = constant(call->words[1]);

	memset(data, line_letter(call->number), sizeof(data));
	return sendto(descriptor(call->words[0]), data, size < DATA_MAX ? size : DATA_MAX,
		      constant(call->words[2]), length ? (struct sockaddr *)&address : NULL, length);
}

static long do_write(struct call *call)
{
	char data[DATA_MAX];
	unsigned int size = constant(call->words[1]);

	/* Of an eventfd, too, which takes a number. */
	memset(data, line_letter(call->number), sizeof(data));
	return write(descriptor(call->words[0]), data, size < DATA_MAX ? size : DATA_MAX);
}

static long do_read(struct call *call)
{
	char data[DATA_MAX];
	unsigned int size = constant(call->words[1]);
	long r = read(descriptor(call->words[0]), data, size < DATA_MAX ? size : DATA_MAX);

	tell_result(call->result, r);
	if (r > 0)
		tell_data(call->result, data, r);
	return -1;
}

/* recv FD SIZE FLAGS: told with its source, if it has one. */
static long do_recv(struct call *call)
{
	char data[DATA_MAX];
	unsigned int size = constant(call->words[1]);
	long r = recv(descriptor(call->words[0]), data, size < DATA_MAX ? size : DATA_MAX,
		      constant(call->words[2]));

	tell_result(call->result, r);
	if (r > 0)
		tell_data(call->result, data, (size_t)r < size ? (size_t)r : size);
	return -1;
}

static long do_recvfrom(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char data[DATA_MAX];
	unsigned int size = constant(call->words[1]);
	long r = recvfrom(descriptor(call->words[0]), data, size < DATA_MAX ? size : DATA_MAX,
			  constant(call->words[2]), (struct sockaddr *)&address, &length);

	tell_result(call->result, r);
	if (r > 0)
		tell_data(call->result, data, (size_t)r < size ? (size_t)r : size);
	if (r >= 0 && length > 0)
		tell_address(call->result, &address, length);
	return -1;
}

static long do_shutdown(struct call *call)
{
	return shutdown(descriptor(call->words[0]), constant(call->words[1]));
}

/* all: its result is told already. */
static const struct {
	const char *name;
	unsigned int least;
	bool all;
	long (*execute)(struct call *call);
} calls[] = {
	{ "socket", 3, false, do_socket },
	{ "epoll_create", 1, false, do_epoll_create },
	{ "eventfd", 1, false, do_eventfd },
	{ "dup", 1, false, do_dup },
	{ "dup2", 2, false, do_dup2 },
	{ "dup3", 3, false, do_dup3 },
	{ "close", 1, false, do_close },
	{ "fcntl", 2, false, do_fcntl },
	{ "ioctl", 2, true, do_ioctl },
	{ "bind", 2, false, do_bind },
	{ "connect", 2, false, do_connect },
	{ "listen", 2, false, do_listen },
	{ "accept", 2, true, do_accept },
	{ "getsockname", 1, true, do_getsockname },
	{ "getpeername", 1, true, do_getpeername },
	{ "getsockopt", 2, true, do_getsockopt },
	{ "setsockopt", 3, false, do_setsockopt },
	{ "send", 3, false, do_send },
	{ "recv", 3, true, do_recv },
	{ "recvfrom", 3, true, do_recvfrom },
	{ "write", 2, false, do_write },
	{ "read", 2, true, do_read },
	{ "shutdown", 2, false, do_shutdown },
	{ "poll", 1, true, do_poll },
	{ "select", 1, true, do_select },
	{ "epoll_ctl", 3, false, do_epoll_ctl },
	{ "epoll_wait", 3, true, do_epoll_wait },
	{ "items", 1, true, do_items },
	{ "thread", 1, true, do_thread },
	{ "fork", 1, true, do_fork },
	{ "exit", 0, true, do_exit },
	{ "exit_group", 0, true, do_exit_group },
	{ "exec", 0, false, do_exec },
};

void call_execute(unsigned int actor, const struct line *line, unsigned int number, struct result *result)
{
	struct call call = {
		.actor = actor,
		.number = number,
		.words = line->words + 1,
		.count = line->count - 1,
		.result = result,
	};
	long r;

	call_variables();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (strcmp(calls[i].name, line->words[0]) != 0)
			continue;
		if (call.count < calls[i].least || call.count > calls[i].least + POLL_MAX)
			errx(1, "wrong number of arguments: %s", line->text);
		r = calls[i].execute(&call);
		if (!calls[i].all)
			tell_result(result, r);
		if (line->target && r >= 0)
			variables[line->target - 'a'] = (int)r;
		return;
	}
	errx(1, "no call of that name: %s", line->text);
}
