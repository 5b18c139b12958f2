/* Buckets: list, create, head, delete, location. */
#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/xml.h"
#include "server/gateway/config_document.h"
#include "server/gateway/ops.h"
#include "server/gateway/resource.h"

enum {
	BUCKETS_MAX = 10000, /* in one answer (S3) */
	XML_NODES_MAX = 256, /* 50 tags and more, for their own error */
	ABORT_PAGE = 100, /* uploads; a page of them with their longest keys fits the arena */
};

/* A page is asked for by any of the parameters that came in 2024; without them all buckets are told. */
struct bucket_page {
	struct bytes prefix, after, region;
	uint32_t left;
	bool paged;
};

static enum s3error read_page(const struct request *r, struct bucket_page *ret)
{
	*ret = (struct bucket_page){
		.prefix = request_param(r, "prefix"),
		.after = request_param(r, "continuation-token"),
		.region = request_param(r, "bucket-region"),
		.left = BUCKETS_MAX,
		.paged = request_has_param(r, "max-buckets") || request_has_param(r, "prefix") ||
		         request_has_param(r, "bucket-region"),
	};
	TRY_S3(request_param_u32(r, "max-buckets", BUCKETS_MAX, &ret->left));
	return ret->left < 1 || ret->left > BUCKETS_MAX ? S3E_INVALID_ARGUMENT : S3E_NONE;
}

static bool on_page(const struct bucket_page *page, const struct index_bucket *b)
{
	return bytes_starts(b->name, page->prefix) && bytes_compare(b->name, page->after) > 0 &&
	       (page->region.n == 0 || bytes_equal(b->region, page->region));
}

static void write_bucket(struct writer *w, const struct index_bucket *b, bool paged)
{
	xml_open(w, "Bucket");
	xml_element(w, "Name", b->name);
	object_xml_date(w, "CreationDate", b->created_ms);
	if (paged) {
		xml_element(w, "BucketRegion", b->region);
	}
	xml_close(w, "Bucket");
}

enum s3error op_list_buckets(struct request *r)
{
	struct index_bucket *buckets = NULL;
	struct bucket_page page;
	size_t n = 0;
	TRY_S3(read_page(r, &page));
	TRY_S3(s3error_of(index_bucket_list(r->g->index, r->a, r->grant.principal.tenant, &buckets,
	                                    &n)));
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_open(&w, "Owner");
	xml_element(&w, "ID", r->grant.principal.canonical_id);
	xml_element(&w, "DisplayName", r->grant.principal.display_name);
	xml_close(&w, "Owner");
	xml_open(&w, "Buckets");
	struct bytes last = {NULL, 0};
	bool truncated = false;
	for (size_t i = 0; i < n && !truncated; i++) {
		if (!on_page(&page, &buckets[i])) {
			continue;
		}
		truncated = page.left == 0;
		if (!truncated) {
			write_bucket(&w, &buckets[i], page.paged);
			last = buckets[i].name;
			page.left--;
		}
	}
	xml_close(&w, "Buckets");
	if (page.prefix.n > 0) {
		xml_element(&w, "Prefix", page.prefix);
	}
	if (truncated) {
		xml_element(&w, "ContinuationToken", last);
	}
	xml_close(&w, "ListAllMyBucketsResult");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}

/* What CreateBucket makes besides the bucket: the documents that the operations of their own would store; p NULL: not asked for. */
struct making {
	struct bytes ownership, tags;
};

/* x-amz-object-ownership */
static enum s3error take_ownership(struct request *r, struct making *m)
{
	struct bytes wanted = request_header(r, "x-amz-object-ownership");
	if (wanted.p == NULL) {
		return S3E_NONE;
	}
	struct writer w AUTO(writer_free) = writer_growing(GATEWAY_XML_MAX);
	xml_open(&w, "OwnershipControls");
	xml_open(&w, "Rule");
	xml_element(&w, "ObjectOwnership", wanted);
	xml_close(&w, "Rule");
	xml_close(&w, "OwnershipControls");
	enum s3error e = config_document_read(r->a, config_document_of(INDEX_CONFIG_OWNERSHIP),
	                                      writer_bytes(&w), &m->ownership);
	return e == S3E_MALFORMED_XML ? S3E_INVALID_ARGUMENT : e;
}

static enum s3error take_tags(struct request *r, const struct xml_node *tags, struct making *m)
{
	const struct xml_node *tag = xml_child(tags, "Tag");
	if (tag == NULL) {
		return S3E_NONE;
	}
	struct writer w AUTO(writer_free) = writer_growing(GATEWAY_XML_MAX);
	xml_open(&w, "Tagging");
	xml_open(&w, "TagSet");
	for (; tag != NULL; tag = xml_next(tag, "Tag")) {
		xml_open(&w, "Tag");
		xml_element(&w, "Key", xml_text(tag, "Key"));
		xml_element(&w, "Value", xml_text(tag, "Value"));
		xml_close(&w, "Tag");
	}
	xml_close(&w, "TagSet");
	xml_close(&w, "Tagging");
	return config_document_read(r->a, config_document_of(INDEX_CONFIG_TAGGING), writer_bytes(&w),
	                            &m->tags);
}

enum s3error op_create_bucket_begin(struct request *r)
{
	if (r->target.tenant.p != NULL || !s3op_bucket_name_ok(r->target.bucket)) {
		return S3E_INVALID_BUCKET_NAME;
	}
	return collect_body(r, GATEWAY_XML_MAX);
}

static const struct shape tag_children[] = {{"Key", 1, 1}, {"Value", 1, 1}, {NULL}};
static const struct shape tags_children[] = {{"Tag", 0, XML_NODES_MAX, tag_children}, {NULL}};
static const struct shape create_children[] = {
	{"LocationConstraint", 0, 1},
	{"Location", 0, 1, .unbuilt = true}, /* of directory buckets, as Bucket */
	{"Bucket", 0, 1, .unbuilt = true},
	{"Tags", 0, 1, tags_children},
	{NULL},
};
static const struct shape create_shape = {"CreateBucketConfiguration", 1, 1, create_children};

static enum s3error take_document(struct request *r, struct making *m)
{
	struct xml_node *root = NULL;
	struct bytes document = bytes_trim(writer_bytes(&r->text));
	if (document.n == 0) {
		return S3E_NONE;
	}
	TRY_S3(shape_read(r->a, document, XML_NODES_MAX, &create_shape, &root));
	struct bytes location = xml_text(root, "LocationConstraint");
	if (location.n > 0 && !bytes_equal(location, r->g->region)) {
		return S3E_INVALID_LOCATION;
	}
	return take_tags(r, xml_child(root, "Tags"), m);
}

static enum s3error wants_lock(const struct request *r, bool *ret)
{
	struct bytes word = request_header(r, "x-amz-bucket-object-lock-enabled");
	*ret = bytes_is_nocase(word, "true");
	return word.n == 0 || *ret || bytes_is_nocase(word, "false") ? S3E_NONE
	                                                             : S3E_INVALID_ARGUMENT;
}

/* Before the bucket is there: an ACL that cannot be read makes none. */
static enum s3error check_acl(struct request *r, const struct kmsproto_principal *who,
                              struct bytes ownership)
{
	const struct acl_person owner = {who->canonical_id, who->display_name};
	struct bucket_settings settings = {0};
	bool is_public;
	if (!resource_says_acl(r)) {
		return S3E_NONE;
	}
	config_ownership(r->a, ownership, &settings);
	if (settings.owner_enforced) {
		return S3E_ACL_WITH_OWNERSHIP;
	}
	return resource_acl_public(r, (struct bytes){NULL, 0}, owner, false, &is_public);
}

/* A bucket that cannot have the ACL that was asked for is taken back. */
static enum s3error give_acl(struct request *r, const struct index_bucket *bucket)
{
	struct kmsproto_reply made = {0};
	if (!resource_says_acl(r)) {
		return S3E_NONE;
	}
	r->access.target.tenant = bucket->tenant;
	r->access.target.bucket_number = bucket->number;
	enum s3error e = resource_document(r, (struct bytes){NULL, 0}, &made);
	if (e == S3E_NONE) {
		e = s3error_of(index_config_record(r->g->index, bucket, INDEX_CONFIG_ACL,
		                                   made.document, made.log_index, 0));
	}
	const struct index_bucket_ref ref = {bucket->name, bucket->number};
	if (e != S3E_NONE && index_bucket_delete(r->g->index, ref) != OK) {
		LOG(LOG_WARN, "bucket.left", LOG_BYTES("bucket", bucket->name),
		    LOG_STR("do", "it is empty and private; its owner may delete it"));
	}
	return e;
}

static enum s3error is_stored(struct request *r, enum index_config kind, struct bytes wanted)
{
	struct bytes stored;
	if (wanted.p == NULL) {
		return S3E_NONE;
	}
	TRY_S3(config_find(r, kind, &stored));
	return bytes_equal(stored, wanted) ? S3E_NONE : S3E_BUCKET_OWNED;
}

/*
 * The name is taken. Whoever makes his own bucket again, as it is, has what he wants: S3 says so in its first region, and
 * tools that make their bucket before each use rely on it. Who owns it was read before the grant: a bucket made in
 * between is not ours to judge.
 */
static enum s3error made_before(struct request *r, const struct index_bucket *wanted,
                                const struct making *m)
{
	if (!r->has_bucket || !bytes_equal(r->bucket.tenant, wanted->tenant)) {
		return S3E_BUCKET_EXISTS;
	}
	if (resource_says_acl(r) || (r->bucket.configs & 1U << INDEX_CONFIG_ACL) != 0) {
		return S3E_BUCKET_EXISTS; /* with another ACL, perhaps */
	}
	if (wanted->lock && !r->bucket.lock) {
		return S3E_BUCKET_OWNED;
	}
	TRY_S3(is_stored(r, INDEX_CONFIG_OWNERSHIP, m->ownership));
	return is_stored(r, INDEX_CONFIG_TAGGING, m->tags);
}

static enum s3error make(struct request *r, struct index_bucket *bucket, const struct making *m)
{
	enum err e = index_bucket_create(r->g->index, bucket);
	if (e == ERR_EXISTS) {
		return made_before(r, bucket, m);
	}
	if (e == OK && m->ownership.p != NULL) {
		e = index_config_put(r->g->index, bucket, INDEX_CONFIG_OWNERSHIP, m->ownership);
	}
	if (e == OK && m->tags.p != NULL) {
		e = index_config_put(r->g->index, bucket, INDEX_CONFIG_TAGGING, m->tags);
	}
	TRY_S3(s3error_of(e));
	return give_acl(r, bucket);
}

enum s3error op_create_bucket_end(struct request *r)
{
	const struct kmsproto_principal *who = &r->grant.principal;
	struct making m = {0};
	bool lock = false;
	TRY_S3(take_document(r, &m));
	TRY_S3(take_ownership(r, &m));
	TRY_S3(wants_lock(r, &lock));
	TRY_S3(check_acl(r, who, m.ownership));
	struct index_bucket bucket = {
		.name = r->target.bucket,
		.tenant = who->tenant,
		.owner_id = who->canonical_id,
		.owner_name = who->display_name,
		.created_ms = clock_real_ms(),
		.lock = lock,
		.region = r->g->region,
	};
	if (bucket.lock) {
		bucket.versioning = INDEX_VERSIONING_ENABLED;
	}
	TRY_S3(make(r, &bucket, &m));
	struct bytes location = arena_join(
		r->a, (const struct bytes[]){BYTES("/"), r->target.bucket}, 2);
	answer_empty(r, 200);
	answer_header(r, "location", location);
	return S3E_NONE;
}

enum s3error op_head_bucket(struct request *r)
{
	answer_empty(r, 200);
	answer_header(r, "x-amz-bucket-region", r->bucket.region);
	return S3E_NONE;
}

static enum err has_objects(struct request *r, bool *ret)
{
	struct index_list_page page = {0};
	const struct index_versions_query query = {
		{.bucket = r->bucket.name, .bucket_number = r->bucket.number, .max = 1}, NULL};
	enum err e = index_versions(r->g->index, r->a, &query, &page);
	*ret = page.n > 0;
	return e;
}

static enum err abort_uploads(struct request *r)
{
	struct index_uploads_page page = {0};
	const struct index_uploads_query query = {
		.bucket = r->bucket.name, .bucket_number = r->bucket.number, .max = ABORT_PAGE};
	do {
		if (clock_mono_ms() >= request_deadline(r)) {
			return ERR_TIMEOUT; /* the client's next try goes on from here */
		}
		TRY(index_uploads(r->g->index, r->a, &query, &page));
		for (size_t i = 0; i < page.n; i++) {
			enum err e = index_upload_abort(r->g->index, r->target.bucket,
			                                page.uploads[i].object.key,
			                                page.uploads[i].upload_id);
			TRY(e == ERR_NOTFOUND ? OK : e);
		}
	} while (page.truncated);
	return OK;
}

/* Uploads in progress do not keep a bucket: S3 drops them with it. Objects do. */
static enum err delete_with_uploads(struct request *r)
{
	bool objects = false;
	enum err e = index_bucket_delete(r->g->index, request_bucket(r));
	if (e != ERR_CONFLICT) {
		return e;
	}
	TRY(has_objects(r, &objects));
	if (objects) {
		return ERR_CONFLICT;
	}
	TRY(abort_uploads(r));
	return index_bucket_delete(r->g->index, request_bucket(r));
}

/* The bucket is gone whatever becomes of this: what the KMS keeps of it then takes room and does no harm. */
static void forget_documents(struct request *r)
{
	const uint32_t on_record = 1U << INDEX_CONFIG_POLICY | 1U << INDEX_CONFIG_ACL |
	                           1U << INDEX_CONFIG_LOGGING;
	struct kmsproto_reply unused = {0};
	if ((r->bucket.configs & on_record) != 0 &&
	    resource_document(r, (struct bytes){NULL, 0}, &unused) != S3E_NONE) {
		LOG(LOG_WARN, "bucket.documents_left", LOG_BYTES("bucket", r->bucket.name),
		    LOG_STR("do", "see that the KMS runs and can be reached; nothing else is lost"));
	}
}

enum s3error op_delete_bucket(struct request *r)
{
	enum err e = delete_with_uploads(r);
	if (e == ERR_CONFLICT) {
		return S3E_BUCKET_NOT_EMPTY;
	}
	TRY_S3(s3error_of_bucket(e));
	forget_documents(r);
	answer_empty(r, 204);
	return S3E_NONE;
}

enum s3error op_get_bucket_location(struct request *r)
{
	struct writer w = writer_growing(GATEWAY_ANSWER_MAX);
	xml_begin(&w);
	xml_open(&w, "LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	/* us-east-1 is told as an empty element: so S3 does, and so clients expect. */
	if (!bytes_is(r->bucket.region, "us-east-1")) {
		xml_escape(&w, r->bucket.region);
	}
	xml_close(&w, "LocationConstraint");
	answer_xml(r, 200, &w);
	return S3E_NONE;
}
