/* Object lock: of buckets, of new objects (headers), retention and legal hold of versions. The index enforces it. */
#include "common/base/clock.h"
#include "common/codec/date.h"
#include "common/codec/xml.h"
#include "server/gateway/ops.h"
#include "server/gateway/shape.h"

enum {
	XML_NODES_MAX = 64,
	PERIOD_DAYS_MAX = 36500,
	PERIOD_YEARS_MAX = 100,
	DATE_BYTES_MAX = 40,
	NS_PER_MS = 1000000,
};

static uint8_t mode_of(struct bytes text)
{
	return bytes_is(text, "GOVERNANCE")   ? INDEX_LOCK_GOVERNANCE
	       : bytes_is(text, "COMPLIANCE") ? INDEX_LOCK_COMPLIANCE
	                                      : INDEX_LOCK_NONE;
}

static const char *mode_name(uint8_t mode)
{
	return mode == INDEX_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE";
}

/* A moment to come, in the form of ISO 8601 that SDKs send. */
static enum s3error read_until(struct bytes text, uint64_t *ret_ms)
{
	uint64_t ns = 0;
	if (date_read_iso(text, &ns) != OK) {
		return S3E_INVALID_ARGUMENT;
	}
	*ret_ms = ns / NS_PER_MS;
	return *ret_ms > clock_real_ms() ? S3E_NONE : S3E_RETAIN_PAST;
}

enum s3error object_take_lock(struct request *r, struct index_object *o)
{
	struct bytes mode = request_header(r, "x-amz-object-lock-mode");
	struct bytes until = request_header(r, "x-amz-object-lock-retain-until-date");
	struct bytes hold = request_header(r, "x-amz-object-lock-legal-hold");
	if (mode.n == 0 && until.n == 0 && hold.n == 0) {
		return S3E_NONE;
	}
	if (r->has_bucket && !r->bucket.lock) {
		return S3E_NO_LOCK_ON_BUCKET;
	}
	if ((mode.n == 0) != (until.n == 0)) {
		return S3E_LOCK_HEADERS;
	}
	if (hold.n > 0 && !bytes_is(hold, "ON") && !bytes_is(hold, "OFF")) {
		return S3E_LEGAL_HOLD;
	}
	o->legal_hold = bytes_is(hold, "ON");
	if (mode.n == 0) {
		return S3E_NONE;
	}
	o->lock_mode = mode_of(mode);
	return o->lock_mode == INDEX_LOCK_NONE ? S3E_LOCK_MODE
	                                       : read_until(until, &o->retain_until_ms);
}

void object_lock_headers(struct request *r, const struct index_object *o)
{
	uint8_t text[DATE_BYTES_MAX];
	struct writer w = writer_fixed(text, sizeof(text));
	if (o->lock_mode != INDEX_LOCK_NONE) {
		date_write_iso_ms(&w, o->retain_until_ms);
		answer_header(r, "x-amz-object-lock-mode", bytes_text(mode_name(o->lock_mode)));
		answer_header(r, "x-amz-object-lock-retain-until-date", writer_bytes(&w));
	}
	if (o->legal_hold) {
		answer_header(r, "x-amz-object-lock-legal-hold", BYTES("ON"));
	}
}

/* --- the bucket --- */

static void write_rule(struct writer *w, const struct index_bucket *b)
{
	xml_open(w, "Rule");
	xml_open(w, "DefaultRetention");
	xml_element_text(w, "Mode", mode_name(b->lock_mode));
	if (b->lock_years > 0) {
		xml_element_u64(w, "Years", b->lock_years);
	} else {
		xml_element_u64(w, "Days", b->lock_days);
	}
	xml_close(w, "DefaultRetention");
	xml_close(w, "Rule");
}

enum s3error op_get_object_lock(struct request *r)
{
	if (!r->bucket.lock) {
		return S3E_NO_LOCK_CONFIGURATION;
	}
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element_text(&w, "ObjectLockEnabled", "Enabled");
	if (r->bucket.lock_mode != INDEX_LOCK_NONE) {
		write_rule(&w, &r->bucket);
	}
	xml_close(&w, "ObjectLockConfiguration");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_put_lock_begin(struct request *r)
{
	bool object = r->target.key.n > 0;
	return object && !r->bucket.lock ? S3E_NO_LOCK_ON_BUCKET
	                                 : collect_body(r, GATEWAY_XML_MAX);
}

static const struct shape default_children[] = {
	{"Mode", 0, 1}, {"Days", 0, 1}, {"Years", 0, 1},
	{"DefaultEventHold", 0, 1, .unbuilt = true},
	{NULL},
};
static const struct shape rule_children[] = {{"DefaultRetention", 0, 1, default_children}, {NULL}};
static const struct shape lock_children[] = {
	{"ObjectLockEnabled", 0, 1}, {"Rule", 0, 1, rule_children}, {NULL}};
static const struct shape lock_shape = {"ObjectLockConfiguration", 1, 1, lock_children};

static const struct shape retention_children[] = {
	{"Mode", 0, 1}, {"RetainUntilDate", 0, 1},
	{"EventHold", 0, 1, .unbuilt = true},
	{"EventHoldDuration", 0, 1, .unbuilt = true},
	{NULL},
};
static const struct shape retention_shape = {"Retention", 1, 1, retention_children};

static const struct shape hold_children[] = {{"Status", 0, 1}, {NULL}};
static const struct shape hold_shape = {"LegalHold", 1, 1, hold_children};

static enum s3error read_document(struct request *r, const struct shape *shape,
                                  struct xml_node **ret)
{
	return shape_read(r->a, writer_bytes(&r->text), XML_NODES_MAX, shape, ret);
}

/* Days or years, one of them. "-1" and "0" are periods that S3 refuses by another name than nonsense. */
static enum s3error read_period(const struct xml_node *retention, const char *name, uint64_t max,
                                uint32_t *ret)
{
	const struct xml_node *node = xml_child(retention, name);
	uint64_t value = 0;
	if (node == NULL) {
		return S3E_NONE;
	}
	if (bytes_u64(bytes_trim(node->text), &value) != OK || value < 1 || value > max) {
		return S3E_RETENTION_PERIOD;
	}
	*ret = (uint32_t)value;
	return S3E_NONE;
}

static enum s3error read_lock(struct request *r, struct index_bucket *b)
{
	struct xml_node *root = NULL;
	TRY_S3(read_document(r, &lock_shape, &root));
	if (!bytes_is(bytes_trim(xml_text(root, "ObjectLockEnabled")), "Enabled")) {
		return S3E_MALFORMED_XML;
	}
	const struct xml_node *rule = xml_child(root, "Rule");
	if (rule == NULL) {
		return S3E_NONE;
	}
	const struct xml_node *retention = xml_child(rule, "DefaultRetention");
	b->lock_mode = mode_of(bytes_trim(xml_text(retention, "Mode")));
	bool days = xml_child(retention, "Days") != NULL;
	bool years = xml_child(retention, "Years") != NULL;
	if (b->lock_mode == INDEX_LOCK_NONE || days == years) {
		return S3E_MALFORMED_XML;
	}
	TRY_S3(read_period(retention, "Days", PERIOD_DAYS_MAX, &b->lock_days));
	return read_period(retention, "Years", PERIOD_YEARS_MAX, &b->lock_years);
}

enum s3error op_put_object_lock_end(struct request *r)
{
	struct index_bucket wanted = {.name = r->bucket.name, .number = r->bucket.number};
	TRY_S3(read_lock(r, &wanted));
	enum err e = index_bucket_set_lock(r->g->index, &wanted);
	if (e == ERR_CONFLICT) {
		return S3E_BUCKET_STATE;
	}
	TRY_S3(s3error_of_bucket(e));
	answer_empty(r, 200);
	return S3E_NONE;
}

/* --- versions --- */

enum s3error op_get_object_retention(struct request *r)
{
	if (!r->bucket.lock) {
		return S3E_NO_LOCK_ON_BUCKET;
	}
	TRY_S3(object_need(r));
	if (r->object.lock_mode == INDEX_LOCK_NONE) {
		return S3E_NO_LOCK_ON_OBJECT;
	}
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element_text(&w, "Mode", mode_name(r->object.lock_mode));
	object_xml_date(&w, "RetainUntilDate", r->object.retain_until_ms);
	xml_close(&w, "Retention");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_put_object_retention_end(struct request *r)
{
	struct bytes bypass = request_header(r, "x-amz-bypass-governance-retention");
	struct index_change change = {.set_retention = true,
	                              .bypass = bytes_is_nocase(bypass, "true")};
	struct xml_node *root = NULL;
	TRY_S3(read_document(r, &retention_shape, &root));
	struct bytes mode = bytes_trim(xml_text(root, "Mode"));
	struct bytes until = bytes_trim(xml_text(root, "RetainUntilDate"));
	if ((mode.n == 0) != (until.n == 0)) {
		return S3E_MALFORMED_XML;
	}
	change.lock_mode = mode_of(mode);
	if (mode.n > 0) { /* without: what stands is lifted, where it may be */
		if (change.lock_mode == INDEX_LOCK_NONE) {
			return S3E_MALFORMED_XML;
		}
		TRY_S3(read_until(until, &change.retain_until_ms));
	}
	return object_change(r, &change, 200);
}

enum s3error op_get_object_legal_hold(struct request *r)
{
	if (!r->bucket.lock) {
		return S3E_NO_LOCK_ON_BUCKET;
	}
	TRY_S3(object_need(r));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element_text(&w, "Status", r->object.legal_hold ? "ON" : "OFF");
	xml_close(&w, "LegalHold");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

enum s3error op_put_object_legal_hold_end(struct request *r)
{
	struct index_change change = {.set_hold = true};
	struct xml_node *root = NULL;
	TRY_S3(read_document(r, &hold_shape, &root));
	struct bytes status = bytes_trim(xml_text(root, "Status"));
	change.legal_hold = bytes_is(status, "ON");
	if (!change.legal_hold && !bytes_is(status, "OFF")) {
		return S3E_MALFORMED_XML;
	}
	return object_change(r, &change, 200);
}
