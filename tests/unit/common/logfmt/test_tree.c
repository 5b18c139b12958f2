/* The tree against RFC 6962's own vectors, a second implementation, and the C2SP tile numbers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/base64.h"
#include "common/codec/hex.h"
#include "common/logfmt/tree.h"

static struct tree tree;

static void check_hex(const uint8_t *hash, const char *want)
{
	uint8_t bytes[32];

	assert_int_equal(hex_read(bytes_text(want), bytes, 32), OK);
	assert_memory_equal(hash, bytes, 32);
}

static void test_empty(void **state)
{
	uint8_t root[32], text[64];
	struct writer w = writer_fixed(text, sizeof(text));

	(void)state;
	tree_init(&tree);
	assert_int_equal(tree_root(&tree, root), OK);
	base64_write(&w, bytes_of(root, 32));
	assert_true(bytes_is(writer_bytes(&w), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));
}

/* The eight leaves used by every implementation of RFC 6962. */
static void test_eight_leaves(void **state)
{
	static const char *const leaves[] = {
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
		"606162636465666768696a6b6c6d6e6f",
	};
	static const char *const roots[] = {
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};

	(void)state;
	tree_init(&tree);
	for (size_t i = 0; i < 8; i++) {
		uint8_t data[16], leaf[32], root[32];
		size_t n = strlen(leaves[i]) / 2;
		assert_int_equal(hex_read(bytes_text(leaves[i]), data, n), OK);
		assert_int_equal(tree_leaf_hash(bytes_of(data, n), leaf), OK);
		assert_int_equal(tree_append(&tree, leaf, NULL, NULL), OK);
		assert_int_equal(tree_root(&tree, root), OK);
		check_hex(root, roots[i]);
	}
}

/* RFC 6962 2.1 as it is written: split at the largest power of two below n. */
static void mth(const uint8_t (*leaves)[32], size_t n, uint8_t ret[32])
{
	uint8_t left[32], right[32];
	size_t k = 1;

	if (n == 1) {
		memcpy(ret, leaves[0], 32);
		return;
	}
	while (k * 2 < n) {
		k *= 2;
	}
	mth(leaves, k, left);
	mth(leaves + k, n - k, right);
	assert_int_equal(tree_node_hash(left, right, ret), OK);
}

static uint8_t (*many_leaves(size_t n))[32]
{
	uint8_t (*leaves)[32] = calloc(n, 32);

	assert_non_null(leaves);
	for (size_t i = 0; i < n; i++) {
		uint8_t data[4] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 7};
		assert_int_equal(tree_leaf_hash(bytes_of(data, 4), leaves[i]), OK);
	}
	return leaves;
}

static void test_against_definition(void **state)
{
	enum { N = 1300 };
	uint8_t (*leaves)[32] = many_leaves(N);
	uint8_t root[32], want[32];

	(void)state;
	tree_init(&tree);
	for (size_t n = 1; n <= N; n++) {
		assert_int_equal(tree_append(&tree, leaves[n - 1], NULL, NULL), OK);
		assert_int_equal(tree_root(&tree, root), OK);
		mth((const uint8_t (*)[32])leaves, n, want);
		assert_memory_equal(root, want, 32);
	}
	free(leaves);
}

struct counts {
	unsigned full[TREE_LEVELS];
	unsigned order; /* a call for level l comes right after one for l - 1 */
	bool out_of_order;
};

static enum err count_full(void *context, unsigned level, const struct tree_tile *tile)
{
	struct counts *c = context;

	if (tile->width != TREE_TILE_WIDTH || tile->number != c->full[level] ||
	    (level > 0 && c->order != level - 1)) {
		c->out_of_order = true;
	}
	c->order = level;
	c->full[level]++;
	return OK;
}

static enum err refuse_full(void *context, unsigned level, const struct tree_tile *tile)
{
	(void)context;
	(void)level;
	(void)tile;
	return ERR_FULL;
}

/* c2sp.org/tlog-tiles: the tiles of a tree of 70,000 and of one of 256. */
static void test_tiles(void **state)
{
	enum { N = 70000 };
	uint8_t (*leaves)[32] = many_leaves(N);
	struct counts counts = {0};
	uint8_t root[32], want[32];

	(void)state;
	tree_init(&tree);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(tree_append(&tree, leaves[i], count_full, &counts), OK);
		if (i + 1 == 256) {
			assert_int_equal(counts.full[0], 1);
			assert_int_equal(tree.open[0].width, 0);
			assert_int_equal(tree.open[1].width, 1);
		}
	}
	assert_false(counts.out_of_order);
	assert_int_equal(counts.full[0], 273);
	assert_int_equal(tree.open[0].width, 112);
	assert_int_equal(counts.full[1], 1);
	assert_int_equal(tree.open[1].width, 17);
	assert_int_equal(counts.full[2], 0);
	assert_int_equal(tree.open[2].width, 1);
	assert_int_equal(tree_root(&tree, root), OK);
	mth((const uint8_t (*)[32])leaves, N, want);
	assert_memory_equal(root, want, 32);
	tree_init(&tree);
	for (size_t i = 0; i < 255; i++) {
		assert_int_equal(tree_append(&tree, leaves[i], refuse_full, NULL), OK);
	}
	assert_int_equal(tree_append(&tree, leaves[255], refuse_full, NULL), ERR_FULL);
	free(leaves);
}

static void check_path(const char *level, uint64_t number, uint32_t width, const char *want)
{
	char text[96];
	struct writer w = writer_fixed(text, sizeof(text));

	tree_tile_path(&w, level, number, width);
	if (!bytes_is(writer_bytes(&w), want)) {
		fail_msg("%.*s, not %s", (int)w.used, text, want);
	}
}

static void test_paths(void **state)
{
	(void)state;
	check_path("0", 0, 256, "tile/0/000");
	check_path("0", 1234067, 256, "tile/0/x001/x234/067");
	check_path("1", 999, 256, "tile/1/999");
	check_path("1", 1000, 256, "tile/1/x001/000");
	check_path("entries", 0, 17, "tile/entries/000.p/17");
	check_path("entries", 1234067, 1, "tile/entries/x001/x234/067.p/1");
	check_path("0", UINT64_MAX, 256, "tile/0/x018/x446/x744/x073/x709/x551/615");
}

static void test_encode(void **state)
{
	static uint8_t state_bytes[sizeof(struct tree)];
	static struct tree back;
	uint8_t (*leaves)[32] = many_leaves(1000);
	struct writer w = writer_fixed(state_bytes, sizeof(state_bytes));
	uint8_t root[32], want[32];

	(void)state;
	tree_init(&tree);
	for (size_t i = 0; i < 600; i++) {
		assert_int_equal(tree_append(&tree, leaves[i], NULL, NULL), OK);
	}
	tree_encode(&tree, &w);
	assert_int_equal(writer_end(&w), OK);
	struct reader r = reader_of(writer_bytes(&w));
	assert_int_equal(tree_decode(&r, &back), OK);
	assert_int_equal(r.left, 0);
	for (size_t i = 600; i < 1000; i++) {
		assert_int_equal(tree_append(&back, leaves[i], NULL, NULL), OK);
	}
	assert_int_equal(back.open[0].number, 3);
	assert_int_equal(tree_root(&back, root), OK);
	mth((const uint8_t (*)[32])leaves, 1000, want);
	assert_memory_equal(root, want, 32);
	r = reader_of(bytes_first(writer_bytes(&w), w.used - 1));
	assert_int_equal(tree_decode(&r, &back), ERR_INPUT);
	free(leaves);
}

/* RFC 6962 2.1.1, as it is written. */
static size_t audit_path(const uint8_t (*leaves)[32], size_t m, size_t n, uint8_t (*ret)[32])
{
	size_t k = 1, used;

	if (n == 1) {
		return 0;
	}
	while (k * 2 < n) {
		k *= 2;
	}
	if (m < k) {
		used = audit_path(leaves, m, k, ret);
		mth(leaves + k, n - k, ret[used]);
	} else {
		used = audit_path(leaves + k, m - k, n - k, ret);
		mth(leaves, k, ret[used]);
	}
	return used + 1;
}

static void test_inclusion(void **state)
{
	enum { N = 40 };
	uint8_t (*leaves)[32] = many_leaves(N);
	const uint8_t (*const_leaves)[32] = (const uint8_t (*)[32])leaves;
	uint8_t path[8][32], root[32];

	(void)state;
	for (size_t n = 1; n <= N; n++) {
		mth(const_leaves, n, root);
		for (size_t m = 0; m < n; m++) {
			size_t used = audit_path(const_leaves, m, n, path);
			struct bytes p = bytes_of(path, used * 32);
			assert_int_equal(tree_check_inclusion(m, n, leaves[m], p, root), OK);
			assert_int_equal(tree_check_inclusion(m, n, leaves[(m + 1) % N], p, root),
			                 ERR_AUTH);
			if (used > 0) {
				assert_int_not_equal(tree_check_inclusion(m, n, leaves[m],
				                     bytes_first(p, p.n - 32), root), OK);
				path[0][3] ^= 1;
				assert_int_equal(tree_check_inclusion(m, n, leaves[m], p, root),
				                 ERR_AUTH);
			}
		}
	}
	assert_int_equal(tree_check_inclusion(5, 5, leaves[0], bytes_of(path, 0), root), ERR_INPUT);
	assert_int_equal(tree_check_inclusion(0, 0, leaves[0], bytes_of(path, 0), root), ERR_INPUT);
	assert_int_equal(tree_check_inclusion(0, 2, leaves[0], bytes_of(path, 31), root), ERR_INPUT);
	free(leaves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),  cmocka_unit_test(test_eight_leaves),
		cmocka_unit_test(test_against_definition),
		cmocka_unit_test(test_tiles),  cmocka_unit_test(test_paths),
		cmocka_unit_test(test_encode), cmocka_unit_test(test_inclusion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
