// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A policy file as libcyaml reads it, and libcyaml's complaints in words for a person.
 *
 * libcyaml reports through a log function: first one line that says what is wrong, then a backtrace
 * from the inside out whose places are those of the last thing that it had understood. The
 * complaint is collected here and the path in the backtrace looked up again (where.h) for the line
 * itself.
 */
#include "policy/schema.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/rules.h"
#include "policy/where.h"

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, flags, structure, member)                                                        \
	CYAML_FIELD_STRING_PTR(key, flags, structure, member, 0, CYAML_UNLIMITED)

static const cyaml_schema_field_t rule_fields[] = {
	TEXT("dest", CYAML_FLAG_POINTER, struct schema_rule, dest),
	TEXT("port", OPTIONAL, struct schema_rule, port),
	TEXT("proto", OPTIONAL, struct schema_rule, proto),
	TEXT("map", OPTIONAL, struct schema_rule, map),
	TEXT("to", OPTIONAL, struct schema_rule, to),
	TEXT("netns", OPTIONAL, struct schema_rule, netns),
	TEXT("reject", OPTIONAL, struct schema_rule, reject),
	TEXT("pass", OPTIONAL, struct schema_rule, pass),
	TEXT("local", OPTIONAL, struct schema_rule, local),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t rule_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct schema_rule, rule_fields),
};

static const cyaml_schema_field_t file_fields[] = {
	CYAML_FIELD_SEQUENCE_COUNT("rules", CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL,
				   struct schema_file, rules, rules_count, &rule_value, 0,
				   CYAML_UNLIMITED),
	TEXT("default", OPTIONAL, struct schema_file, default_action),
	TEXT("local", OPTIONAL, struct schema_file, local),
	TEXT("landlock", OPTIONAL, struct schema_file, settings[POLICY_LANDLOCK_SWAP]),
	TEXT("io_uring", OPTIONAL, struct schema_file, settings[POLICY_IO_URING_ALLOW]),
	TEXT("shared", OPTIONAL, struct schema_file, settings[POLICY_SHARED_PASS]),
	TEXT("udp_queued", OPTIONAL, struct schema_file, settings[POLICY_UDP_QUEUED_DROP]),
	TEXT("udp_send", OPTIONAL, struct schema_file, settings[POLICY_UDP_SEND_SWAP]),
	TEXT("recvmsg", OPTIONAL, struct schema_file, settings[POLICY_RECVMSG_TRANSLATE]),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER_NULL_STR, struct schema_file, file_fields),
};

/* What libcyaml said. */
struct complaint {
	char text[256];	   /* without "Load: "; empty: nothing yet */
	int rule;	   /* index of the rule that it is about, or WHERE_TOP */
	char field[32];	   /* the field that it is about, or empty */
	unsigned int line; /* the innermost place of the backtrace; 0: none */
};

static void collect(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	struct complaint *complaint = context;
	unsigned int line = 0, entry;
	char whole[256], field[32];
	const char *text = whole;
	char *end;

	vsnprintf(whole, sizeof(whole), format, arguments);
	end = strchr(whole, '\n');
	if (end)
		*end = '\0';
	if (strncmp(text, "Load: ", 6) == 0)
		text += 6;
	if (sscanf(text, "  in mapping field '%31[^']' (line: %u", field, &line) > 0) {
		if (complaint->rule == WHERE_TOP && strcmp(field, "rules") != 0)
			snprintf(complaint->field, sizeof(complaint->field), "%s", field);
	} else if (sscanf(text, "  in sequence entry '%u' (line: %u", &entry, &line) > 0) {
		complaint->rule = entry > 0 ? (int)entry - 1 : 0; /* counts those that it began */
	} else if (sscanf(text, "  in mapping (line: %u", &line) < 1 &&
		   strncmp(text, "Backtrace:", 10) != 0 && !*complaint->text) {
		snprintf(complaint->text, sizeof(complaint->text), "%s", text);
	}
	if (line && !complaint->line)
		complaint->line = line;
}

static const cyaml_config_t quiet = {
	.mem_fn = cyaml_mem,
	.log_level = CYAML_LOG_ERROR,
};

void schema_free(struct schema_file *file)
{
	if (file)
		cyaml_free(&quiet, &file_value, file, 0);
}

void schema_freep(struct schema_file **file)
{
	schema_free(*file);
	*file = NULL;
}

static void list_keys(const cyaml_schema_field_t *fields, char *ret, size_t size)
{
	size_t at = 0;

	*ret = '\0';
	for (size_t i = 0; fields[i].key && at < size; i++)
		at += snprintf(ret + at, size - at, "%s%s", i == 0 ? "" : ", ", fields[i].key);
}

/* libyaml's events and libcyaml's types in the words of the manual page. */
static const char *kind(const char *name)
{
	static const struct {
		const char *name, *kind;
	} kinds[] = {
		{ "STRING", "text" },
		{ "SCALAR", "text" },
		{ "SEQUENCE", "a list" },
		{ "MAPPING", "a mapping" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strncmp(name, kinds[i].name, strlen(kinds[i].name)) == 0)
			return kinds[i].kind;
	}
	return name;
}

/* "rules[2].port: ", "rules[2]: ", "default: " or nothing. */
static void print_place(const struct complaint *complaint, const char *field, char *ret,
			size_t size)
{
	if (complaint->rule == WHERE_TOP && !*field)
		*ret = '\0';
	else if (complaint->rule == WHERE_TOP)
		snprintf(ret, size, "%s: ", field);
	else
		snprintf(ret, size, "rules[%d]%s%s: ", complaint->rule, *field ? "." : "", field);
}

/* Say what libcyaml complained of. Return: the line, or 0 where the tree does not have it. */
static unsigned int explain(const struct complaint *complaint, const struct where *where, char *ret,
			    size_t size)
{
	const char *text = complaint->text, *name;
	bool top = complaint->rule == WHERE_TOP, quote;
	char place[64], keys[256], wanted[32], got[32];

	print_place(complaint, "", place, sizeof(place));
	if (strncmp(text, "Unexpected key: ", 16) == 0) {
		name = text + 16;
		list_keys(top ? file_fields : rule_fields, keys, sizeof(keys));
		snprintf(ret, size, "%sunknown key '%s'; the keys here are %s", place, name, keys);
		return where_field(where, complaint->rule, name, 0);
	}
	if (strncmp(text, "Mapping field already seen: ", 28) == 0) {
		name = text + 28;
		snprintf(ret, size, "%skey '%s' stands here twice", place, name);
		return where_field(where, complaint->rule, name, 1);
	}
	if (strncmp(text, "Missing required mapping field: ", 32) == 0) {
		snprintf(ret, size, "%sno %s; every rule needs one", place, text + 32);
		return where_rule(where, complaint->rule);
	}
	if (sscanf(text, "Expecting %31[^,], got event: %31s", wanted, got) == 2) {
		name = complaint->field;
		if (top && strcmp(wanted, "SEQUENCE") == 0)
			name = "rules"; /* the one list that there is */
		print_place(complaint, name, place, sizeof(place));
		quote = strcmp(name, "to") == 0 && strcmp(kind(got), "a list") == 0;
		snprintf(ret, size, "%sexpected %s, found %s%s", place, kind(wanted), kind(got),
			 quote ? "; quote an address in brackets" : "");
		return *name ? where_field(where, complaint->rule, name, 0)
			     : where_rule(where, complaint->rule);
	}
	if (!*text) { /* libcyaml has no words for this one */
		snprintf(ret, size, "%sexpected a single word as a key", place);
		return 0;
	}
	print_place(complaint, complaint->field, place, sizeof(place));
	snprintf(ret, size, "%s%s", place, text);
	return *complaint->field ? where_field(where, complaint->rule, complaint->field, 0)
				 : where_rule(where, complaint->rule);
}

int schema_load(const char *name, const char *text, size_t length, const struct where *where,
		struct schema_file **ret, struct policy_error *error)
{
	struct complaint complaint = { .rule = WHERE_TOP };
	const cyaml_config_t config = {
		.log_fn = collect,
		.log_ctx = &complaint,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
	};
	struct schema_file *file = NULL;
	unsigned int line;
	char words[400];
	cyaml_err_t err;

	err = cyaml_load_data((const uint8_t *)text, length, &config, &file_value,
			      (cyaml_data_t **)&file, NULL);
	if (err == CYAML_ERR_OOM)
		return policy_fail_memory(error);
	if (err != CYAML_OK) {
		line = explain(&complaint, where, words, sizeof(words));
		if (!line)
			line = complaint.line ? complaint.line : 1;
		return policy_fail(error, "%s:%u: %s", name, line, words);
	}
	*ret = file;
	return 0;
}
