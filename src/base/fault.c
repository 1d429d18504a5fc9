// SPDX-License-Identifier: LGPL-2.1-or-later
/* Fault points; see fault.h. Linked only into programs of tests. */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* So that a test which was killed leaves no supervisor behind. */
#define LIMIT_SECONDS 60

static struct fault_control *map_control(void)
{
	const char *path = getenv(FAULT_VARIABLE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return NULL;
	at = mmap(NULL, sizeof(struct fault_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

static void log_name(struct fault_control *control, const char *name)
{
	size_t length = strlen(name);
	uint32_t logged = control->logged;

	if (length + 1 > sizeof(control->log) - logged)
		return;
	memcpy(control->log + logged, name, length);
	control->log[logged + length] = ' ';
	__atomic_store_n(&control->logged, logged + (uint32_t)length + 1, __ATOMIC_RELEASE);
}

static void hold(struct fault_control *control)
{
	const struct timespec limit = {.tv_sec = LIMIT_SECONDS};

	__atomic_store_n(&control->state, FAULT_HELD, __ATOMIC_RELEASE);
	syscall(SYS_futex, &control->state, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (__atomic_load_n(&control->state, __ATOMIC_ACQUIRE) == FAULT_HELD)
		if (syscall(SYS_futex, &control->state, FUTEX_WAIT, FAULT_HELD, &limit, NULL, 0) < 0 && errno == ETIMEDOUT)
			return;
}

void fault_point(const char *name)
{
	static struct fault_control *control;
	static bool looked;
	int saved = errno;

	if (!looked)
		control = map_control();
	looked = true;
	if (control && !strcmp(name, FAULT_END)) {
		__atomic_add_fetch(&control->ended, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &control->ended, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	if (control && __atomic_load_n(&control->state, __ATOMIC_ACQUIRE) != FAULT_IDLE) {
		if (!strcmp(name, FAULT_BEGIN))
			control->begun = 1;
		if (control->begun)
			log_name(control, name);
		if (control->begun && !strcmp(control->name, name) && control->skip-- == 0)
			hold(control);
	}
	errno = saved;
}
