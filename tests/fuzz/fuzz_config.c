/*
 * A bucket's configuration from outside; the first byte chooses its kind. What was accepted and written anew must be accepted again and
 * come out the same; what the rules then say of requests and objects must not depend on how much time went by, or be looser than what
 * was asked.
 */
#include <string.h>

#include "common/base/attr.h"
#include "server/gateway/config_document.h"
#include "server/gateway/cors.h"
#include "server/gateway/lifecycle.h"
#include "server/gateway/request.h"

enum { ARENA_BYTES = 64 << 20, DAY_MS = 86400000 };
#define NOW_MS UINT64_C(1893456000000) /* 2030-01-01 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds) {
		__builtin_trap();
	}
}

static struct xml_node *tree(struct arena *a, const struct config_document *d, struct bytes stored)
{
	struct xml_node *root = NULL;

	demand(config_document_tree(a, d, stored, &root) == S3E_NONE);
	return root;
}

/* Each of these becomes a header of an answer. */
static void check_header(struct bytes value)
{
	for (size_t i = 0; i < value.n; i++) {
		demand(value.p[i] >= ' ' && value.p[i] <= '~');
	}
}

static void try_cors(struct arena *a, const struct xml_node *root)
{
	static const struct cors_query queries[] = {
		{BYTES("https://app.example.org"), BYTES("GET"), {NULL, 0}},
		{BYTES("http://evil.example"), BYTES("PUT"), BYTES("X-Amz-Date, content-type")},
		{BYTES("null"), BYTES("DELETE"), BYTES(",, a")},
		{{NULL, 0}, {NULL, 0}, {NULL, 0}},
	};

	for (size_t i = 0; i < COUNT(queries); i++) {
		struct cors_grant g = {0};
		if (!cors_match(a, root, &queries[i], &g)) {
			continue;
		}
		demand(bytes_is(g.origin, "*") || bytes_equal(g.origin, queries[i].origin));
		demand(!(g.credentials && bytes_is(g.origin, "*")));
		demand(memmem(g.methods.p, g.methods.n, queries[i].method.p, queries[i].method.n) != NULL);
		check_header(g.methods);
		check_header(g.expose);
		check_header(g.max_age);
	}
}

/* A first look without tags must find whatever the tags would. */
static void try_expiry(const struct lifecycle *l, const struct lifecycle_object *o)
{
	struct lifecycle_object blind = *o;
	uint64_t at = 0, earliest = 0;

	blind.tags_unknown = true;
	const struct lifecycle_rule *rule = lifecycle_expiry(l, o, DAY_MS, &at);
	if (rule == NULL) {
		return;
	}
	demand(rule->enabled && bytes_starts(o->key, rule->prefix) && at % DAY_MS == 0);
	demand(rule->days == 0 || at >= o->modified_ms + (uint64_t)rule->days * DAY_MS);
	demand(lifecycle_expiry(l, &blind, DAY_MS, &earliest) != NULL && earliest <= at);
}

/* Due once, due for ever. */
static void try_versions(const struct lifecycle *l, const struct lifecycle_object *o)
{
	bool older = false, marker = false;

	for (uint64_t days = 0; days < 4000; days = 3 * days + 1) {
		const struct lifecycle_clock clock = {NOW_MS + days * DAY_MS, DAY_MS};
		bool older_now = lifecycle_noncurrent(l, o, NOW_MS, 2, clock);
		bool marker_now = lifecycle_marker(l, o, clock);
		demand(older_now >= older && marker_now >= marker);
		older = older_now;
		marker = marker_now;
	}
	demand(!older || lifecycle_noncurrent(l, o, NOW_MS, UINT32_MAX,
	                                      (struct lifecycle_clock){UINT64_MAX, DAY_MS}));
}

static void try_lifecycle(struct arena *a, const struct xml_node *root)
{
	static const struct field tags[] = {{BYTES("a"), BYTES("b")}, {BYTES("colour"), BYTES("red")}};
	const struct lifecycle_object objects[] = {
		{.key = BYTES("logs/2030/x"), .size = 1000, .modified_ms = NOW_MS},
		{.key = BYTES("a"), .size = 0, .modified_ms = NOW_MS, .tags = tags, .n_tags = COUNT(tags)},
		{.key = BYTES("\xc3\xa9"), .size = UINT64_MAX, .modified_ms = 0},
	};
	struct lifecycle l;
	uint64_t at = 0;

	demand(lifecycle_read(a, root, &l) == S3E_NONE);
	for (size_t i = 0; i < COUNT(objects); i++) {
		try_expiry(&l, &objects[i]);
		try_versions(&l, &objects[i]);
		const struct lifecycle_rule *rule = lifecycle_abort(&l, objects[i].key, NOW_MS, DAY_MS, &at);
		demand(rule == NULL || (at > NOW_MS && at % DAY_MS == 0));
	}
}

static void try_stored(struct arena *a, const struct config_document *d, struct bytes stored)
{
	const struct xml_node *root = tree(a, d, stored);
	struct config_encryption encryption;

	if (d->kind == INDEX_CONFIG_CORS) {
		try_cors(a, root);
	} else if (d->kind == INDEX_CONFIG_LIFECYCLE) {
		try_lifecycle(a, root);
	} else if (d->kind == INDEX_CONFIG_ENCRYPTION) {
		demand(config_encryption(a, stored, &encryption) == S3E_NONE);
		demand(!encryption.aes256 || encryption.key.n == 0);
	} else if (d->kind == INDEX_CONFIG_OWNERSHIP) {
		struct bucket_settings settings = {0};
		config_ownership(a, stored, &settings);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
	struct bytes text = bytes_of(data, size);
	struct bytes stored, again;

	if (size == 0) {
		return 0;
	}
	const struct config_document *d = config_document_of((enum index_config)(data[0] - '0'));
	if (d == NULL || config_document_read(a, d, bytes_skip(text, 1), &stored) != S3E_NONE) {
		return 0;
	}
	demand(config_document_read(a, d, stored, &again) == S3E_NONE && bytes_equal(again, stored));
	try_stored(a, d, stored);
	return 0;
}
