// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a policy says besides its rules, as far as it is a choice between two words. */
#include <errno.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/rules.h"

static const struct {
	const char *key;
	const char *about; /* for messages: "'x' is nothing to do about ..." */
	const char *usual, *other;
} settings[POLICY_SETTING_COUNT] = {
	[POLICY_LANDLOCK_SWAP] = { "landlock", "Landlock", "pass", "swap" },
	[POLICY_IO_URING_ALLOW] = { "io_uring", "io_uring", "deny", "allow" },
	[POLICY_SHARED_PASS] = { "shared", "sockets that other processes have as well", "swap", "pass" },
	[POLICY_UDP_QUEUED_DROP] = { "udp_queued", "datagrams that wait", "keep", "drop" },
	[POLICY_UDP_SEND_SWAP] = { "udp_send", "datagrams without connect", "pass", "swap" },
	[POLICY_RECVMSG_TRANSLATE] = { "recvmsg", "recvmsg", "pass", "translate" },
};

const char *policy_setting_key(enum policy_setting setting)
{
	return settings[setting].key;
}

bool policy_has(const struct policy *policy, enum policy_setting setting)
{
	return policy->settings[setting];
}

int policy_set(struct policy *policy, enum policy_setting setting, const char *text,
	       struct policy_error *error)
{
	if (strcmp(text, settings[setting].usual) == 0)
		policy->settings[setting] = false;
	else if (strcmp(text, settings[setting].other) == 0)
		policy->settings[setting] = true;
	else
		return policy_fail(error, "'%s' is nothing to do about %s; expected %s or %s", text,
				   settings[setting].about, settings[setting].usual,
				   settings[setting].other);
	return 0;
}
