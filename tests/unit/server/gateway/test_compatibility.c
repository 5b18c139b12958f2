/* docs/s3-compatibility.md against the router: what it calls built is routed, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/gateway/request.h"

enum { DOCUMENT_MAX = 1 << 16 };

static struct bytes document(void)
{
	static uint8_t text[DOCUMENT_MAX];
	FILE *f = fopen("docs/s3-compatibility.md", "rb"); /* tests run in the top folder */
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	assert_true(n > 0 && n < sizeof(text));
	return bytes_of(text, n);
}

/* The second cell of the row of an operation; empty when there is no row. */
static struct bytes row_of(struct bytes rest, const char *operation)
{
	while (rest.p != NULL) {
		struct bytes line = bytes_split(&rest, '\n');
		bytes_split(&line, '|');
		if (bytes_is(bytes_trim(bytes_split(&line, '|')), operation)) {
			return bytes_trim(bytes_split(&line, '|'));
		}
	}
	return BYTES("");
}

static void every_operation_has_a_row(void **state)
{
	struct bytes text = document();
	(void)state;
	for (int i = S3OP_UNSUPPORTED + 1; i < S3OP_COUNT; i++) {
		const char *name = s3op_name((enum s3op)i);
		struct bytes cell = row_of(text, name);
		if (i == S3OP_PREFLIGHT) {
			continue; /* of HTTP, not of S3 */
		}
		if (!bytes_is(cell, "yes") && !bytes_is(cell, "partly")) {
			fail_msg("%s is routed; its row says \"%.*s\"", name, (int)cell.n, cell.p);
		}
	}
}

static bool is_routed(struct bytes name)
{
	for (int i = S3OP_UNSUPPORTED + 1; i < S3OP_COUNT; i++) {
		if (bytes_is(name, s3op_name((enum s3op)i))) {
			return op_of((enum s3op)i) != NULL;
		}
	}
	return false;
}

static void every_row_is_true(void **state)
{
	struct bytes rest = document();
	size_t rows = 0;
	(void)state;
	while (rest.p != NULL) {
		struct bytes line = bytes_split(&rest, '\n');
		if (bytes_starts(line, BYTES("## "))) {
			break; /* other tables */
		}
		if (!bytes_starts(line, BYTES("| ")) || bytes_starts(line, BYTES("| operation")) ||
		    bytes_starts(line, BYTES("| ---"))) {
			continue;
		}
		bytes_split(&line, '|');
		struct bytes name = bytes_trim(bytes_split(&line, '|'));
		struct bytes cell = bytes_trim(bytes_split(&line, '|'));
		bool built = bytes_is(cell, "yes") || bytes_is(cell, "partly");
		assert_true(built || bytes_is(cell, "no"));
		if (built != is_routed(name)) {
			fail_msg("%.*s: the row says %s", (int)name.n, name.p, built ? "built" : "no");
		}
		rows++;
	}
	assert_true(rows > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_has_a_row),
		cmocka_unit_test(every_row_is_true),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
