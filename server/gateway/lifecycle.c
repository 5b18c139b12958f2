#include "server/gateway/lifecycle.h"

#include "common/base/attr.h"
#include "common/base/secret.h"
#include "common/codec/date.h"
#include "common/codec/hex.h"
#include "common/codec/uri.h"
#include "server/gateway/config_document.h"
#include "server/gateway/ops.h"

enum {
	ID_MAX = 255,         /* characters */
	ID_RANDOM_BYTES = 16,
	KEEP_MAX = 100,       /* older versions that a rule keeps (S3) */
	TAGS_MAX = 10,        /* an object has no more */
	TRANSITIONS_MAX = 16, /* of a rule: more than S3 has classes */
	HEADER_MAX_BYTES = 1024,
	NS_PER_MS = 1000000,
	MS_PER_DAY = 86400 * 1000,
};

/* --- the document --- */

static enum s3error check_id(struct bytes text)
{
	return shape_characters(text) <= ID_MAX ? S3E_NONE : S3E_RULE_ID_LENGTH;
}

static enum s3error check_prefix(struct bytes text)
{
	return text.n <= INDEX_KEY_MAX ? S3E_NONE : S3E_INVALID_REQUEST;
}

static enum s3error check_days(struct bytes text)
{
	uint64_t days;
	bool negative = text.n > 1 && text.p[0] == '-';
	if (bytes_u64(negative ? bytes_skip(text, 1) : text, &days) != OK) {
		return S3E_MALFORMED_XML;
	}
	return !negative && days > 0 && days <= INT32_MAX ? S3E_NONE : S3E_RULE_DAYS;
}

static enum s3error check_date(struct bytes text)
{
	uint64_t ns;
	bool midnight = date_read_iso(text, &ns) == OK && ns % (NS_PER_MS * (uint64_t)MS_PER_DAY) == 0;
	return midnight && ns > 0 ? S3E_NONE : S3E_RULE_DATE;
}

static enum s3error check_size(struct bytes text)
{
	uint64_t size;
	return bytes_u64(text, &size) == OK ? S3E_NONE : S3E_MALFORMED_XML;
}

static enum s3error check_status(struct bytes text)
{
	bool good = bytes_is(text, "Enabled") || bytes_is(text, "Disabled");
	return good ? S3E_NONE : S3E_MALFORMED_XML;
}

/* A rule's tag is one that an object can have. */
static const struct shape tag_children[] = {{"Key", 1, 1}, {"Value", 1, 1}, {NULL}};
static const struct shape and_children[] = {
	{"Prefix", 0, 1, NULL, check_prefix},
	{"ObjectSizeGreaterThan", 0, 1, NULL, check_size},
	{"ObjectSizeLessThan", 0, 1, NULL, check_size},
	{"Tag", 0, TAGS_MAX, tag_children},
	{NULL},
};
static const struct shape filter_children[] = {
	{"Prefix", 0, 1, NULL, check_prefix},
	{"ObjectSizeGreaterThan", 0, 1, NULL, check_size},
	{"ObjectSizeLessThan", 0, 1, NULL, check_size},
	{"Tag", 0, 1, tag_children},
	{"And", 0, 1, and_children},
	{NULL},
};
static const struct shape expiration_children[] = {
	{"Days", 0, 1, NULL, check_days},
	{"Date", 0, 1, NULL, check_date},
	{"ExpiredObjectDeleteMarker", 0, 1, NULL, shape_is_bool},
	{NULL},
};
static const struct shape abort_children[] = {
	{"DaysAfterInitiation", 1, 1, NULL, check_days},
	{NULL},
};
static enum s3error check_keep(struct bytes text)
{
	uint64_t n;
	if (bytes_u64(text, &n) != OK) {
		return S3E_MALFORMED_XML;
	}
	return n >= 1 && n <= KEEP_MAX ? S3E_NONE : S3E_INVALID_ARGUMENT;
}

static const struct shape noncurrent_children[] = {
	{"NoncurrentDays", 1, 1, NULL, check_days},
	{"NewerNoncurrentVersions", 0, 1, NULL, check_keep},
	{NULL},
};
static enum s3error check_transition_days(struct bytes text)
{
	return bytes_is(text, "0") ? S3E_NONE : check_days(text);
}

static const struct shape transition_children[] = {
	{"Days", 0, 1, NULL, check_transition_days},
	{"Date", 0, 1, NULL, check_date},
	{"StorageClass", 0, 1},
	{NULL},
};
static const struct shape rule_children[] = {
	{"ID", 0, 1, NULL, check_id},
	{"Prefix", 0, 1, NULL, check_prefix},
	{"Filter", 0, 1, filter_children},
	{"Status", 1, 1, NULL, check_status},
	{"Expiration", 0, 1, expiration_children},
	{"AbortIncompleteMultipartUpload", 0, 1, abort_children},
	{"NoncurrentVersionExpiration", 0, 1, noncurrent_children},
	{"Transition", 0, TRANSITIONS_MAX, transition_children, .unbuilt = true},
	{"NoncurrentVersionTransition", 0, 1, .unbuilt = true},
	{NULL},
};
static const struct shape lifecycle_children[] = {
	{"Rule", 1, LIFECYCLE_RULES_MAX, rule_children}, {NULL}};
const struct shape lifecycle_shape = {"LifecycleConfiguration", 1, 1, lifecycle_children};

static size_t children(const struct xml_node *node)
{
	size_t n = 0;
	for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
		n++;
	}
	return n;
}

static struct xml_node *child_of(struct xml_node *node, const char *name)
{
	struct xml_node *child = node->child;
	while (child != NULL && !bytes_is(child->name, name)) {
		child = child->next;
	}
	return child;
}

/* What selects: Prefix of the rule, or Filter with one condition, or several in And. */
static enum s3error check_filter(const struct xml_node *rule)
{
	const struct xml_node *filter = xml_child(rule, "Filter");
	const struct xml_node *all = xml_child(filter, "And");
	if ((xml_child(rule, "Prefix") != NULL) == (filter != NULL)) {
		return S3E_MALFORMED_XML;
	}
	if (filter != NULL && children(filter) > 1) {
		return S3E_MALFORMED_XML;
	}
	return all != NULL && children(all) < 2 ? S3E_MALFORMED_XML : S3E_NONE;
}

static enum s3error check_actions(const struct xml_node *rule, const struct lifecycle_rule *read)
{
	const struct xml_node *expiration = xml_child(rule, "Expiration");
	if (expiration != NULL && children(expiration) != 1) {
		return S3E_MALFORMED_XML;
	}
	if (expiration == NULL && read->abort_days == 0 && read->noncurrent_days == 0) {
		return S3E_RULE_ACTION;
	}
	bool sized = read->size_over != 0 || read->size_under != UINT64_MAX;
	if ((sized || read->n_tags > 0) && (read->abort_days != 0 || read->markers)) {
		return S3E_RULE_FILTER;
	}
	TRY_S3(object_tags_check(read->tags, read->n_tags));
	return sized && read->size_over >= read->size_under ? S3E_INVALID_REQUEST : S3E_NONE;
}

static enum s3error give_id(struct arena *a, struct xml_node *rule)
{
	uint8_t random[ID_RANDOM_BYTES];
	char text[2 * ID_RANDOM_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));
	struct xml_node *id = child_of(rule, "ID");
	random_bytes(random, sizeof(random));
	hex_write(&w, bytes_of(random, sizeof(random)));
	struct bytes made = arena_copy(a, writer_bytes(&w));
	if (made.p == NULL) {
		return S3E_SLOW_DOWN;
	}
	if (id != NULL) {
		id->text = made;
		return S3E_NONE;
	}
	return shape_add(a, rule, "ID", made) ? S3E_NONE : S3E_SLOW_DOWN;
}

static bool id_is_new(const struct lifecycle *l, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (bytes_equal(l->rules[k].id, l->rules[i].id)) {
			return false;
		}
	}
	return true;
}

enum s3error lifecycle_check(struct arena *a, struct xml_node *root)
{
	struct lifecycle l;
	size_t i = 0;
	for (struct xml_node *rule = root->child; rule != NULL; rule = rule->next) {
		if (xml_text(rule, "ID").n == 0) {
			TRY_S3(give_id(a, rule));
		}
	}
	TRY_S3(lifecycle_read(a, root, &l));
	for (const struct xml_node *rule = root->child; rule != NULL; rule = rule->next, i++) {
		TRY_S3(check_filter(rule));
		TRY_S3(check_actions(rule, &l.rules[i]));
		if (!id_is_new(&l, i)) {
			return S3E_RULE_ID_TWICE;
		}
	}
	return S3E_NONE;
}

/* --- reading --- */

static uint64_t number(const struct xml_node *node, const char *name, uint64_t fallback)
{
	uint64_t value = fallback;
	struct bytes text = xml_text(node, name);
	return text.n > 0 && bytes_u64(text, &value) != OK ? fallback : value;
}

static enum s3error read_tags(struct arena *a, const struct xml_node *where,
                              struct lifecycle_rule *ret)
{
	const struct xml_node *tag = xml_child(where, "Tag");
	if (tag == NULL) {
		return S3E_NONE;
	}
	struct field *tags = arena_alloc(a, TAGS_MAX * sizeof(*tags));
	if (tags == NULL) {
		return S3E_SLOW_DOWN;
	}
	for (; tag != NULL && ret->n_tags < TAGS_MAX; tag = xml_next(tag, "Tag")) {
		tags[ret->n_tags++] = (struct field){xml_text(tag, "Key"), xml_text(tag, "Value")};
	}
	ret->tags = tags;
	return S3E_NONE;
}

/* Where a rule says what it selects. */
static const struct xml_node *selection(const struct xml_node *rule)
{
	const struct xml_node *filter = xml_child(rule, "Filter");
	const struct xml_node *all = xml_child(filter, "And");
	return all != NULL ? all : filter;
}

static struct lifecycle_rule read_rule(const struct xml_node *rule)
{
	const struct xml_node *expiration = xml_child(rule, "Expiration");
	const struct xml_node *noncurrent = xml_child(rule, "NoncurrentVersionExpiration");
	const struct xml_node *where = selection(rule);
	uint64_t date_ns = 0;
	struct bytes date = xml_text(expiration, "Date");
	if (date.n > 0 && date_read_iso(date, &date_ns) != OK) {
		date_ns = 0;
	}
	return (struct lifecycle_rule){
		.id = xml_text(rule, "ID"),
		.prefix = xml_text(where != NULL ? where : rule, "Prefix"),
		.enabled = bytes_is(xml_text(rule, "Status"), "Enabled"),
		.size_over = number(where, "ObjectSizeGreaterThan", 0),
		.size_under = number(where, "ObjectSizeLessThan", UINT64_MAX),
		.days = (uint32_t)number(expiration, "Days", 0),
		.date_ms = date_ns / NS_PER_MS,
		.markers = bytes_is_nocase(xml_text(expiration, "ExpiredObjectDeleteMarker"), "true"),
		.noncurrent_days = (uint32_t)number(noncurrent, "NoncurrentDays", 0),
		.noncurrent_keep = (uint32_t)number(noncurrent, "NewerNoncurrentVersions", 0),
		.abort_days = (uint32_t)number(xml_child(rule, "AbortIncompleteMultipartUpload"),
		                               "DaysAfterInitiation", 0),
	};
}

enum s3error lifecycle_read(struct arena *a, const struct xml_node *root, struct lifecycle *ret)
{
	size_t n = children(root);
	struct lifecycle_rule *rules = arena_alloc(a, n * sizeof(*rules));
	if (rules == NULL) {
		return S3E_SLOW_DOWN;
	}
	size_t i = 0;
	for (const struct xml_node *rule = root->child; rule != NULL; rule = rule->next) {
		rules[i] = read_rule(rule);
		TRY_S3(read_tags(a, selection(rule), &rules[i]));
		i++;
	}
	*ret = (struct lifecycle){rules, n};
	return S3E_NONE;
}

/* --- judging --- */

static uint64_t after_days(uint64_t from_ms, uint32_t days, uint64_t day_ms)
{
	uint64_t at = from_ms + days * day_ms;
	return (at + day_ms - 1) / day_ms * day_ms;
}

static bool has_tags(const struct lifecycle_rule *rule, const struct lifecycle_object *o)
{
	for (size_t i = 0; i < rule->n_tags && !o->tags_unknown; i++) {
		size_t k = 0;
		while (k < o->n_tags && !(bytes_equal(o->tags[k].name, rule->tags[i].name) &&
		                          bytes_equal(o->tags[k].value, rule->tags[i].value))) {
			k++;
		}
		if (k == o->n_tags) {
			return false;
		}
	}
	return true;
}

/* Sizes are strict, and without a lower one an empty object counts too. */
static bool selects(const struct lifecycle_rule *rule, const struct lifecycle_object *o)
{
	return rule->enabled && bytes_starts(o->key, rule->prefix) && has_tags(rule, o) &&
	       (rule->size_over == 0 || o->size > rule->size_over) &&
	       (rule->size_under == UINT64_MAX || o->size < rule->size_under);
}

const struct lifecycle_rule *lifecycle_expiry(const struct lifecycle *l,
                                              const struct lifecycle_object *o, uint64_t day_ms,
                                              uint64_t *ret_ms)
{
	const struct lifecycle_rule *first = NULL;
	for (size_t i = 0; i < l->n; i++) {
		const struct lifecycle_rule *rule = &l->rules[i];
		if (!selects(rule, o) || (rule->days == 0 && rule->date_ms == 0)) {
			continue;
		}
		uint64_t at = rule->days == 0 ? rule->date_ms
		                              : after_days(o->modified_ms, rule->days, day_ms);
		if (first == NULL || at < *ret_ms) {
			first = rule;
			*ret_ms = at;
		}
	}
	return first;
}

bool lifecycle_noncurrent(const struct lifecycle *l, const struct lifecycle_object *o,
                          uint64_t since_ms, uint32_t newer, struct lifecycle_clock clock)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lifecycle_rule *rule = &l->rules[i];
		if (selects(rule, o) && rule->noncurrent_days != 0 && newer >= rule->noncurrent_keep &&
		    after_days(since_ms, rule->noncurrent_days, clock.day_ms) <= clock.now_ms) {
			return true;
		}
	}
	return false;
}

/* Days count for markers as for objects (S3, "Removing expired object delete markers"). */
bool lifecycle_marker(const struct lifecycle *l, const struct lifecycle_object *o,
                      struct lifecycle_clock clock)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lifecycle_rule *rule = &l->rules[i];
		bool due = rule->days != 0 &&
		           after_days(o->modified_ms, rule->days, clock.day_ms) <= clock.now_ms;
		if (selects(rule, o) && (rule->markers || due)) {
			return true;
		}
	}
	return false;
}

const struct lifecycle_rule *lifecycle_abort(const struct lifecycle *l, struct bytes key,
                                             uint64_t created_ms, uint64_t day_ms, uint64_t *ret_ms)
{
	const struct lifecycle_rule *first = NULL;
	for (size_t i = 0; i < l->n; i++) {
		const struct lifecycle_rule *rule = &l->rules[i];
		if (!rule->enabled || rule->abort_days == 0 || !bytes_starts(key, rule->prefix)) {
			continue;
		}
		uint64_t at = after_days(created_ms, rule->abort_days, day_ms);
		if (first == NULL || at < *ret_ms) {
			first = rule;
			*ret_ms = at;
		}
	}
	return first;
}

/* --- what requests tell of it --- */

enum s3error lifecycle_of(struct request *r, struct lifecycle *ret)
{
	struct xml_node *root = NULL;
	struct bytes stored;
	*ret = (struct lifecycle){NULL, 0};
	TRY_S3(config_find(r, INDEX_CONFIG_LIFECYCLE, &stored));
	if (stored.p == NULL) {
		return S3E_NONE;
	}
	TRY_S3(config_document_tree(r->a, config_document_of(INDEX_CONFIG_LIFECYCLE), stored, &root));
	return lifecycle_read(r->a, root, ret);
}

void lifecycle_headers(struct request *r, const struct index_object *o)
{
	const struct lifecycle_object object = {o->key, o->size, o->modified_ms, o->tags, o->n_tags,
	                                        false};
	uint8_t text[HEADER_MAX_BYTES];
	struct writer w = writer_fixed(text, sizeof(text));
	struct lifecycle l;
	uint64_t at = 0;
	if (r->target.version.p != NULL || lifecycle_of(r, &l) != S3E_NONE) {
		return; /* what the rules would have said is a help, no part of the object */
	}
	const struct lifecycle_rule *rule = lifecycle_expiry(&l, &object, MS_PER_DAY, &at);
	if (rule == NULL) {
		return;
	}
	write_text(&w, "expiry-date=\"");
	date_write_http(&w, at);
	write_text(&w, "\", rule-id=\"");
	uri_encode(&w, rule->id, false);
	write_text(&w, "\"");
	if (writer_end(&w) == OK) {
		answer_header(r, "x-amz-expiration", writer_bytes(&w));
	}
}

void lifecycle_upload_headers(struct request *r, struct bytes key, uint64_t created_ms)
{
	uint8_t text[HEADER_MAX_BYTES];
	struct writer date = writer_fixed(text, sizeof(text));
	struct lifecycle l;
	uint64_t at = 0;
	if (lifecycle_of(r, &l) != S3E_NONE) {
		return;
	}
	const struct lifecycle_rule *rule = lifecycle_abort(&l, key, created_ms, MS_PER_DAY, &at);
	if (rule == NULL) {
		return;
	}
	date_write_http(&date, at);
	if (writer_end(&date) != OK) {
		return; /* beyond the year 9999 */
	}
	answer_header(r, "x-amz-abort-date", writer_bytes(&date));
	struct writer id = writer_fixed(text, sizeof(text));
	uri_encode(&id, rule->id, false);
	if (writer_end(&id) == OK) {
		answer_header(r, "x-amz-abort-rule-id", writer_bytes(&id));
	}
}
