/* Configuration documents: what is accepted, what is refused and how, what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/attr.h"
#include "server/gateway/config_document.h"
#include "server/gateway/request.h"

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static enum s3error read_text(enum index_config kind, struct bytes text, struct bytes *ret)
{
	return config_document_read(arena, config_document_of(kind), text, ret);
}

static void gives(enum index_config kind, const char *text, enum s3error want)
{
	struct bytes got;
	enum s3error e = read_text(kind, bytes_text(text), &got);
	if (e != want) {
		fail_msg("%s: %s, want %s", text, s3error_code(e), s3error_code(want));
	}
}

#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* What comes out is ours, and comes out again unchanged. */
static void becomes(enum index_config kind, const char *text, const char *want)
{
	struct bytes got, again;
	assert_int_equal(read_text(kind, bytes_text(text), &got), S3E_NONE);
	struct bytes declaration = bytes_text("?>");
	size_t at = 0;
	while (!bytes_starts(bytes_skip(got, at), declaration)) {
		at++;
	}
	struct bytes body = bytes_trim(bytes_skip(got, at + 2));
	if (body.n > 0 && body.p[0] == '\n') {
		body = bytes_skip(body, 1);
	}
	if (!bytes_is(body, want)) {
		fail_msg("%.*s, want %s", (int)body.n, (const char *)body.p, want);
	}
	assert_int_equal(read_text(kind, got, &again), S3E_NONE);
	assert_true(bytes_equal(got, again));
}

static struct bytes many_tags(unsigned n)
{
	struct writer w = writer_growing(1 << 20);
	write_text(&w, "<Tagging><TagSet>");
	for (unsigned i = 0; i < n; i++) {
		write_text(&w, "<Tag><Key>k");
		write_decimal(&w, i);
		write_text(&w, "</Key><Value/></Tag>");
	}
	write_text(&w, "</TagSet></Tagging>");
	struct bytes copy = arena_copy(arena, writer_bytes(&w));
	writer_free(&w);
	return copy;
}

static void tag_gives(const char *key, size_t key_times, size_t value_times, enum s3error want)
{
	struct writer w = writer_growing(1 << 20);
	write_text(&w, "<Tagging><TagSet><Tag><Key>");
	for (size_t i = 0; i < key_times; i++) {
		write_text(&w, key);
	}
	write_text(&w, "</Key><Value>");
	for (size_t i = 0; i < value_times; i++) {
		write_text(&w, "\xc3\xa9");
	}
	write_text(&w, "</Value></Tag></TagSet></Tagging>");
	write_u8(&w, 0);
	gives(INDEX_CONFIG_TAGGING, (const char *)w.p, want);
	writer_free(&w);
}

static void test_tagging(void **state)
{
	struct bytes got;
	(void)state;
	becomes(INDEX_CONFIG_TAGGING,
	        "<Tagging" XMLNS ">\n <TagSet><Tag><Key>Hello</Key><Value>a b</Value></Tag>\n"
	        "</TagSet></Tagging>",
	        "<Tagging" XMLNS "><TagSet><Tag><Key>Hello</Key><Value>a b</Value></Tag></TagSet>"
	        "</Tagging>");
	becomes(INDEX_CONFIG_TAGGING, "<Tagging><TagSet/></Tagging>",
	        "<Tagging" XMLNS "><TagSet></TagSet></Tagging>");
	tag_gives("\xc3\xa9", 128, 256, S3E_NONE);
	tag_gives("k", 129, 0, S3E_INVALID_TAG);
	tag_gives("k", 1, 257, S3E_INVALID_TAG);
	tag_gives("k", 0, 0, S3E_INVALID_TAG);
	tag_gives("aws:x", 1, 0, S3E_INVALID_TAG);
	tag_gives("AWS:x", 1, 0, S3E_INVALID_TAG);
	tag_gives("a{b", 1, 0, S3E_INVALID_TAG);
	tag_gives("a_.:/=+-@ 9", 1, 0, S3E_NONE);
	assert_int_equal(read_text(INDEX_CONFIG_TAGGING, many_tags(50), &got), S3E_NONE);
	assert_int_equal(read_text(INDEX_CONFIG_TAGGING, many_tags(51), &got), S3E_INVALID_TAG);
	gives(INDEX_CONFIG_TAGGING,
	      "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key>"
	      "<Value>2</Value></Tag></TagSet></Tagging>", S3E_INVALID_TAG);
}

static void test_schema(void **state)
{
	static const char *const bad[] = {
		"", "x", "<Tagging>", "<Tagging/>", "<Tag/>", "<Tagging><TagSet/><TagSet/></Tagging>",
		"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
		"<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value/></Tag></TagSet></Tagging>",
		"<Tagging><TagSet><Tag><Key>a</Key><Value/><Color/></Tag></TagSet></Tagging>",
		"<Tagging><TagSet><Tag><Key><b/></Key><Value/></Tag></TagSet></Tagging>",
		"<!DOCTYPE a [<!ENTITY b \"c\">]><Tagging><TagSet/></Tagging>",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		gives(INDEX_CONFIG_TAGGING, bad[i], S3E_MALFORMED_XML);
	}
}

#define SSE(inner) "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" \
	inner "</Rule></ServerSideEncryptionConfiguration>"
#define BY_DEFAULT "</ApplyServerSideEncryptionByDefault>"

static void encryption_is(const char *text, bool aes256, const char *key)
{
	struct config_encryption e = {0};
	struct bytes stored;
	assert_int_equal(read_text(INDEX_CONFIG_ENCRYPTION, bytes_text(text), &stored), S3E_NONE);
	assert_int_equal(config_encryption(arena, stored, &e), S3E_NONE);
	assert_int_equal(e.aes256, aes256);
	assert_true(bytes_is(e.key, key));
}

#define RULE(inside)                                                                               \
	"<ServerSideEncryptionConfiguration><Rule>" inside "</Rule></ServerSideEncryptionConfiguration>"
#define BLOCKED(type) "<BlockedEncryptionTypes>" type "</BlockedEncryptionTypes>"
#define TYPE(name) "<EncryptionType>" name "</EncryptionType>"

static void blocks(const char *text, bool want)
{
	struct config_encryption e = {0};
	struct bytes stored;
	assert_int_equal(read_text(INDEX_CONFIG_ENCRYPTION, bytes_text(text), &stored), S3E_NONE);
	assert_int_equal(config_encryption(arena, stored, &e), S3E_NONE);
	assert_int_equal(e.blocks_customer, want);
	assert_false(e.aes256);
}

static void test_blocked_encryption(void **state)
{
	(void)state;
	blocks(RULE(BLOCKED(TYPE("SSE-C"))), true);
	blocks(RULE(BLOCKED(TYPE("NONE"))), false);
	blocks(SSE("<SSEAlgorithm>aws:kms</SSEAlgorithm>" BY_DEFAULT), false);
	blocks(SSE("<SSEAlgorithm>aws:kms</SSEAlgorithm>" BY_DEFAULT BLOCKED(TYPE("SSE-C"))), true);
	gives(INDEX_CONFIG_ENCRYPTION, RULE(BLOCKED("")), S3E_MALFORMED_XML);
	gives(INDEX_CONFIG_ENCRYPTION, RULE(BLOCKED(TYPE("SSE-KMS"))), S3E_MALFORMED_XML);
	gives(INDEX_CONFIG_ENCRYPTION, RULE(BLOCKED(TYPE("NONE") TYPE("SSE-C"))), S3E_MALFORMED_XML);
}

static void test_encryption(void **state)
{
	(void)state;
	encryption_is(SSE("<SSEAlgorithm>AES256</SSEAlgorithm>" BY_DEFAULT), true, "");
	encryption_is(SSE("<SSEAlgorithm>aws:kms</SSEAlgorithm>" BY_DEFAULT
	                  "<BucketKeyEnabled>false</BucketKeyEnabled>"), false, "");
	encryption_is(SSE("<KMSMasterKeyID>alias/a</KMSMasterKeyID><SSEAlgorithm>aws:kms"
	                  "</SSEAlgorithm>" BY_DEFAULT), false, "alias/a");
	gives(INDEX_CONFIG_ENCRYPTION,
	      SSE("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>a</KMSMasterKeyID>" BY_DEFAULT),
	      S3E_INVALID_ARGUMENT);
	gives(INDEX_CONFIG_ENCRYPTION, SSE("<SSEAlgorithm>DES</SSEAlgorithm>" BY_DEFAULT),
	      S3E_MALFORMED_XML);
	gives(INDEX_CONFIG_ENCRYPTION, SSE("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>" BY_DEFAULT),
	      S3E_NOT_IMPLEMENTED);
	encryption_is(SSE("<SSEAlgorithm>aws:kms</SSEAlgorithm>" BY_DEFAULT
	                  "<BucketKeyEnabled>true</BucketKeyEnabled>"), false, "");
	gives(INDEX_CONFIG_ENCRYPTION,
	      SSE("<SSEAlgorithm>aws:kms</SSEAlgorithm>" BY_DEFAULT
	          "<BucketKeyEnabled>maybe</BucketKeyEnabled>"), S3E_MALFORMED_XML);
	gives(INDEX_CONFIG_ENCRYPTION,
	      "<ServerSideEncryptionConfiguration><Rule/></ServerSideEncryptionConfiguration>",
	      S3E_MALFORMED_XML);
}

static void test_ownership_and_public_access(void **state)
{
	struct bytes stored;
	(void)state;
	gives(INDEX_CONFIG_OWNERSHIP, "<OwnershipControls><Rule><ObjectOwnership>Nobody"
	      "</ObjectOwnership></Rule></OwnershipControls>", S3E_MALFORMED_XML);
	assert_int_equal(read_text(INDEX_CONFIG_OWNERSHIP,
	                           BYTES("<OwnershipControls><Rule><ObjectOwnership>ObjectWriter"
	                                 "</ObjectOwnership></Rule></OwnershipControls>"),
	                           &stored), S3E_NONE);
	struct bucket_settings settings = {0};
	config_ownership(arena, stored, &settings);
	assert_false(settings.owner_enforced);
	config_ownership(arena, (struct bytes){NULL, 0}, &settings);
	assert_false(settings.owner_enforced);
	config_ownership(arena, BYTES("not what was stored"), &settings);
	assert_true(settings.owner_enforced);
	config_public_access(arena, BYTES("not what was stored"), &settings);
	assert_true(settings.block_public_acls && settings.ignore_public_acls &&
	            settings.block_public_policy && settings.restrict_public);
	becomes(INDEX_CONFIG_PUBLIC_ACCESS,
	        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
	        "</PublicAccessBlockConfiguration>",
	        "<PublicAccessBlockConfiguration" XMLNS "><BlockPublicAcls>true</BlockPublicAcls>"
	        "<IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>false"
	        "</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets>"
	        "</PublicAccessBlockConfiguration>");
	gives(INDEX_CONFIG_PUBLIC_ACCESS, "<PublicAccessBlockConfiguration><BlockPublicAcls>yes"
	      "</BlockPublicAcls></PublicAccessBlockConfiguration>", S3E_MALFORMED_XML);
}

/* Rules get an ID where they have none: with those a document may be longer than can be read back. */
static void test_what_is_stored_can_be_read(void **state)
{
	const struct config_document *d = config_document_of(INDEX_CONFIG_LIFECYCLE);
	struct xml_node *root;
	struct bytes got;

	(void)state;
	for (unsigned rules = 850; rules <= 880; rules += 30) {
		struct writer w = writer_growing(1 << 20);
		write_text(&w, "<LifecycleConfiguration>");
		for (unsigned i = 0; i < rules; i++) {
			write_text(&w, "<Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration>"
			               "<Filter><And>");
			for (unsigned tag = 0; tag < 4; tag++) {
				write_text(&w, "<Tag><Key>");
				write_decimal(&w, tag);
				write_text(&w, "</Key><Value></Value></Tag>");
			}
			write_text(&w, "</And></Filter></Rule>");
		}
		write_text(&w, "</LifecycleConfiguration>");
		enum s3error e = read_text(INDEX_CONFIG_LIFECYCLE, writer_bytes(&w), &got);
		assert_int_equal(e, rules == 850 ? S3E_NONE : S3E_MESSAGE_LENGTH);
		if (e == S3E_NONE) {
			assert_int_equal(config_document_tree(arena, d, got, &root), S3E_NONE);
		}
		writer_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tagging, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_schema, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_encryption, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_blocked_encryption, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_stored_can_be_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ownership_and_public_access, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
