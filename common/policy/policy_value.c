/*
 * Values that are compared by what they mean: numbers, times, networks, ARNs. One reader serves the policy and the request, so both sides
 * agree on what is a number. Nothing is converted to a floating-point number: decimals are compared as digits.
 * Source: IAM user guide, "Condition operators"; W3C note datetime for times.
 */
#include <arpa/inet.h>
#include <string.h>

#include "common/codec/base64.h"
#include "common/codec/date.h"
#include "common/policy/compiled.h"

enum {
	EPOCH_DIGITS_MAX = 12, /* seconds; more would be after the year 30,000 */
	DATE_BYTES = 10,       /* YYYY-MM-DD */
	OFFSET_BYTES = 6,      /* +hh:mm */
	TIME_TEXT_MAX = 40,
	ADDRESS_TEXT_MAX = 46,
	V4_BITS = 32,
	V6_BITS = 128,
	V4_AT = 12, /* where an IPv4 address stands in a mapped one */
};

static bool is_digits(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] < '0' || b.p[i] > '9') {
			return false;
		}
	}
	return true;
}

static enum err read_number_text(struct bytes text, struct decimal *ret)
{
	struct bytes fraction = text;
	struct decimal d = {0};

	if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) {
		d.negative = text.p[0] == '-';
		fraction = bytes_skip(text, 1);
	}
	d.whole = bytes_split(&fraction, '.');
	d.fraction = fraction;
	bool point = fraction.p != NULL;
	if (d.whole.n == 0 || (point && d.fraction.n == 0) || !is_digits(d.whole) ||
	    !is_digits(d.fraction)) {
		return ERR_INPUT;
	}
	while (d.whole.n > 0 && d.whole.p[0] == '0') {
		d.whole = bytes_skip(d.whole, 1);
	}
	while (d.fraction.n > 0 && d.fraction.p[d.fraction.n - 1] == '0') {
		d.fraction.n--;
	}
	d.negative = d.negative && d.whole.n + d.fraction.n > 0;
	*ret = d;
	return OK;
}

static int order_numbers(const struct decimal *a, const struct decimal *b)
{
	int order;

	if (a->negative != b->negative) {
		return a->negative ? -1 : 1;
	}
	if (a->whole.n != b->whole.n) {
		order = a->whole.n < b->whole.n ? -1 : 1;
	} else {
		order = bytes_compare(a->whole, b->whole);
	}
	if (order == 0) {
		order = bytes_compare(a->fraction, b->fraction);
	}
	return a->negative ? -order : order;
}

/* "+02:00" at the end becomes "Z"; *ret_minutes is what the text is ahead of UTC. */
static enum err read_offset(struct bytes *text, int *ret_minutes)
{
	uint64_t hours, minutes;

	*ret_minutes = 0;
	if (text->n < DATE_BYTES + OFFSET_BYTES || text->p[text->n - 1] == 'Z') {
		return OK;
	}
	struct bytes offset = bytes_skip(*text, text->n - OFFSET_BYTES);
	if ((offset.p[0] != '+' && offset.p[0] != '-') || offset.p[3] != ':') {
		return ERR_INPUT;
	}
	TRY(bytes_u64(bytes_of(offset.p + 1, 2), &hours));
	TRY(bytes_u64(bytes_of(offset.p + 4, 2), &minutes));
	if (hours > 23 || minutes > 59) {
		return ERR_INPUT;
	}
	*ret_minutes = (int)(hours * 60 + minutes) * (offset.p[0] == '-' ? -1 : 1);
	text->n -= OFFSET_BYTES;
	return OK;
}

/* Without seconds, without a time of day, with an offset: written out and left to date_read_iso. */
static enum err read_iso(struct bytes text, uint64_t *ret_ms)
{
	uint8_t memory[TIME_TEXT_MAX];
	struct writer w = writer_fixed(memory, sizeof(memory));
	int minutes_ahead;
	uint64_t ns;

	TRY(read_offset(&text, &minutes_ahead));
	if (text.n > 0 && text.p[text.n - 1] == 'Z') {
		text.n--;
	}
	write_bytes(&w, text);
	if (text.n == DATE_BYTES) {
		write_text(&w, "T00:00");
	}
	if (w.used == DATE_BYTES + 6) {
		write_text(&w, ":00");
	}
	write_u8(&w, 'Z');
	if (writer_end(&w) != OK || date_read_iso(writer_bytes(&w), &ns) != OK) {
		return ERR_INPUT;
	}
	int64_t ms = (int64_t)(ns / 1000000) - (int64_t)minutes_ahead * 60000;
	if (ms < 0) {
		return ERR_INPUT;
	}
	*ret_ms = (uint64_t)ms;
	return OK;
}

static enum err read_time_text(struct bytes text, uint64_t *ret_ms)
{
	uint64_t seconds;

	if (text.n == 0 || !is_digits(text)) {
		return read_iso(text, ret_ms);
	}
	if (text.n > EPOCH_DIGITS_MAX) {
		return ERR_INPUT;
	}
	TRY(bytes_u64(text, &seconds));
	*ret_ms = seconds * 1000;
	return OK;
}

static enum err read_truth_text(struct bytes text, bool *ret)
{
	*ret = bytes_is_nocase(text, "true");
	return *ret || bytes_is_nocase(text, "false") ? OK : ERR_INPUT;
}

/* Read strictly there is one text for one value, so the text is compared; here only whether it is base64. */
static enum err check_base64(struct bytes text)
{
	for (; text.n > 0; text = bytes_skip(text, 4)) {
		uint8_t memory[3];
		struct writer w = writer_fixed(memory, sizeof(memory));
		TRY(base64_read(bytes_first(text, 4), &w));
		if (w.used < sizeof(memory) && text.n > 4) {
			return ERR_INPUT;
		}
	}
	return OK;
}

static bool is_mapped(const uint8_t *address)
{
	static const uint8_t start[V4_AT] = {[10] = 0xff, [11] = 0xff};

	return memcmp(address, start, sizeof(start)) == 0;
}

static enum err read_address(struct bytes text, struct network *ret)
{
	char name[ADDRESS_TEXT_MAX] = {0};

	if (text.n == 0 || text.n >= sizeof(name) || memchr(text.p, 0, text.n) != NULL) {
		return ERR_INPUT;
	}
	memcpy(name, text.p, text.n);
	*ret = (struct network){.prefix = V6_BITS};
	if (inet_pton(AF_INET, name, ret->address + V4_AT) == 1) {
		ret->address[10] = ret->address[11] = 0xff;
		ret->v4 = true;
		return OK;
	}
	return inet_pton(AF_INET6, name, ret->address) == 1 ? OK : ERR_INPUT;
}

/* The prefix of an IPv4 network counts from where its address starts. An IPv6 network that lies in the mapped
 * addresses is one of IPv4. */
static enum err read_network(struct bytes text, struct network *ret)
{
	struct bytes prefix = text;
	struct bytes address = bytes_split(&prefix, '/');
	uint64_t bits;

	TRY(read_address(address, ret));
	if (prefix.p != NULL) {
		uint64_t most = ret->v4 ? V4_BITS : V6_BITS;
		if (bytes_u64(prefix, &bits) != OK || bits > most) {
			return ERR_INPUT;
		}
		ret->prefix = (uint8_t)(bits + V6_BITS - most);
	}
	ret->v4 = is_mapped(ret->address) && ret->prefix >= V6_BITS - V4_BITS;
	return OK;
}

bool value_in_network(const struct network *network, const struct network *address)
{
	size_t whole = network->prefix / 8;
	unsigned bits = network->prefix % 8;

	if (network->v4 != address->v4 || memcmp(network->address, address->address, whole) != 0) {
		return false;
	}
	return bits == 0 || (network->address[whole] ^ address->address[whole]) >> (8 - bits) == 0;
}

/* arn:partition:service:region:account:resource. */
static enum err read_arn(struct bytes text, bool variables, struct bytes ret[ARN_PARTS])
{
	for (size_t i = 0; i < ARN_PARTS - 1; i++) {
		if (text.p == NULL) {
			return ERR_INPUT;
		}
		ret[i] = glob_split(&text, ':', variables);
	}
	ret[ARN_PARTS - 1] = text;
	return text.p == NULL || !bytes_is(ret[0], "arn") ? ERR_INPUT : OK;
}

enum err value_read(enum value_type type, struct bytes text, bool variables, struct value *ret)
{
	*ret = (struct value){.text = text};
	switch (type) {
	case VALUE_TEXT: return OK;
	case VALUE_NUMBER: return read_number_text(text, &ret->number);
	case VALUE_TIME: return read_time_text(text, &ret->time_ms);
	case VALUE_TRUTH: return read_truth_text(text, &ret->truth);
	case VALUE_BASE64: return check_base64(text);
	case VALUE_NETWORK: return read_network(text, &ret->network);
	case VALUE_ARN: return read_arn(text, variables, ret->arn);
	}
	return ERR_INPUT;
}

int value_order(enum value_type type, const struct value *a, const struct value *b)
{
	if (type == VALUE_NUMBER) {
		return order_numbers(&a->number, &b->number);
	}
	return (a->time_ms > b->time_ms) - (a->time_ms < b->time_ms);
}
