#include "common/policy/logging.h"

#include "common/base/attr.h"
#include "common/codec/date.h"
#include "common/codec/xml.h"
#include "common/s3op/s3op.h"

enum {
	NODES_MAX = 64,
	DATE_BYTES = 32,
	DAY_BYTES = 10,           /* 2026-01-31 */
	SECOND_BYTES = 19,        /* 2026-01-31T23:59:59 */
};

/* --- the document --- */

static enum err refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ERR_INPUT;
}

/* Every child is one of these, and stands once. */
static bool holds_only(const struct xml_node *node, const char *const *names, size_t n)
{
	for (const struct xml_node *c = node->child; c != NULL; c = c->next) {
		bool known = false;
		for (size_t i = 0; i < n; i++) {
			known = known || bytes_is(c->name, names[i]);
		}
		for (const struct xml_node *o = c->next; o != NULL; o = o->next) {
			known = known && !bytes_equal(o->name, c->name);
		}
		if (!known) {
			return false;
		}
	}
	return true;
}

static enum err read_source_of_date(const struct xml_node *node, struct logging *l,
                                    const char **ret_why)
{
	static const char *const names[] = {"PartitionDateSource"};
	struct bytes word = xml_text(node, names[0]);

	l->partitioned = true;
	l->event_time = bytes_is(word, "EventTime");
	bool known = l->event_time || bytes_is(word, "DeliveryTime") || node->child == NULL;
	return holds_only(node, names, COUNT(names)) && known
	               ? OK
	               : refuse(ret_why, "PartitionDateSource is EventTime or DeliveryTime");
}

static enum err read_format(const struct xml_node *node, struct logging *l, const char **ret_why)
{
	static const char *const names[] = {"SimplePrefix", "PartitionedPrefix"};
	const struct xml_node *simple = xml_child(node, names[0]);
	const struct xml_node *partitioned = xml_child(node, names[1]);

	l->has_format = true;
	if (!holds_only(node, names, COUNT(names)) || (simple != NULL) == (partitioned != NULL) ||
	    (simple != NULL && simple->child != NULL)) {
		return refuse(ret_why, "TargetObjectKeyFormat is SimplePrefix or PartitionedPrefix");
	}
	return partitioned == NULL ? OK : read_source_of_date(partitioned, l, ret_why);
}

static enum err read_enabled(const struct xml_node *node, struct logging *l, const char **ret_why)
{
	static const char *const names[] = {
		"TargetBucket", "TargetPrefix", "TargetGrants", "TargetObjectKeyFormat",
	};
	const struct xml_node *format = xml_child(node, "TargetObjectKeyFormat");
	const struct xml_node *grants = xml_child(node, "TargetGrants");

	if (!holds_only(node, names, COUNT(names)) || xml_child(node, "TargetBucket") == NULL ||
	    xml_child(node, "TargetPrefix") == NULL) {
		return refuse(ret_why, "LoggingEnabled holds TargetBucket and TargetPrefix");
	}
	l->bucket = xml_text(node, "TargetBucket");
	l->prefix = xml_text(node, "TargetPrefix");
	if (!s3op_bucket_name_ok(l->bucket)) {
		return refuse(ret_why, "TargetBucket is not the name of a bucket");
	}
	if (l->prefix.n > LOGGING_PREFIX_MAX) {
		return refuse(ret_why, "TargetPrefix is too long");
	}
	if (format != NULL) {
		TRY(read_format(format, l, ret_why));
	}
	return grants != NULL && grants->child != NULL ? ERR_DENIED : OK;
}

enum err logging_read(struct arena *a, struct bytes text, struct logging *ret, const char **ret_why)
{
	static const char *const names[] = {"LoggingEnabled"};
	struct xml_node *root = NULL;

	*ret = (struct logging){0};
	if (text.n > LOGGING_MAX_BYTES) {
		return ERR_LIMIT;
	}
	TRY(xml_parse(a, text, NODES_MAX, &root));
	if (!bytes_is(root->name, "BucketLoggingStatus") || !holds_only(root, names, COUNT(names))) {
		return refuse(ret_why, "not a BucketLoggingStatus");
	}
	return root->child == NULL ? OK : read_enabled(root->child, ret, ret_why);
}

static void write_format(struct writer *w, const struct logging *l)
{
	xml_open(w, "TargetObjectKeyFormat");
	if (l->partitioned) {
		xml_open(w, "PartitionedPrefix");
		xml_element_text(w, "PartitionDateSource",
		                 l->event_time ? "EventTime" : "DeliveryTime");
		xml_close(w, "PartitionedPrefix");
	} else {
		xml_open(w, "SimplePrefix");
		xml_close(w, "SimplePrefix");
	}
	xml_close(w, "TargetObjectKeyFormat");
}

void logging_write(struct writer *w, const struct logging *l)
{
	xml_begin(w);
	xml_open(w, "BucketLoggingStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	if (l->bucket.n > 0) {
		xml_open(w, "LoggingEnabled");
		xml_element(w, "TargetBucket", l->bucket);
		xml_element(w, "TargetPrefix", l->prefix);
		if (l->has_format) {
			write_format(w, l);
		}
		xml_close(w, "LoggingEnabled");
	}
	xml_close(w, "BucketLoggingStatus");
}

/* --- the names of log objects --- */

static void write_with(struct writer *w, struct bytes date, uint8_t separator)
{
	for (size_t i = 0; i < date.n; i++) {
		bool digit = date.p[i] >= '0' && date.p[i] <= '9';
		write_u8(w, digit ? date.p[i] : separator);
	}
}

void logging_key(struct writer *w, const struct logging *l, const struct logging_source *s,
                 uint64_t event_ms, uint64_t now_ms, const uint8_t unique[LOGGING_UNIQUE_BYTES])
{
	static const uint8_t digits[] = "0123456789ABCDEF";
	uint8_t text[DATE_BYTES];
	struct writer date = writer_fixed(text, sizeof(text));

	date_write_iso_ms(&date, l->event_time ? event_ms : now_ms);
	write_bytes(w, l->prefix);
	if (l->partitioned) {
		const struct bytes parts[] = {s->tenant, s->region, s->bucket};
		for (size_t i = 0; i < COUNT(parts); i++) {
			write_bytes(w, parts[i]);
			write_u8(w, '/');
		}
		write_with(w, bytes_first(writer_bytes(&date), DAY_BYTES), '/');
		write_u8(w, '/');
	}
	if (l->event_time) {
		write_with(w, bytes_first(writer_bytes(&date), DAY_BYTES), '-');
		write_text(w, "-00-00-00");
	} else {
		write_with(w, bytes_first(writer_bytes(&date), SECOND_BYTES), '-');
	}
	write_u8(w, '-');
	for (size_t i = 0; i < LOGGING_UNIQUE_BYTES; i++) {
		write_u8(w, digits[unique[i] >> 4]);
		write_u8(w, digits[unique[i] & 15]);
	}
}

static bool take(struct bytes *rest, struct bytes start)
{
	bool there = bytes_starts(*rest, start);

	*rest = bytes_skip(*rest, start.n);
	return there;
}

/* In the pattern 0 stands for a digit, F for one of hexadecimal, everything else for itself. */
static bool take_pattern(struct bytes *rest, const char *pattern)
{
	struct bytes p = bytes_text(pattern);
	bool good = rest->n >= p.n;

	for (size_t i = 0; good && i < p.n; i++) {
		uint8_t c = rest->p[i];
		bool digit = c >= '0' && c <= '9';
		good = p.p[i] == '0'   ? digit
		       : p.p[i] == 'F' ? digit || (c >= 'A' && c <= 'F')
		                       : c == p.p[i];
	}
	*rest = bytes_skip(*rest, p.n);
	return good;
}

bool logging_key_fits(const struct logging *l, const struct logging_source *s, struct bytes key)
{
	struct bytes rest = key;
	bool good = take(&rest, l->prefix);

	if (l->partitioned) {
		const struct bytes parts[] = {s->tenant, s->region, s->bucket};
		for (size_t i = 0; i < COUNT(parts); i++) {
			good = take(&rest, parts[i]) && take(&rest, BYTES("/")) && good;
		}
		good = take_pattern(&rest, "0000/00/00/") && good;
	}
	return take_pattern(&rest, "0000-00-00-00-00-00-FFFFFFFFFFFFFFFF") && rest.n == 0 && good;
}

/* --- who may write them --- */

static bool acl_grants(const struct acl *acl)
{
	const unsigned needed = ACL_WRITE | ACL_READ_ACP;
	unsigned granted = 0;

	for (size_t i = 0; acl != NULL && i < acl->n; i++) {
		if (acl->grants[i].grantee == ACL_LOG_DELIVERY) {
			granted |= acl->grants[i].permission;
		}
	}
	return (granted & needed) == needed;
}

enum err logging_allowed(struct arena *a, const struct logging_source *s,
                         const struct logging_object *o, const struct policy *policy,
                         const struct acl *acl, struct bytes *ret_sid)
{
	const struct bytes source[] = {BYTES("arn:aws:s3:::"), s->bucket};
	const struct bytes object[] = {BYTES("arn:aws:s3:::"), o->bucket, BYTES("/"), o->key};
	uint8_t time_text[DATE_BYTES], epoch_text[DATE_BYTES];
	struct writer time = writer_fixed(time_text, sizeof(time_text));
	struct writer epoch = writer_fixed(epoch_text, sizeof(epoch_text));

	date_write_iso_ms(&time, o->now_ms);
	write_decimal(&epoch, o->now_ms / 1000);
	const struct field context[] = {
		{BYTES("aws:SourceArn"), arena_join(a, source, COUNT(source))},
		{BYTES("aws:SourceAccount"), s->tenant},
		{BYTES("aws:PrincipalIsAWSService"), BYTES("true")},
		{BYTES("aws:PrincipalServiceName"), BYTES(LOGGING_SERVICE)},
		{BYTES("aws:SecureTransport"), BYTES("true")},
		{BYTES("aws:CurrentTime"), writer_bytes(&time)},
		{BYTES("aws:EpochTime"), writer_bytes(&epoch)},
	};
	const struct policy_request q = {
		.principal = {.service = BYTES(LOGGING_SERVICE)},
		.action = BYTES("s3:PutObject"),
		.resource = arena_join(a, object, COUNT(object)),
		.context = context,
		.n_context = COUNT(context),
	};
	if (q.resource.p == NULL || context[0].value.p == NULL) {
		return ERR_LIMIT;
	}
	enum policy_verdict v = policy == NULL ? POLICY_NONE : policy_evaluate(policy, &q, ret_sid);
	return v == POLICY_ALLOW || (v == POLICY_NONE && acl_grants(acl)) ? OK : ERR_DENIED;
}
