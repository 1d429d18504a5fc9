// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A 64-bit program that uses int $0x80 makes an i386 call: seccomp sees AUDIT_ARCH_I386 and the
 * i386 number, so a filter has to name both architectures.
 */
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

#if defined(__x86_64__)
#define I386_GETPPID 64

static sigjmp_buf fault;

static void handler(int number)
{
	siglongjmp(fault, 1);
}

static long int80(long number)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

int main(void)
{
	/* Only an i386 call of the number is answered EDOM. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, I386_GETPPID, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	signal(SIGSEGV, handler);
	if (sigsetjmp(fault, 1) || int80(I386_GETPPID) != getppid())
		missing("i386 system calls (CONFIG_IA32_EMULATION)");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
	check(int80(I386_GETPPID) == -EDOM, "int $0x80 is not an i386 call");
	check(getppid() > 0, "the native call is taken for an i386 one");
	return 0;
}
#else
int main(void)
{
	missing("an x86-64 processor");
}
#endif
