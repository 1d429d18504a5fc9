// SPDX-License-Identifier: LGPL-2.1-or-later
/* Policy files, reseat.yaml(5): from the texts under the keys to rules, all of a file or nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/parse.h"
#include "policy/policy.h"
#include "policy/rules.h"
#include "policy/schema.h"
#include "policy/where.h"

/* A policy file has no reason to be larger; a device or a wrong path may be without end. */
#define FILE_MAX_BYTES (16 * 1024 * 1024)

/* The text that is being read, for messages. */
struct source {
	const char *name;
	struct where where;
};

/* Put "FILE:LINE: rules[i].field: " before the reason in @error. */
static void add_place(const struct source *source, int index, const char *field,
		      struct policy_error *error)
{
	struct policy_error reason;
	unsigned int line;

	if (!error)
		return;
	reason = *error;
	line = field ? where_field(&source->where, index, field, 0)
		     : where_rule(&source->where, index);
	if (index == WHERE_TOP)
		policy_fail(error, "%s:%u: %s: %s", source->name, line, field, reason.text);
	else
		policy_fail(error, "%s:%u: rules[%d]%s%s: %s", source->name, line, index,
			    field ? "." : "", field ? field : "", reason.text);
}

/* The one action of a rule. */
static int find_action(const struct schema_rule *read, enum policy_action *ret,
		       const char **ret_field, const char **ret_value, struct policy_error *error)
{
	const struct {
		enum policy_action action;
		const char *value;
	} actions[] = {
		{ POLICY_MAP, read->map },     { POLICY_TO, read->to },
		{ POLICY_NETNS, read->netns }, { POLICY_REJECT, read->reject },
		{ POLICY_PASS, read->pass },
	};
	const char *value = NULL;
	enum policy_action action = POLICY_PASS;

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (!actions[i].value)
			continue;
		if (value)
			return policy_fail(error,
					   "both %s and %s; expected one of map, to, netns, reject "
					   "and pass",
					   policy_action_name(action),
					   policy_action_name(actions[i].action));
		action = actions[i].action;
		value = actions[i].value;
	}
	if (!value)
		return policy_fail(error,
				   "no action; expected one of map, to, netns, reject and pass");
	*ret = action;
	*ret_field = policy_action_name(action);
	*ret_value = value;
	return 0;
}

static int read_local(const char *text, struct policy_rule *rule, struct policy_error *error)
{
	int r;

	if (rule->action != POLICY_MAP &&
	    !(rule->action == POLICY_TO && rule->to_family == AF_INET6))
		return policy_fail(error,
				   "of no use to a rule that does not change the family; expected "
				   "it beside map, or to with an IPv6 address");
	r = parse_ipv4(text, &rule->local, error);
	if (r == 0)
		rule->has_local = true;
	return r;
}

/* Fill in a rule. @ret_field receives the key that is wrong on failure; NULL: the rule itself is.
 */
static int read_rule(const struct schema_rule *read, struct policy_rule *rule,
		     const char **ret_field, struct policy_error *error)
{
	enum policy_action action = POLICY_PASS;
	const char *field = NULL, *value = NULL;
	int r;

	*ret_field = "dest";
	r = parse_dest(read->dest, rule, error);
	if (r < 0)
		return r;
	*ret_field = "port";
	if (read->port) {
		r = parse_ports(read->port, rule, error);
		if (r < 0)
			return r;
	}
	*ret_field = "proto";
	if (read->proto) {
		r = parse_proto(read->proto, rule, error);
		if (r < 0)
			return r;
	}
	*ret_field = NULL;
	r = find_action(read, &action, &field, &value, error);
	if (r < 0)
		return r;
	*ret_field = field;
	if (action == POLICY_PASS && strcmp(value, "true") != 0)
		return policy_fail(error, "'%s' is not what pass can be; expected true", value);
	r = parse_value(action, value, rule, error);
	if (r < 0)
		return r;
	*ret_field = "local";
	return read->local ? read_local(read->local, rule, error) : 0;
}

static int read_settings(const struct source *source, const struct schema_file *file,
			 struct policy *settings, struct policy_error *error)
{
	const char *key = "default";
	int r = 0;

	if (file->default_action)
		r = policy_set_default(settings, file->default_action, error);
	if (r == 0 && file->local) {
		key = "local";
		r = policy_set_local(settings, file->local, error);
	}
	for (enum policy_setting i = 0; r == 0 && i < POLICY_SETTING_COUNT; i++) {
		if (!file->settings[i])
			continue;
		key = policy_setting_key(i);
		r = policy_set(settings, i, file->settings[i], error);
	}
	if (r == -EINVAL)
		add_place(source, WHERE_TOP, key, error);
	return r;
}

static int read_rules(const struct source *source, const struct schema_file *file,
		      struct policy_rule *rules, struct policy_error *error)
{
	for (unsigned int i = 0; i < file->rules_count; i++) {
		const char *field;
		int r;

		policy_rule_init(&rules[i]);
		r = read_rule(&file->rules[i], &rules[i], &field, error);
		if (r < 0) {
			if (r == -EINVAL)
				add_place(source, i, field, error);
			return r;
		}
	}
	return 0;
}

/* With what libcyaml read: rules first, then settings, and only then the policy is touched. */
static int add_source(struct policy *policy, const struct source *source,
		      const struct schema_file *file, struct policy_error *error)
{
	struct policy settings = *policy; /* for the settings only; its rules are not its own */
	struct policy_rule *rules = NULL;
	int r;

	if (file->rules_count) {
		rules = calloc(file->rules_count, sizeof(*rules));
		if (!rules)
			return policy_fail_memory(error);
	}
	r = read_rules(source, file, rules, error);
	if (r == 0)
		r = read_settings(source, file, &settings, error);
	if (r == 0 && file->rules_count) {
		r = policy_append(policy, rules, file->rules_count);
		if (r < 0)
			policy_fail_memory(error);
	}
	if (r == 0) {
		policy->default_action = settings.default_action;
		policy->default_errno = settings.default_errno;
		policy->local = settings.local;
		memcpy(policy->settings, settings.settings, sizeof(policy->settings));
	}
	for (unsigned int i = 0; i < file->rules_count; i++)
		policy_rule_clear(&rules[i]);
	free(rules);
	return r;
}

int policy_add_yaml(struct policy *policy, const char *name, const char *text, size_t length,
		    struct policy_error *error)
{
	_cleanup_(schema_freep) struct schema_file *file = NULL;
	struct source source = { .name = name };
	int r;

	r = where_load(name, text, length, &source.where, error);
	if (r == 0)
		r = schema_load(name, text, length, &source.where, &file, error);
	if (r == 0 && file)
		r = add_source(policy, &source, file, error);
	where_unload(&source.where);
	return r;
}

static int read_all(int fd, char **ret_text, size_t *ret_length)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0, size = 0;

	for (;;) {
		ssize_t n;

		if (length == size) {
			char *larger;

			if (size >= FILE_MAX_BYTES)
				return -EFBIG;
			size = size ? size * 2 : 4096;
			larger = realloc(text, size);
			if (!larger)
				return -ENOMEM;
			text = larger;
		}
		n = read(fd, text + length, size - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += n;
	}
	*ret_text = text;
	*ret_length = length;
	text = NULL;
	return 0;
}

int policy_add_file(struct policy *policy, const char *path, struct policy_error *error)
{
	bool standard = strcmp(path, "-") == 0;
	const char *name = standard ? "<standard input>" : path;
	_cleanup_close_ int opened = -EBADF;
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r;

	if (!standard) {
		opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (opened < 0) {
			r = -errno;
			policy_fail(error, "%s: cannot open: %s", name, strerror(-r));
			return r;
		}
	}
	r = read_all(standard ? STDIN_FILENO : opened, &text, &length);
	if (r < 0) {
		policy_fail(error, "%s: cannot read: %s", name, strerror(-r));
		return r;
	}
	return policy_add_yaml(policy, name, text, length, error);
}
