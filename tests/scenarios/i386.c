// SPDX-License-Identifier: GPL-2.0-or-later
/* System calls of i386; see i386.h. */
#include "i386.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* Registers that the call does not keep, where there are more than i386 has. */
#if defined(__x86_64__)
#define LOST , "r8", "r9", "r10", "r11"
#else
#define LOST
#endif

/* getpid(2) of i386. */
#define I386_GETPID 20

long i386_call(long number, const long arguments[5])
{
#if defined(__x86_64__) || defined(__i386__)
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(arguments[0]), "c"(arguments[1]), "d"(arguments[2]),
			   "S"(arguments[3]), "D"(arguments[4])
			 : "memory" LOST);
	/* i386 returns 32 bits. */
	result = (int)result;
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
#else
	errno = ENOSYS;
	return -1;
#endif
}

static sigjmp_buf no_i386;

static void on_fault(int signal)
{
	siglongjmp(no_i386, 1);
}

void need_i386(void)
{
	struct sigaction action = { .sa_handler = on_fault };
	const long none[5] = { 0 };
	struct sigaction old;

	must(sigaction(SIGSEGV, &action, &old));
	if (sigsetjmp(no_i386, 1) || i386_call(I386_GETPID, none) != getpid())
		skip("i386 system calls (CONFIG_IA32_EMULATION)");
	must(sigaction(SIGSEGV, &old, NULL));
}

void *low_memory(void)
{
#if defined(__x86_64__) || defined(__i386__)
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
#endif
	fail("no memory below 2 GiB");
}
