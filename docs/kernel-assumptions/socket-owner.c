// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fchown(2) of a socket sets the uid that fstat(2) and the packet filter see: a replacement can
 * belong to the target's user.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));
	struct stat status;

	must(fstat(fd, &status));
	check(status.st_uid == geteuid(), "a fresh socket is not its maker's");
	if (fchown(fd, 12345, -1) < 0 && errno == EPERM)
		missing("CAP_CHOWN");
	must(fstat(fd, &status));
	check(status.st_uid == 12345, "fchown does not show");
	return 0;
}
