// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Nobody is looked for: a kernel with the project's series (kernel/README.md) lets whoever remembers a file by a number
 * follow, in the step that replaces it.
 *
 * What is left to know is whether there is anything that does not follow: the file's own fdinfo says how many epoll
 * items watch it, whatever the target's table looks like. Before the step that tells whether there is anything to
 * follow, after it what has stayed behind: items under numbers that were closed since, and those of instances that the
 * target has not got. These, and threads that wait in a call on the file itself, are looked for by the best of the other
 * backends; and where that is ready to tell everything in one call (watch_glance()), it is asked first all the same,
 * because it knows of more than watchers.
 */
#include "watch/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"
#include "base/self.h"
#include "target/table.h"

/* What an answer of the other backend's saves, where it is ready to give one: see.c and option_learn.c. */
#define GLANCE_SAVES_USEC 50

/* What the first lines of a socket's fdinfo take, and some 100 items: "epoll:\tid:17 tfd:5\n". */
#define INFO_CHUNK 4096

struct kernel {
	struct watch watch;
	struct watch *other;
};

static const char *kernel_missing(void)
{
	/* A flag of the series is known where the filter, which comes after it, is what is wrong. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE, NULL) < 0 &&
	    errno == EFAULT)
		return NULL;
	return "a kernel with the patches of kernel/README.md";
}

static void kernel_close(struct watch *watch)
{
	struct kernel *kernel = (struct kernel *)watch;

	watch_close(kernel->other);
	free(kernel);
}

/* Return: as watch_registrations(). */
static long registrations(int file)
{
	_cleanup_close_ int info = table_open_info(self_tid(), file);
	char chunk[INFO_CHUNK];
	bool line_begins = true;
	size_t matched = 0;
	long count = 0;
	ssize_t n;

	static const char wanted[] = "epoll:";

	if (info < 0)
		return -1;
	while ((n = read(info, chunk, sizeof(chunk))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (line_begins && chunk[i] == wanted[matched] && ++matched < strlen(wanted))
				continue;
			count += line_begins && matched == strlen(wanted);
			line_begins = chunk[i] == '\n';
			matched = 0;
		}
	}
	return n < 0 ? -1 : count;
}

static int kernel_open(struct watch **ret, bool named, unsigned int replaces)
{
	const unsigned int needed = CALLER_EXPECT | CALLER_FOLLOW | CALLER_DUPLICATES;
	struct kernel *kernel;
	int r;

	if ((replaces & needed) != needed)
		return -ENOTSUP;
	kernel = calloc(1, sizeof(*kernel));
	if (!kernel)
		return -ENOMEM;
	r = watch_open_below(&watch_kernel, &kernel->other);
	if (r < 0) {
		free(kernel);
		return r;
	}
	*ret = &kernel->watch;
	return 0;
}

static void kernel_begin(struct watch *watch, pid_t first)
{
	watch_begin(((struct kernel *)watch)->other, first);
}

static void kernel_enter_thread(struct watch *watch)
{
	watch_enter_thread(((struct kernel *)watch)->other);
}

static int kernel_glance(struct watch *watch, const struct caller *caller, int number, int file,
			 struct watch_report *report)
{
	struct kernel *kernel = (struct kernel *)watch;
	int r = watch_glance(kernel->other, caller, number, file, report);

	if (r < 0)
		return r;
	report->follows = true;
	report->registrations = (long)report->item_count;
	report->by = watch_kernel.name;
	return 0;
}

static int kernel_look_fully(struct watch *watch, const struct caller *caller, int number, int file,
			     struct watch_report *report)
{
	struct kernel *kernel = (struct kernel *)watch;
	int r = watch_look(kernel->other, caller, number, file, report);

	if (r < 0)
		return r;
	report->registrations = (long)report->item_count;
	report->by = watch_kernel.name;
	return 0;
}

static int kernel_look(struct watch *watch, const struct caller *caller, int number, int file,
		       struct watch_report *report)
{
	struct kernel *kernel = (struct kernel *)watch;
	int r;

	/* Who asks without a number has replaced it, and looks for what is left. */
	if (number < 0)
		return kernel_look_fully(watch, caller, number, file, report);
	r = kernel_glance(watch, caller, number, file, report);
	if (r != -EAGAIN)
		return r;
	watch_spare(kernel->other, GLANCE_SAVES_USEC);
	watch_report_clear(report);
	report->follows = true;
	report->counted = false;
	report->registrations = registrations(file);
	report->by = watch_kernel.name;
	return 0;
}

static int kernel_image(struct watch *watch, int file, struct image *ret)
{
	return watch_image(((struct kernel *)watch)->other, file, ret);
}

static int kernel_waiters(struct watch *watch, const struct caller *caller, const int *numbers, size_t count, int file,
			  struct watch_report *report)
{
	return watch_waiters(((struct kernel *)watch)->other, caller, numbers, count, file, report);
}

static bool kernel_is_instance(struct watch *watch, const struct watch_item *item, int epoll, int file)
{
	return watch_is_instance(((struct kernel *)watch)->other, item, epoll, file);
}

static long kernel_references(struct watch *watch, int file)
{
	return watch_references(((struct kernel *)watch)->other, file);
}

static long kernel_registrations(struct watch *watch, int file)
{
	return registrations(file);
}

static void kernel_spare(struct watch *watch, uint64_t usec)
{
	watch_spare(((struct kernel *)watch)->other, usec);
}

const struct watch_backend watch_kernel = {
	.name = "kernel",
	.needs = "the project's patches in the kernel",
	.missing = kernel_missing,
	.open = kernel_open,
	.close = kernel_close,
	.begin = kernel_begin,
	.enter_thread = kernel_enter_thread,
	.look = kernel_look,
	.look_fully = kernel_look_fully,
	.image = kernel_image,
	.glance = kernel_glance,
	.waiters = kernel_waiters,
	.is_instance = kernel_is_instance,
	.references = kernel_references,
	.registrations = kernel_registrations,
	.spare = kernel_spare,
};
