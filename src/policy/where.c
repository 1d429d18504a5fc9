// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where in a YAML text something stands; see where.h. */
#include "policy/where.h"

#include <errno.h>
#include <string.h>

#include "policy/rules.h"

/* libyaml takes a null byte for the end of the text and would leave out what follows. */
static int refuse_null(const char *name, const char *text, size_t length,
		       struct policy_error *error)
{
	const char *null = memchr(text, '\0', length);
	unsigned int line = 1;

	if (!null)
		return 0;
	for (const char *c = text; c < null; c++)
		line += *c == '\n';
	return policy_fail(error, "%s:%u: not YAML in UTF-8: there is a null byte", name, line);
}

/* There is one document in a file; a second would be passed over in silence. */
static int refuse_second(const char *name, yaml_parser_t *parser, struct policy_error *error)
{
	yaml_document_t second;
	unsigned int line = 0;

	if (!yaml_parser_load(parser, &second))
		return 0; /* the caller looks at the parser */
	if (yaml_document_get_root_node(&second))
		line = second.start_mark.line + 1;
	yaml_document_delete(&second);
	if (!line)
		return 0;
	return policy_fail(error, "%s:%u: another document starts here; expected one only", name,
			   line);
}

/* Say what is no YAML. An address in brackets, unquoted, is what people run into: a list to YAML.
 */
static int refuse_syntax(const char *name, const char *text, size_t length,
			 const yaml_parser_t *parser, struct policy_error *error)
{
	const char *line = text, *end = text + length, *newline;

	for (size_t i = 0; i < parser->problem_mark.line; i++) {
		newline = memchr(line, '\n', end - line);
		if (!newline)
			break;
		line = newline + 1;
	}
	newline = memchr(line, '\n', end - line);
	if (newline)
		end = newline;
	return policy_fail(
		error, "%s:%zu: not YAML: %s%s%s%s%s", name, parser->problem_mark.line + 1,
		parser->problem ? parser->problem : "it cannot be read",
		parser->context ? " (" : "", parser->context ? parser->context : "",
		parser->context ? ")" : "",
		memmem(line, end - line, ": [", 3) ? "; quote an address in brackets" : "");
}

int where_load(const char *name, const char *text, size_t length, struct where *ret,
	       struct policy_error *error)
{
	yaml_parser_t parser;
	int r;

	ret->loaded = false;
	if (length == 0)
		return 0;
	r = refuse_null(name, text, length, error);
	if (r < 0)
		return r;
	if (!yaml_parser_initialize(&parser))
		return policy_fail_memory(error);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	ret->loaded = yaml_parser_load(&parser, &ret->document);
	if (ret->loaded && yaml_document_get_root_node(&ret->document))
		r = refuse_second(name, &parser, error);
	if (parser.error == YAML_MEMORY_ERROR)
		r = policy_fail_memory(error);
	else if (parser.error != YAML_NO_ERROR)
		r = refuse_syntax(name, text, length, &parser, error);
	yaml_parser_delete(&parser);
	return r;
}

void where_unload(struct where *where)
{
	if (where->loaded)
		yaml_document_delete(&where->document);
	where->loaded = false;
}

/* libyaml's own accessors take a document that they could change. */
static yaml_document_t *document(const struct where *where)
{
	return (yaml_document_t *)&where->document;
}

static yaml_node_t *root(const struct where *where)
{
	return where->loaded ? yaml_document_get_root_node(document(where)) : NULL;
}

static bool is_key(const yaml_node_t *node, const char *key)
{
	return node && node->type == YAML_SCALAR_NODE && node->data.scalar.length == strlen(key) &&
	       memcmp(node->data.scalar.value, key, node->data.scalar.length) == 0;
}

static const yaml_node_pair_t *find_pair(const struct where *where, const yaml_node_t *mapping,
					 const char *key, unsigned int occurrence)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		if (is_key(yaml_document_get_node(document(where), pair->key), key) &&
		    occurrence-- == 0)
			return pair;
	}
	return NULL;
}

static const yaml_node_t *find_rule(const struct where *where, int index)
{
	const yaml_node_pair_t *pair;
	const yaml_node_t *rules;

	if (index < 0)
		return root(where);
	pair = find_pair(where, root(where), "rules", 0);
	if (!pair)
		return NULL;
	rules = yaml_document_get_node(document(where), pair->value);
	if (!rules || rules->type != YAML_SEQUENCE_NODE)
		return NULL;
	if (index >= rules->data.sequence.items.top - rules->data.sequence.items.start)
		return NULL;
	return yaml_document_get_node(document(where), rules->data.sequence.items.start[index]);
}

unsigned int where_rule(const struct where *where, int index)
{
	const yaml_node_t *rule = find_rule(where, index);

	return rule ? rule->start_mark.line + 1 : 0;
}

unsigned int where_field(const struct where *where, int index, const char *key,
			 unsigned int occurrence)
{
	const yaml_node_pair_t *pair = find_pair(where, find_rule(where, index), key, occurrence);

	if (!pair)
		return 0;
	return yaml_document_get_node(document(where), pair->key)->start_mark.line + 1;
}
