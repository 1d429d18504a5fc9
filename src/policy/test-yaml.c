// SPDX-License-Identifier: LGPL-2.1-or-later
/* Policy files: good ones, and what is said of bad ones, always with file and line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/policy.h"

#define MAX_RULES 8

static const struct {
	const char *file;
	const char *rules[MAX_RULES];
} good[] = {
	{ "", {} },
	{ "# nothing but this\n", {} },
	{ "---\n", {} },
	{ "~", {} },
	{ "{}", {} },
	{ "rules:\n", {} },
	{ "rules: []\n", {} },
	{ "{\"rules\": null}", {} },
	{ "default: pass\n", {} },
	/* the example of reseat.yaml(5) */
	{ "rules:\n"
	  "  - dest: 198.51.100.0/24\n"
	  "    map: 64:ff9b::/96\n"
	  "  - dest: 192.0.2.10\n"
	  "    port: 5432\n"
	  "    proto: tcp\n"
	  "    to: \"[2001:db8::10]:6432\"\n"
	  "  - dest: 10.0.0.0/8\n"
	  "    netns: /run/netns/transition\n"
	  "  - dest: 203.0.113.7\n"
	  "    reject: ECONNREFUSED\n"
	  "default: pass\n",
	  { "map 198.51.100.0/24=64:ff9b::/96", "to tcp/192.0.2.10:5432=[2001:db8::10]:6432",
	    "netns 10.0.0.0/8=/run/netns/transition", "reject 203.0.113.7=ECONNREFUSED" } },
	/* the same, as a container runtime hands it over */
	{ "{\"rules\":[{\"dest\":\"198.51.100.0/24\",\"map\":\"64:ff9b::/96\"},"
	  "{\"dest\":\"192.0.2.10\",\"port\":5432,\"proto\":\"tcp\","
	  "\"to\":\"[2001:db8::10]:6432\"},"
	  "{\"dest\":\"10.0.0.0/8\",\"pass\":true}],\"default\":\"reject\"}",
	  { "map 198.51.100.0/24=64:ff9b::/96", "to tcp/192.0.2.10:5432=[2001:db8::10]:6432",
	    "pass 10.0.0.0/8" } },
	/* every key and every form of a value */
	{ "rules:\n"
	  "- {dest: 192.0.2.0/24, port: 80-90, proto: udp, map: '2001:db8::/32', local: 10.0.0.1}\n"
	  "- {dest: 192.0.2.1, port: '443', to: 198.51.100.1}\n"
	  "- {dest: 192.0.2.2, to: '2001:db8::1', local: 10.0.0.2}\n"
	  "- {dest: 0.0.0.0/0, netns: self}\n"
	  "- {dest: 192.0.2.3, reject: 13}\n"
	  "- dest: 192.0.2.4\n"
	  "  map: ::ffff:0:0/96\n"
	  "local: 192.0.2.200\n"
	  "landlock: swap\n"
	  "default: reject:EACCES\n",
	  { "map udp/192.0.2.0/24:80-90=2001:db8::/32 local 10.0.0.1",
	    "to 192.0.2.1:443=198.51.100.1", "to 192.0.2.2=2001:db8::1 local 10.0.0.2",
	    "netns 0.0.0.0/0=self", "reject 192.0.2.3=EACCES",
	    "map 192.0.2.4=::ffff:0.0.0.0/96" } },
	/* aliases */
	{ "rules:\n"
	  "- {dest: 192.0.2.0/24, map: &nat64 '64:ff9b::/96'}\n"
	  "- &twice {dest: 198.51.100.0/24, map: *nat64}\n"
	  "- *twice\n",
	  { "map 192.0.2.0/24=64:ff9b::/96", "map 198.51.100.0/24=64:ff9b::/96",
	    "map 198.51.100.0/24=64:ff9b::/96" } },
};

#define RULE_KEYS "the keys here are dest, port, proto, map, to, netns, reject, pass, local"
#define FILE_KEYS "the keys here are rules, default, local, landlock, io_uring, shared, " \
	"udp_queued, udp_send, recvmsg"
#define ACTIONS	  "expected one of map, to, netns, reject and pass"

/* The error without "FILE:". */
static const struct {
	const char *file, *error;
	size_t length; /* 0: up to the null byte */
} bad[] = {
	/* not YAML */
	{ "rules:\n  - dest: \"192.0.2.1\n",
	  "3: not YAML: found unexpected end of stream (while scanning a quoted scalar)" },
	{ "rules: [\n\n",
	  "3: not YAML: did not find expected node content (while parsing a flow node)" },
	{ "default: pass\n#\0\n", "2: not YAML in UTF-8: there is a null byte", 17 },
	{ "\xff\xfe\0", "1: not YAML in UTF-8: there is a null byte", 3 },
	{ "default: pass\nlocal: &a 192.0.2.1\nlandlock: &a pass\n",
	  "3: not YAML: second occurrence (found duplicate anchor; first occurrence)" },
	{ "default: \xff\xfe\n", "1: not YAML: invalid leading UTF-8 octet" },
	{ "default: pass\n\x01", "1: not YAML: control characters are not allowed" },
	{ "rules:\n- dest: 192.0.2.1\n\tpass: true\n",
	  "3: not YAML: found a tab character that violates indentation (while scanning a plain "
	  "scalar)" },
	{ "rules:\n  - {dest: 192.0.2.1, pass: true}\n  - *x\n",
	  "3: not YAML: found undefined alias" },
	/* not this kind of document */
	{ "pass", "1: expected a mapping, found text" },
	{ "\n\n- dest: 192.0.2.1\n", "3: expected a mapping, found a list" },
	{ "default: pass\n---\nrules: []\n", "2: another document starts here; expected one only" },
	{ "? [a]\n: b\n", "1: expected a single word as a key" },
	{ "\nrule: []\n", "2: unknown key 'rule'; " FILE_KEYS },
	{ "rules: []\n\"a\\eb\": 1\n", "2: unknown key 'a?b'; " FILE_KEYS },
	{ "default: pass\nrules: []\ndefault: pass\n", "3: key 'default' stands here twice" },
	{ "rules: []\n\nrules: []\n", "3: key 'rules' stands here twice" },
	{ "default: pass\nrules: pass\n", "2: rules: expected a list, found text" },
	{ "default: pass\nrules: {}\n", "2: rules: expected a list, found a mapping" },
	{ "rules: []\ndefault: [pass]\n", "2: default: expected text, found a list" },
	/* settings */
	{ "rules: []\ndefault: map\n",
	  "2: default: 'map' is no default; expected pass, reject or reject:ERRNO" },
	{ "default:\n", "1: default: '' is no default; expected pass, reject or reject:ERRNO" },
	{ "\n\nlocal: ::1\n", "3: local: '::1' is no IPv4 address; expected one like 192.0.2.1" },
	{ "rules: []\nlandlock: true\n",
	  "2: landlock: 'true' is nothing to do about Landlock; expected pass or swap" },
	/* the form of a rule */
	{ "rules:\n  - 192.0.2.1\n", "2: rules[0]: expected a mapping, found text" },
	{ "rules:\n  - {dest: 192.0.2.1, pass: true}\n  -\n",
	  "3: rules[1]: expected a mapping, found text" },
	{ "rules:\n  - [a]\n", "2: rules[0]: expected a mapping, found a list" },
	{ "rules:\n  - dest: 192.0.2.1\n    pass: true\n  - dest: 192.0.2.2\n\n    passs: true\n",
	  "6: rules[1]: unknown key 'passs'; " RULE_KEYS },
	{ "rules:\n  - {dest: 192.0.2.1, pass: true}\n  - pass: true\n    port: 80\n",
	  "3: rules[1]: no dest; every rule needs one" },
	{ "rules:\n  - dest: 192.0.2.1\n    pass: true\n    dest: 192.0.2.1\n",
	  "4: rules[0]: key 'dest' stands here twice" },
	{ "rules:\n  - dest: 192.0.2.1\n    to: [2001:db8::1]:80\n",
	  "3: not YAML: did not find expected key (while parsing a block mapping); quote an "
	  "address in brackets" },
	{ "rules:\n  - dest: 192.0.2.1\n    to: [2001:db8::1]\n",
	  "3: rules[0].to: expected text, found a list; quote an address in brackets" },
	{ "rules:\n  - port: {low: 80}\n    dest: 192.0.2.1\n",
	  "2: rules[0].port: expected text, found a mapping" },
	/* the action of a rule */
	{ "rules:\n  - {dest: 192.0.2.1, pass: true}\n  - dest: 192.0.2.2\n    port: 80\n",
	  "3: rules[1]: no action; " ACTIONS },
	{ "rules:\n  - dest: 192.0.2.1\n    pass: true\n    map: 64:ff9b::/96\n",
	  "2: rules[0]: both map and pass; " ACTIONS },
	{ "rules:\n  - dest: 192.0.2.1\n    to: 192.0.2.2\n    reject: EPERM\n    netns: self\n",
	  "2: rules[0]: both to and netns; " ACTIONS },
	{ "rules:\n  - dest: 192.0.2.1\n    pass: false\n",
	  "3: rules[0].pass: 'false' is not what pass can be; expected true" },
	/* the values of a rule */
	{ "rules:\n  - pass: true\n    dest: 192.0.2.1/24\n",
	  "3: rules[0].dest: '192.0.2.1/24' has bits set beyond its prefix; expected "
	  "192.0.2.0/24, or 192.0.2.1/32 for the one address" },
	{ "rules:\n  - pass: true\n    dest:\n",
	  "3: rules[0].dest: '' is no IPv4 address or prefix; expected one like 192.0.2.1 or "
	  "192.0.2.0/24 (0.0.0.0/0 for all)" },
	{ "rules:\n  - pass: true\n    dest: tcp/192.0.2.1\n",
	  "3: rules[0].dest: 'tcp/192.0.2.1' is no IPv4 address or prefix; expected one like "
	  "192.0.2.1 or 192.0.2.0/24 (0.0.0.0/0 for all)" },
	{ "rules:\n  - dest: 192.0.2.1\n    pass: true\n    port: 0\n",
	  "4: rules[0].port: '0' is no port; expected a number from 1 to 65535, or LOW-HIGH" },
	{ "rules:\n  - dest: 192.0.2.1\n    pass: true\n    port: 90-80\n",
	  "4: rules[0].port: port range '90-80' runs backwards; expected 80-90" },
	{ "rules:\n  - dest: 192.0.2.1\n    pass: true\n    proto: sctp\n",
	  "4: rules[0].proto: 'sctp' is no protocol that rules know; expected tcp or udp" },
	{ "rules:\n  - dest: 192.0.2.1\n    map: 64:ff9b::/95\n",
	  "3: rules[0].map: prefix length '95' of '64:ff9b::/95' cannot carry IPv4 addresses; "
	  "expected 32, 40, 48, 56, 64 or 96 (RFC 6052)" },
	{ "rules:\n  - dest: 192.0.2.1\n    to: example.com\n",
	  "3: rules[0].to: 'example.com' is no address to connect to; expected one like 192.0.2.1, "
	  "192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80" },
	{ "rules:\n  - dest: 192.0.2.1\n    netns: transition\n",
	  "3: rules[0].netns: 'transition' is no network namespace; expected an absolute path, or "
	  "self" },
	{ "rules:\n  - dest: 192.0.2.1\n    reject: true\n",
	  "3: rules[0].reject: 'true' is no error that rules know; expected ECONNREFUSED, EACCES, "
	  "EPERM, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, ECONNRESET, EADDRNOTAVAIL or a number from "
	  "1 to 133" },
	{ "rules:\n  - dest: 192.0.2.1\n    map: 64:ff9b::/96\n    local: here\n",
	  "4: rules[0].local: 'here' is no IPv4 address; expected one like 192.0.2.1" },
	{ "rules:\n  - dest: 192.0.2.1\n    to: 192.0.2.2\n    local: 10.0.0.1\n",
	  "4: rules[0].local: of no use to a rule that does not change the family; expected it "
	  "beside map, or to with an IPv6 address" },
	/* an alias: the line is the anchor's, where the text stands */
	{ "rules:\n  - &a {dest: 192.0.2.1}\n  - *a\n", "2: rules[0]: no action; " ACTIONS },
};

static struct policy *new_policy(void)
{
	struct policy *policy = NULL;

	assert_int_equal(policy_new(&policy), 0);
	return policy;
}

static void test_good(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		_cleanup_(policy_freep) struct policy *policy = new_policy();
		struct policy_error error;
		size_t count = 0;

		if (policy_add_yaml(policy, "good", good[i].file, strlen(good[i].file), &error) < 0)
			fail_msg("file %zu: %s", i, error.text);
		for (; count < MAX_RULES && good[i].rules[count]; count++) {
			assert_true(count < policy_count(policy));
			assert_string_equal(policy_rule(policy, count)->text, good[i].rules[count]);
		}
		assert_int_equal(policy_count(policy), count);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		_cleanup_(policy_freep) struct policy *policy = new_policy();
		size_t length = bad[i].length ? bad[i].length : strlen(bad[i].file);
		struct policy_error error = {};
		char expected[512];
		int r;

		snprintf(expected, sizeof(expected), "some.yaml:%s", bad[i].error);
		r = policy_add_yaml(policy, "some.yaml", bad[i].file, length, &error);
		assert_int_equal(r, -EINVAL);
		assert_string_equal(error.text, expected);
		assert_int_equal(policy_count(policy), 0);
		r = policy_add_yaml(policy, "some.yaml", bad[i].file, length, NULL);
		assert_int_equal(r, -EINVAL);
	}
}

/* Cut anywhere, or with any byte changed, a file is read or refused with its name and a line. */
static void test_damaged(void **state)
{
	static const char bytes[] = { '\0', '\n', '\t', ' ', '[', '{',
				      '&',  '*',  '-',	':', '"', '\x80' };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		size_t length = strlen(good[i].file);

		for (size_t at = 0; at < length * (sizeof(bytes) + 1); at++) {
			_cleanup_(policy_freep) struct policy *policy = new_policy();
			_cleanup_free_ char *text = strdup(good[i].file);
			size_t place = at / (sizeof(bytes) + 1), what = at % (sizeof(bytes) + 1);
			struct policy_error error = {};
			unsigned int line;
			int r;

			assert_non_null(text);
			if (what < sizeof(bytes))
				text[place] = bytes[what];
			r = policy_add_yaml(policy, "x", text,
					    what < sizeof(bytes) ? length : place, &error);
			if (r == 0)
				continue;
			assert_int_equal(r, -EINVAL);
			if (sscanf(error.text, "x:%u: ", &line) != 1 || line == 0)
				fail_msg("%s of:\n%s", error.text, text);
			assert_int_equal(policy_count(policy), 0);
		}
	}
}

/* A file that is wrong at its end changes nothing; one that is right adds to what there is. */
static void test_all_or_nothing(void **state)
{
	static const char wrong[] = "local: 10.0.0.1\n"
				    "default: reject\n"
				    "rules:\n"
				    "- {dest: 192.0.2.1, netns: /a}\n"
				    "- {dest: 192.0.2.2, netns: b}\n",
			  also_wrong[] = "rules:\n"
					 "- {dest: 192.0.2.1, netns: /a}\n"
					 "default: reject\n"
					 "landlock: no\n",
			  right[] = "local: 10.0.0.1\n"
				    "landlock: swap\n"
				    "rules:\n"
				    "- {dest: 192.0.2.1, netns: /a}\n",
			  more[] = "local: 10.0.0.2\n";
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	struct sockaddr_in dest = { .sin_family = AF_INET, .sin_addr.s_addr = 0x08080808 };
	struct policy_decision decision;

	assert_int_equal(policy_add(policy, POLICY_PASS, "198.51.100.1", NULL), 0);
	assert_int_equal(policy_add_yaml(policy, "x", wrong, strlen(wrong), NULL), -EINVAL);
	assert_int_equal(policy_add_yaml(policy, "x", also_wrong, strlen(also_wrong), NULL),
			 -EINVAL);
	assert_int_equal(policy_count(policy), 1);
	assert_int_equal(policy_local(policy).s_addr, htonl(0xc0000002));
	policy_decide(policy, &dest, POLICY_PROTO_TCP, &decision);
	assert_int_equal(decision.action, POLICY_PASS);

	assert_int_equal(policy_add_yaml(policy, "x", right, strlen(right), NULL), 0);
	assert_int_equal(policy_add_yaml(policy, "x", more, strlen(more), NULL), 0);
	assert_int_equal(policy_count(policy), 2);
	assert_int_equal(policy_rule(policy, 1)->index, 1);
	assert_int_equal(policy_local(policy).s_addr, htonl(0x0a000002));
	assert_true(policy_has(policy, POLICY_LANDLOCK_SWAP));
}

static int file_of(const char *text, size_t length)
{
	int fd = memfd_create("policy", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void test_file(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	_cleanup_close_ int fd = -EBADF, input = -EBADF;
	struct policy_error error = {};
	char path[64], expected[128];

	fd = file_of(good[9].file, strlen(good[9].file));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(policy_add_file(policy, path, &error), 0);
	assert_int_equal(policy_count(policy), 4);
	fd_close(fd);

	fd = file_of("\nrules: x\n", 10);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(policy_add_file(policy, path, &error), -EINVAL);
	snprintf(expected, sizeof(expected), "%s:2: rules: expected a list, found text", path);
	assert_string_equal(error.text, expected);

	assert_int_equal(policy_add_file(policy, "/nonexistent/reseat.yaml", &error), -ENOENT);
	assert_string_equal(error.text,
			    "/nonexistent/reseat.yaml: cannot open: No such file or directory");
	assert_int_equal(policy_add_file(policy, "/", &error), -EISDIR);
	assert_string_equal(error.text, "/: cannot read: Is a directory");
	assert_int_equal(policy_add_file(policy, "/dev/zero", &error), -EFBIG);
	assert_string_equal(error.text, "/dev/zero: cannot read: File too large");

	input = dup(STDIN_FILENO);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	lseek(STDIN_FILENO, 0, SEEK_SET);
	assert_int_equal(policy_add_file(policy, "-", &error), -EINVAL);
	assert_string_equal(error.text, "<standard input>:2: rules: expected a list, found text");
	if (input >= 0)
		dup2(input, STDIN_FILENO);
	assert_int_equal(policy_count(policy), 4);
}

/* Many rules, more than one buffer; the wrong one is found by its line. */
static void test_large(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	_cleanup_free_ char *text = NULL;
	struct policy_error error = {};
	size_t length;
	FILE *out;

	out = open_memstream(&text, &length);
	assert_non_null(out);
	fprintf(out, "rules:\n");
	for (int i = 0; i < 5000; i++)
		fprintf(out, "- dest: 10.0.%d.%d\n  map: 64:ff9b::/96\n", i / 256, i % 256);
	fflush(out);
	assert_int_equal(policy_add_yaml(policy, "large", text, length, &error), 0);
	assert_int_equal(policy_count(policy), 5000);
	fprintf(out, "- dest: 10.0.0.0\n  map: 64:ff9b::/97\n");
	fclose(out);
	assert_int_equal(policy_add_yaml(policy, "large", text, length, &error), -EINVAL);
	assert_non_null(strstr(error.text, "large:10003: rules[5000].map: "));
	assert_int_equal(policy_count(policy), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	cmocka_unit_test(test_bad),
		cmocka_unit_test(test_damaged), cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_file),	cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
