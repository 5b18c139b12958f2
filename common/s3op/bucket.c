/* Bucket names: of new buckets, and in the Host header. */
#include "common/s3op/s3op.h"

#include "common/base/attr.h"

enum { NAME_MIN = 3, NAME_MAX_BYTES = 63 };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool equal_nocase(struct bytes x, struct bytes y)
{
	if (x.n != y.n) {
		return false;
	}
	for (size_t i = 0; i < x.n; i++) {
		if (lower(x.p[i]) != lower(y.p[i])) {
			return false;
		}
	}
	return true;
}

static bool ends(struct bytes b, struct bytes suffix)
{
	return b.n >= suffix.n && bytes_equal(bytes_skip(b, b.n - suffix.n), suffix);
}

/* "192.168.5.4" and whatever else is four numbers with dots. */
static bool is_ip_like(struct bytes name)
{
	size_t dots = 0;

	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '.') {
			dots++;
		} else if (!is_digit(name.p[i])) {
			return false;
		}
	}
	return dots == 3;
}

/* Letters, digits, '-' and '.'; a '.' stands between letters or digits only. */
static bool is_label_text(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		if (!is_alphanumeric(c) && c != '-' && c != '.') {
			return false;
		}
		if (c == '.' && i > 0 && !is_alphanumeric(name.p[i - 1])) {
			return false;
		}
		if (i > 0 && name.p[i - 1] == '.' && !is_alphanumeric(c)) {
			return false;
		}
	}
	return true;
}

bool s3op_bucket_name_ok(struct bytes name)
{
	static const char *const prefixes[] = {"xn--", "sthree-", "amzn-s3-demo-"};
	static const char *const suffixes[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};

	if (name.n < NAME_MIN || name.n > NAME_MAX_BYTES || !is_label_text(name)) {
		return false;
	}
	if (!is_alphanumeric(name.p[0]) || !is_alphanumeric(name.p[name.n - 1]) || is_ip_like(name)) {
		return false;
	}
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		if (bytes_starts(name, bytes_text(prefixes[i]))) {
			return false;
		}
	}
	for (size_t i = 0; i < COUNT(suffixes); i++) {
		if (ends(name, bytes_text(suffixes[i]))) {
			return false;
		}
	}
	return true;
}

/* "host:9000" -> "host"; one trailing dot (the DNS root) falls too. An IPv6 address gives nothing. */
static struct bytes host_name(struct bytes host)
{
	size_t at;

	if (host.n > 0 && host.p[0] == '[') {
		return bytes_first(host, 0);
	}
	if (bytes_find(host, ':', &at)) {
		host = bytes_first(host, at);
	}
	return ends(host, BYTES(".")) ? bytes_first(host, host.n - 1) : host;
}

/* What stands before ".domain"; empty when it does not end so. */
static struct bytes before_domain(struct bytes host, struct bytes domain)
{
	if (domain.n == 0 || host.n < domain.n + 2) {
		return bytes_first(host, 0);
	}
	size_t at = host.n - domain.n - 1;
	if (host.p[at] != '.' || !equal_nocase(bytes_skip(host, at + 1), domain)) {
		return bytes_first(host, 0);
	}
	return bytes_first(host, at);
}

/* Nothing that could pass for a path or a pattern; '_' and capitals are in old bucket names. */
static bool is_host_text(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = lower(b.p[i]);
		if (!is_alphanumeric(c) && c != '-' && c != '.' && c != '_') {
			return false;
		}
	}
	return true;
}

struct bytes s3op_host_bucket(struct bytes host, struct bytes domains)
{
	struct bytes name = host_name(host);
	struct bytes found = bytes_first(host, 0);

	while (domains.n > 0) {
		struct bytes domain = bytes_split(&domains, ' ');
		if (equal_nocase(name, domain)) {
			return bytes_first(host, 0); /* the service itself, also below another domain */
		}
		struct bytes bucket = before_domain(name, domain);
		/* Of two domains the longer one counts: its bucket is the shorter. */
		if (bucket.n > 0 && (found.n == 0 || bucket.n < found.n)) {
			found = bucket;
		}
	}
	return is_host_text(found) ? found : bytes_first(host, 0);
}
