#include "server/gateway/config_document.h"

#include "common/base/attr.h"
#include "server/gateway/cors.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/request.h"

enum {
	TAGS_MAX = 50,           /* of a bucket (S3, "Using cost allocation S3 bucket tags") */
	TAG_KEY_MAX = 128,       /* characters */
	TAG_VALUE_MAX = 256,     /* characters */
	KMS_KEY_MAX_BYTES = 2048,
	NODES_MAX = 64,
	TAG_NODES_MAX = 3 * (TAGS_MAX + 1) + 2,
	TAGS_SCHEMA_MAX = TAGS_MAX + 1, /* one more gets past the schema, for its own error */
};

/* --- tagging --- */

/* Letters and digits of any script, spaces and _ . : / = + - @ */
static bool is_tag_text(struct bytes text, size_t characters_max)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		bool word = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		size_t at;
		if (c < 0x80 && !word && !bytes_find(BYTES(" _.:/=+-@"), c, &at)) {
			return false;
		}
	}
	return shape_characters(text) <= characters_max;
}

static enum s3error check_tag_key(struct bytes text)
{
	bool reserved = text.n >= 4 && bytes_is_nocase(bytes_first(text, 4), "aws:");
	bool good = text.n > 0 && is_tag_text(text, TAG_KEY_MAX) && !reserved;
	return good ? S3E_NONE : S3E_INVALID_TAG;
}

static enum s3error check_tag_value(struct bytes text)
{
	return is_tag_text(text, TAG_VALUE_MAX) ? S3E_NONE : S3E_INVALID_TAG;
}

static const struct shape tag_children[] = {
	{"Key", 1, 1, NULL, check_tag_key},
	{"Value", 1, 1, NULL, check_tag_value},
	{NULL},
};
static const struct shape tag_set_children[] = {{"Tag", 0, TAGS_SCHEMA_MAX, tag_children}, {NULL}};
static const struct shape tagging_children[] = {{"TagSet", 1, 1, tag_set_children}, {NULL}};
static const struct shape tagging = {"Tagging", 1, 1, tagging_children};

static enum s3error check_tagging(struct arena *a, struct xml_node *root)
{
	const struct xml_node *first = xml_child(xml_child(root, "TagSet"), "Tag");
	size_t n = 0;
	(void)a;
	for (const struct xml_node *tag = first; tag != NULL; tag = xml_next(tag, "Tag")) {
		struct bytes key = xml_text(tag, "Key");
		for (const struct xml_node *old = first; old != tag; old = xml_next(old, "Tag")) {
			if (bytes_equal(xml_text(old, "Key"), key)) {
				return S3E_INVALID_TAG;
			}
		}
		n++;
	}
	return n > TAGS_MAX ? S3E_INVALID_TAG : S3E_NONE;
}

/* --- encryption --- */

static enum s3error check_algorithm(struct bytes text)
{
	if (bytes_is(text, "aws:kms:dsse")) {
		return S3E_NOT_IMPLEMENTED;
	}
	bool known = bytes_is(text, "AES256") || bytes_is(text, "aws:kms");
	return known ? S3E_NONE : S3E_MALFORMED_XML;
}

static enum s3error check_kms_key(struct bytes text)
{
	return text.n > 0 && text.n <= KMS_KEY_MAX_BYTES ? S3E_NONE : S3E_INVALID_ARGUMENT;
}

static enum s3error check_blocked(struct bytes text)
{
	static const char *const words[] = {"NONE", "SSE-C"};
	return shape_one_of(text, words, COUNT(words)) ? S3E_NONE : S3E_MALFORMED_XML;
}

static const struct shape blocked_children[] = {
	{"EncryptionType", 1, 1, NULL, check_blocked}, {NULL}};
static const struct shape default_children[] = {
	{"SSEAlgorithm", 1, 1, NULL, check_algorithm},
	{"KMSMasterKeyID", 0, 1, NULL, check_kms_key},
	{NULL},
};
static const struct shape encryption_rule_children[] = {
	{"ApplyServerSideEncryptionByDefault", 0, 1, default_children},
	{"BucketKeyEnabled", 0, 1, NULL, shape_is_bool},
	{"BlockedEncryptionTypes", 0, 1, blocked_children},
	{NULL},
};
static const struct shape encryption_children[] = {{"Rule", 1, 1, encryption_rule_children}, {NULL}};
static const struct shape encryption = {"ServerSideEncryptionConfiguration", 1, 1,
                                        encryption_children};

static struct config_encryption read_encryption(const struct xml_node *root)
{
	const struct xml_node *rule = xml_child(root, "Rule");
	const struct xml_node *by_default = xml_child(rule, "ApplyServerSideEncryptionByDefault");
	return (struct config_encryption){
		.aes256 = bytes_is(xml_text(by_default, "SSEAlgorithm"), "AES256"),
		.key = xml_text(by_default, "KMSMasterKeyID"),
		.blocks_customer = bytes_is(xml_text(xml_child(rule, "BlockedEncryptionTypes"),
		                                     "EncryptionType"), "SSE-C"),
	};
}

static enum s3error check_encryption(struct arena *a, struct xml_node *root)
{
	struct config_encryption e = read_encryption(root);
	(void)a;
	if (xml_child(root, "Rule")->child == NULL) {
		return S3E_MALFORMED_XML; /* a rule that says nothing */
	}
	return e.aes256 && e.key.n > 0 ? S3E_INVALID_ARGUMENT : S3E_NONE;
}

/* --- ownership, public access --- */

static enum s3error check_ownership(struct bytes text)
{
	static const char *const words[] = {"BucketOwnerEnforced", "BucketOwnerPreferred",
	                                    "ObjectWriter"};
	return shape_one_of(text, words, COUNT(words)) ? S3E_NONE : S3E_MALFORMED_XML;
}

static const struct shape ownership_rule_children[] = {
	{"ObjectOwnership", 1, 1, NULL, check_ownership}, {NULL}};
static const struct shape ownership_children[] = {{"Rule", 1, 1, ownership_rule_children}, {NULL}};
static const struct shape ownership = {"OwnershipControls", 1, 1, ownership_children};

/* In the order of struct bucket_settings. */
static const char *const public_settings[] = {"BlockPublicAcls", "IgnorePublicAcls",
                                              "BlockPublicPolicy", "RestrictPublicBuckets"};
static const struct shape public_children[] = {
	{"BlockPublicAcls", 0, 1, NULL, shape_is_bool},
	{"IgnorePublicAcls", 0, 1, NULL, shape_is_bool},
	{"BlockPublicPolicy", 0, 1, NULL, shape_is_bool},
	{"RestrictPublicBuckets", 0, 1, NULL, shape_is_bool},
	{NULL},
};
static const struct shape public_access = {"PublicAccessBlockConfiguration", 1, 1, public_children};

static enum s3error complete_public(struct arena *a, struct xml_node *root)
{
	for (size_t i = 0; i < COUNT(public_settings); i++) {
		if (xml_child(root, public_settings[i]) == NULL &&
		    !shape_add(a, root, public_settings[i], BYTES("false"))) {
			return S3E_SLOW_DOWN;
		}
	}
	return S3E_NONE;
}

/* --- the table --- */

static const struct config_document documents[] = {
	{INDEX_CONFIG_TAGGING, &tagging, TAG_NODES_MAX, check_tagging, S3E_NO_TAG_SET, 204},
	{INDEX_CONFIG_ENCRYPTION, &encryption, NODES_MAX, check_encryption, S3E_NO_ENCRYPTION, 200},
	{INDEX_CONFIG_CORS, &cors_shape, CORS_NODES_MAX, cors_check, S3E_NO_CORS, 200},
	{INDEX_CONFIG_LIFECYCLE, &lifecycle_shape, LIFECYCLE_NODES_MAX, lifecycle_check,
	 S3E_NO_LIFECYCLE, 200},
	{INDEX_CONFIG_OWNERSHIP, &ownership, NODES_MAX, NULL, S3E_NO_OWNERSHIP, 200},
	{INDEX_CONFIG_PUBLIC_ACCESS, &public_access, NODES_MAX, complete_public,
	 S3E_NO_PUBLIC_ACCESS_BLOCK, 200},
};

const struct config_document *config_document_of(enum index_config kind)
{
	for (size_t i = 0; i < COUNT(documents); i++) {
		if (documents[i].kind == kind) {
			return &documents[i];
		}
	}
	return NULL;
}

enum s3error config_document_read(struct arena *a, const struct config_document *d,
                                  struct bytes text, struct bytes *ret)
{
	struct xml_node *root = NULL;
	TRY_S3(shape_read(a, text, d->nodes_max, d->shape, &root));
	if (d->check != NULL) {
		TRY_S3(d->check(a, root));
	}
	struct writer w AUTO(writer_free) = writer_growing(INDEX_CONFIG_MAX_BYTES);
	shape_write(&w, root, d->shape);
	if (writer_end(&w) != OK) {
		return S3E_MESSAGE_LENGTH;
	}
	*ret = arena_copy(a, writer_bytes(&w));
	if (ret->p == NULL) {
		return S3E_SLOW_DOWN;
	}
	/* The checks may have added to it: what could not be read back is not stored. */
	return config_document_tree(a, d, *ret, &root) == S3E_NONE ? S3E_NONE : S3E_MESSAGE_LENGTH;
}

enum s3error config_document_tree(struct arena *a, const struct config_document *d,
                                  struct bytes stored, struct xml_node **ret)
{
	return xml_parse(a, stored, d->nodes_max + NODES_MAX, ret) == OK ? S3E_NONE : S3E_INTERNAL;
}

enum s3error config_encryption(struct arena *a, struct bytes stored, struct config_encryption *ret)
{
	struct xml_node *root = NULL;
	TRY_S3(config_document_tree(a, config_document_of(INDEX_CONFIG_ENCRYPTION), stored, &root));
	*ret = read_encryption(root);
	return S3E_NONE;
}

void config_ownership(struct arena *a, struct bytes stored, struct bucket_settings *ret)
{
	struct xml_node *root = NULL;
	if (stored.p == NULL) {
		return;
	}
	bool read = config_document_tree(a, config_document_of(INDEX_CONFIG_OWNERSHIP), stored,
	                                 &root) == S3E_NONE;
	struct bytes word = xml_text(xml_child(root, "Rule"), "ObjectOwnership");
	ret->owner_enforced = !read || bytes_is(word, "BucketOwnerEnforced");
	ret->owner_preferred = bytes_is(word, "BucketOwnerPreferred");
}

void config_public_access(struct arena *a, struct bytes stored, struct bucket_settings *ret)
{
	bool *const flags[] = {&ret->block_public_acls, &ret->ignore_public_acls,
	                       &ret->block_public_policy, &ret->restrict_public};
	struct xml_node *root = NULL;
	if (stored.p == NULL) {
		return;
	}
	bool read = config_document_tree(a, config_document_of(INDEX_CONFIG_PUBLIC_ACCESS), stored,
	                                 &root) == S3E_NONE;
	for (size_t i = 0; i < COUNT(flags); i++) {
		*flags[i] = !read || bytes_is_nocase(xml_text(root, public_settings[i]), "true");
	}
}
