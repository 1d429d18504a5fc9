// SPDX-License-Identifier: GPL-2.0-or-later
/* main() of every scenario program, what is said to the runner, and how the surroundings fail. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "scenario.h"

/* Shared with the children of a scenario, whose connects count too. */
static unsigned int *connects;
static const char *report_path;
const char *helper_argument;

__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
	va_list arguments;
	FILE *file;

	if (!report_path)
		return;
	file = fopen(report_path, "ae");
	if (!file)
		return;
	va_start(arguments, format);
	vfprintf(file, format, arguments);
	va_end(arguments);
	fclose(file);
}

void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\nFAILED\n");
	exit(1);
}

void skip(const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printf("skip: %s\n", text);
	report("skip %s\n", text);
	exit(77);
}

int must_(long result, const char *call, const char *file, int line)
{
	if (result < 0)
		fail("%s:%d: %s: %s", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line,
		     call, strerror(errno));
	return result;
}

void say(const char *format, ...)
{
	va_list arguments;
	int error = errno;

	flockfile(stdout);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar_unlocked('\n');
	fflush(stdout);
	funlockfile(stdout);
	errno = error;
}

void note(const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report("note %s\n", text);
}

void exec_helper(const char *name, const char *argument)
{
	execl("/proc/self/exe", "helper", "--helper", name, argument, NULL);
	fail("exec of the helper %s: %s", name, strerror(errno));
}

/* Whether the trace has to have a record of it: reseat speaks of IPv4 destinations only. */
static bool is_ipv4(const void *address, socklen_t length)
{
	const struct sockaddr_in6 *in6 = address;

	switch (in6->sin6_family) {
	case AF_INET:
		return length >= sizeof(struct sockaddr_in);
	case AF_INET6:
		return length >= sizeof(*in6) && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
	default:
		return false;
	}
}

int do_connect(int fd, const void *address, socklen_t length)
{
	if (is_ipv4(address, length))
		__atomic_add_fetch(connects, 1, __ATOMIC_RELAXED);
	return connect(fd, address, length);
}

static int list(void)
{
	static const struct {
		unsigned int flag;
		const char *name;
	} names[] = {
		{ MUST_SWAP, "must_swap" },
		{ MUST_TRACE, "must_trace" },
		{ NEEDS_ROOT, "needs_root" },
		{ SLOW, "slow" },
		{ MUST_EXACT, "must_exact" },
		{ MUST_APPROXIMATE, "must_approximate" },
		{ UNDER_NETNS, "under_netns" },
		{ UNDER_RECVMSG, "under_recvmsg" },
		{ UNDER_SEND, "under_send" },
		{ UNDER_NETNS_SEND, "under_netns_send" },
		{ UNDER_NAT64, "under_nat64" },
		{ UNDER_TO, "under_to" },
		{ UNDER_TO_INET, "under_to_inet" },
		{ MAY_ASK, "may_ask" },
		{ COUNTS, "counts" },
	};
	const struct scenario *s;

	for (s = scenarios; s->name; s++) {
		printf("%s", s->name);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (s->flags & names[i].flag)
				printf(" %s", names[i].name);
		printf("\n");
	}
	return 0;
}

static void run(const struct scenario *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name)) {
			table->run();
			return;
		}
	fprintf(stderr, "no scenario named %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list"))
		return list();
	if (argc < 2) {
		fprintf(stderr, "usage: %s --list | NAME [REPORT]\n", argv[0]);
		return 2;
	}
	connects = mmap(NULL, sizeof(*connects), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (connects == MAP_FAILED)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* A program that hangs is killed by the runner; one whose runner is gone ends here. */
	alarm((unsigned int)slowly(60));
	if (argc >= 3 && !strcmp(argv[1], "--helper")) {
		helper_argument = argc > 3 ? argv[3] : NULL;
		run(helpers, argv[2]);
		return 0;
	}
	report_path = argc > 2 ? argv[2] : NULL;
	run(scenarios, argv[1]);
	say_open();
	report("connects %u\n", __atomic_load_n(connects, __ATOMIC_RELAXED));
	return 0;
}
