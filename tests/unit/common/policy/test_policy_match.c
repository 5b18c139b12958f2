/* Wildcards, and that nothing makes matching slow. */
#include "tests/unit/common/policy/support.h"

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool same;
	} rows[] = {
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "anything/at/all", true},
		{"?", "", false},
		{"?", "a", true},
		{"?", "ab", false},
		{"?", "\xc3\xa9", true},
		{"??", "\xc3\xa9", false},
		{"*?", "\xc3\xa9", true},
		{"?", "\xff", true},
		{"a*c", "abc", true},
		{"a*c", "ac", true},
		{"a*c", "abcd", false},
		{"a*bc*d", "abcbcxd", true},
		{"*abab", "aabababab", true},
		{"*aab", "aaaaab", true},
		{"**?**", "x", true},
		{"a?*?b", "axyb", true},
		{"a?*?b", "axb", false},
		{"A", "a", false},
		{"${aws:username}", "${aws:username}", true},
		{"*/../*", "a/../b", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool same = policy_match(bytes_text(rows[i].pattern), bytes_text(rows[i].text));
		if (same != rows[i].same) {
			fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].text);
		}
	}
}

/* The classic that takes 2^n steps when every star is tried at every place. */
static void many_stars(void **state)
{
	uint8_t pattern[4096], text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++) {
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	}
	memset(text, 'a', sizeof(text));
	assert_false(policy_match(bytes_of(pattern, sizeof(pattern)), bytes_of(text, sizeof(text))));
	pattern[1000] = 'b';
	assert_false(policy_match(bytes_of(pattern, 1002), bytes_of(text, sizeof(text))));
	assert_true(policy_match(bytes_of(pattern, 1000), bytes_of(text, sizeof(text))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(many_stars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
