/* Entries: one form for each, nothing else is read. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "common/codec/json.h"
#include "common/logfmt/entry.h"

#define NO_BYTES ((struct bytes){NULL, 0})

static const char full_line[] =
	"{\"v\":1,\"seq\":42,\"time\":\"2026-11-23T13:30:00.123456789Z\","
	"\"boot\":\"000102030405060708090a0b0c0d0e0f\",\"event\":\"access\",\"result\":\"ok\","
	"\"request\":\"101112131415161718191a1b1c1d1e1f\",\"gateway\":\"gw-1\","
	"\"tenant\":\"000000000001\",\"principal\":\"arn:aws:iam::000000000001:user/alice\","
	"\"access_key\":\"AKIAEXAMPLE\",\"source\":\"192.0.2.1\","
	"\"agent\":\"a \\\"b\\\" \\\\ \\n \\u0001 \\u007f \xc3\xa9\",\"op\":\"s3:GetObject\","
	"\"bucket_token\":\"2020202020202020202020202020202020202020202020202020202020202020\","
	"\"period\":\"2026-11\",\"basis\":\"tenant-owner\",\"keys\":["
	"{\"use\":\"opened\",\"key\":\"30303030303030303030303030303030\",\"version\":7,"
	"\"wrapped\":\"4040404040404040404040404040404040404040404040404040404040404040\","
	"\"object_token\":\"5050505050505050505050505050505050505050505050505050505050505050\"},"
	"{\"use\":\"issued\",\"key\":\"30303030303030303030303030303030\",\"version\":4294967295,"
	"\"wrapped\":\"4141414141414141414141414141414141414141414141414141414141414141\"}]}";

static struct logfmt_entry full_entry(void)
{
	struct logfmt_entry e = {
		.seq = 42,
		.time_ns = UINT64_C(1795440600123456789),
		.event = LOGFMT_ACCESS,
		.result = BYTES("ok"),
		.gateway = BYTES("gw-1"),
		.tenant = BYTES("000000000001"),
		.principal = BYTES("arn:aws:iam::000000000001:user/alice"),
		.access_key = BYTES("AKIAEXAMPLE"),
		.source = BYTES("192.0.2.1"),
		.agent = BYTES("a \"b\" \\ \n \x01 \x7f \xc3\xa9"),
		.op = BYTES("s3:GetObject"),
		.period = BYTES("2026-11"),
		.basis = BYTES("tenant-owner"),
		.n_keys = 2,
	};

	for (unsigned i = 0; i < 16; i++) {
		e.boot[i] = (uint8_t)i;
		e.request_id[i] = (uint8_t)(16 + i);
	}
	memset(e.bucket_token, 0x20, 32);
	e.keys[0].use = LOGFMT_OPENED;
	e.keys[0].key_version = 7;
	memset(e.keys[0].key_id, 0x30, 16);
	memset(e.keys[0].wrapped_digest, 0x40, 32);
	memset(e.keys[0].object_token, 0x50, 32);
	e.keys[1].use = LOGFMT_ISSUED;
	e.keys[1].key_version = UINT32_MAX;
	memset(e.keys[1].key_id, 0x30, 16);
	memset(e.keys[1].wrapped_digest, 0x41, 32);
	return e;
}

static void test_write(void **state)
{
	struct logfmt_entry e = full_entry();
	uint8_t out[LOGFMT_ENTRY_MAX];
	struct writer w = writer_fixed(out, sizeof(out));

	(void)state;
	assert_int_equal(logfmt_entry_write(&e, &w), OK);
	assert_int_equal(w.used, sizeof(full_line) - 1);
	assert_memory_equal(out, full_line, w.used);
}

static void test_is_json(void **state)
{
	struct json *j = NULL;
	uint64_t seq = 0;

	(void)state;
	assert_int_equal(json_parse(bytes_text(full_line), LOGFMT_ENTRY_MAX, &j, NULL), OK);
	assert_int_equal(json_get_u64(j, "seq", &seq), OK);
	assert_int_equal(seq, 42);
	assert_true(bytes_equal(json_get_bytes(j, "agent"), full_entry().agent));
	assert_int_equal(json_count(json_get(j, "keys")), 2);
	json_free(j);
}

static enum err read_text(const char *line, struct logfmt_entry *ret)
{
	static struct arena *a;

	if (a == NULL) {
		a = arena_new(1 << 20);
	}
	arena_reset(a);
	return logfmt_entry_read(a, bytes_text(line), ret);
}

static void test_read(void **state)
{
	struct logfmt_entry e = {0}, want = full_entry();

	(void)state;
	assert_int_equal(read_text(full_line, &e), OK);
	assert_int_equal(e.seq, want.seq);
	assert_int_equal(e.time_ns, want.time_ns);
	assert_memory_equal(e.boot, want.boot, 16);
	assert_memory_equal(e.request_id, want.request_id, 16);
	assert_memory_equal(e.bucket_token, want.bucket_token, 32);
	assert_int_equal(e.event, LOGFMT_ACCESS);
	assert_true(bytes_equal(e.agent, want.agent));
	assert_true(bytes_equal(e.principal, want.principal));
	assert_int_equal(e.detail.n, 0);
	assert_int_equal(e.n_keys, 2);
	assert_memory_equal(&e.keys[0], &want.keys[0], sizeof(e.keys[0]));
	assert_memory_equal(&e.keys[1], &want.keys[1], sizeof(e.keys[1]));
}

#define HEAD                                                                                       \
	"{\"v\":1,\"seq\":1,\"time\":\"2026-11-23T13:30:00.123456789Z\","                          \
	"\"boot\":\"000102030405060708090a0b0c0d0e0f\","

static void test_strict(void **state)
{
	static const char *const bad[] = {
		"", "{}", "{\"v\":1}",
		HEAD "\"event\":\"start\",\"result\":\"ok\"}\n",
		HEAD "\"event\":\"start\",\"result\":\"ok\"} ",
		" " HEAD "\"event\":\"start\",\"result\":\"ok\"}",
		HEAD " \"event\":\"start\",\"result\":\"ok\"}",
		HEAD "\"result\":\"ok\",\"event\":\"start\"}",
		HEAD "\"event\":\"begin\",\"result\":\"ok\"}",
		HEAD "\"event\":\"start\"}",
		HEAD "\"event\":\"start\",\"result\":\"\"}",
		HEAD "\"event\":\"start\",\"result\":\"\\u006fk\"}",
		HEAD "\"event\":\"start\",\"result\":\"\\/\"}",
		HEAD "\"event\":\"start\",\"result\":\"\\u000A\"}",
		HEAD "\"event\":\"start\",\"result\":\"\\u000a\"}",
		HEAD "\"event\":\"start\",\"result\":\"\\u0000\"}",
		HEAD "\"event\":\"start\",\"result\":\"\\u00e9\"}",
		HEAD "\"event\":\"start\",\"result\":\"a\nb\"}",
		HEAD "\"event\":\"start\",\"result\":\"\x7f\"}",
		HEAD "\"event\":\"start\",\"result\":\"\xff\"}",
		HEAD "\"event\":\"start\",\"result\":\"\xed\xa0\x80\"}",
		HEAD "\"event\":\"start\",\"result\":\"\\\"}",
		HEAD "\"event\":\"start\",\"result\":\"ok\",\"gateway\":\"\"}",
		HEAD "\"event\":\"start\",\"result\":\"ok\",\"gateway\":\"g\",\"gateway\":\"g\"}",
		HEAD "\"event\":\"start\",\"result\":\"ok\",\"op\":\"o\",\"gateway\":\"g\"}",
		HEAD "\"event\":\"start\",\"result\":\"ok\",\"extra\":\"g\"}",
		HEAD "\"event\":\"start\",\"result\":\"ok\",\"keys\":[]}",
		HEAD "\"event\":\"start\",\"result\":\"ok\","
		     "\"request\":\"00000000000000000000000000000000\"}",
		HEAD "\"event\":\"start\",\"result\":\"ok\","
		     "\"request\":\"0000000000000000000000000000000A\"}",
		"{\"v\":2,\"seq\":1,\"time\":\"2026-11-23T13:30:00.123456789Z\","
		"\"boot\":\"000102030405060708090a0b0c0d0e0f\",\"event\":\"start\",\"result\":\"ok\"}",
		"{\"v\":1,\"seq\":01,\"time\":\"2026-11-23T13:30:00.123456789Z\","
		"\"boot\":\"000102030405060708090a0b0c0d0e0f\",\"event\":\"start\",\"result\":\"ok\"}",
		"{\"v\":1,\"seq\":1.0,\"time\":\"2026-11-23T13:30:00.123456789Z\","
		"\"boot\":\"000102030405060708090a0b0c0d0e0f\",\"event\":\"start\",\"result\":\"ok\"}",
		"{\"v\":1,\"seq\":1,\"time\":\"2026-11-23T13:30:00.12345678Z\","
		"\"boot\":\"000102030405060708090a0b0c0d0e0f\",\"event\":\"start\",\"result\":\"ok\"}",
		"{\"v\":1,\"seq\":1,\"time\":\"2026-02-30T13:30:00.123456789Z\","
		"\"boot\":\"000102030405060708090a0b0c0d0e0f\",\"event\":\"start\",\"result\":\"ok\"}",
	};
	struct logfmt_entry e;

	(void)state;
	assert_int_equal(read_text(HEAD "\"event\":\"start\",\"result\":\"ok\"}", &e), OK);
	assert_int_equal(read_text(HEAD "\"event\":\"start\",\"result\":\"ok\","
	                                "\"detail\":\"\\t\xf0\x9f\x94\x91\"}", &e), OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (read_text(bad[i], &e) != ERR_INPUT) {
			fail_msg("accepted: %s", bad[i]);
		}
	}
}

/* Whatever one changed byte makes of an entry, it is refused or it is another entry. */
static void test_every_byte(void **state)
{
	char line[sizeof(full_line)];
	uint8_t out[LOGFMT_ENTRY_MAX];
	struct logfmt_entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(full_line) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(line, full_line, sizeof(line));
			line[i] = (char)(line[i] ^ (1 << bit));
			if (line[i] == 0 || read_text(line, &e) != OK) {
				continue;
			}
			struct writer w = writer_fixed(out, sizeof(out));
			assert_int_equal(logfmt_entry_write(&e, &w), OK);
			assert_memory_equal(out, line, w.used);
		}
	}
	for (size_t n = 0; n < sizeof(full_line) - 1; n++) {
		memcpy(line, full_line, n);
		line[n] = 0;
		assert_int_equal(read_text(line, &e), ERR_INPUT);
	}
}

static void test_refused(void **state)
{
	static uint8_t out[4 * LOGFMT_ENTRY_MAX];
	static char text[LOGFMT_ENTRY_MAX];
	struct writer w = writer_fixed(out, sizeof(out));
	struct logfmt_entry e = full_entry();

	(void)state;
	e.agent = BYTES("nul \0 inside");
	assert_int_equal(logfmt_entry_write(&e, &w), ERR_INPUT);
	e = full_entry();
	e.result = NO_BYTES;
	assert_int_equal(logfmt_entry_write(&e, &w), ERR_INPUT);
	e = full_entry();
	e.n_keys = LOGFMT_KEYS_MAX + 1;
	assert_int_equal(logfmt_entry_write(&e, &w), ERR_INPUT);
	e = full_entry();
	memset(text, 'x', sizeof(text));
	e.detail = bytes_of(text, sizeof(text));
	assert_int_equal(logfmt_entry_write(&e, &w), ERR_LIMIT);
	e = full_entry();
	w = writer_fixed(out, 100);
	assert_int_equal(logfmt_entry_write(&e, &w), ERR_LIMIT);
}

/* Bytes that are not UTF-8 are written as U+FFFD; what is then read is canonical. */
static void test_not_utf8(void **state)
{
	struct logfmt_entry e = full_entry(), back;
	char out[LOGFMT_ENTRY_MAX + 1];
	struct writer w = writer_fixed(out, sizeof(out) - 1);

	(void)state;
	e.agent = BYTES("x\xff\xc0y");
	assert_int_equal(logfmt_entry_write(&e, &w), OK);
	out[w.used] = 0;
	assert_int_equal(read_text(out, &back), OK);
	assert_true(bytes_is(back.agent, "x\xef\xbf\xbd\xef\xbf\xbdy"));
}

static void test_largest(void **state)
{
	struct logfmt_entry e = full_entry(), back;
	static char text[512], out[LOGFMT_ENTRY_MAX + 1];
	struct writer w = writer_fixed(out, sizeof(out) - 1);

	(void)state;
	memset(text, 1, sizeof(text)); /* six bytes each once escaped */
	e.detail = bytes_of(text, sizeof(text));
	e.n_keys = LOGFMT_KEYS_MAX;
	for (size_t i = 0; i < LOGFMT_KEYS_MAX; i++) {
		e.keys[i] = e.keys[0];
	}
	assert_int_equal(logfmt_entry_write(&e, &w), OK);
	out[w.used] = 0;
	assert_int_equal(read_text(out, &back), OK);
	assert_int_equal(back.n_keys, LOGFMT_KEYS_MAX);
	for (unsigned i = 0; i < LOGFMT_EVENTS; i++) {
		assert_true(strlen(logfmt_event_name((enum logfmt_event)i)) > 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),      cmocka_unit_test(test_is_json),
		cmocka_unit_test(test_read),       cmocka_unit_test(test_strict),
		cmocka_unit_test(test_every_byte), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_utf8),   cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
