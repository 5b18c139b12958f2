/*
 * Who a statement speaks of. Source: IAM user guide, "AWS JSON policy elements: Principal".
 */
#include "common/base/attr.h"
#include "common/policy/parse.h"

enum {
	ACCOUNT_DIGITS = 12,
	ACCOUNT_NAME_MAX = 63, /* of an account that is named in an ARN */
	CANONICAL_DIGITS = 64,
	SERVICE_NAME_MAX = 253,
	ARN_BYTES_MAX = 1024,
};

static const char why[] = "Invalid principal in policy";

static bool is_letter_or_digit(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* 1 to `max` letters, digits and characters of `others`. */
static bool is_made_of(struct bytes b, const char *others, size_t max)
{
	size_t at;

	for (size_t i = 0; i < b.n; i++) {
		if (!is_letter_or_digit(b.p[i]) && !bytes_find(bytes_text(others), b.p[i], &at)) {
			return false;
		}
	}
	return b.n > 0 && b.n <= max;
}

static bool is_account(struct bytes b)
{
	uint64_t number;

	return b.n == ACCOUNT_DIGITS && bytes_u64(b, &number) == OK;
}

/* arn:aws:iam::ACCOUNT:root, :user/NAME, :role/NAME, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION. An account that is no
 * number is nobody here, as is a number that was not given out: which exist is not for a parser to know. */
static enum err read_arn(struct bytes text, struct principal *ret)
{
	static const struct bytes kinds[] = {
		BYTES("user/"), BYTES("role/"), BYTES("assumed-role/"), BYTES("federated-user/"),
	};
	static const struct bytes iam = BYTES("arn:aws:iam::"), sts = BYTES("arn:aws:sts::");
	struct bytes rest = bytes_skip(text, iam.n);

	if (text.n > ARN_BYTES_MAX || (!bytes_starts(text, iam) && !bytes_starts(text, sts))) {
		return ERR_INPUT;
	}
	struct bytes account = bytes_split(&rest, ':');
	if (!is_made_of(account, "-_", ACCOUNT_NAME_MAX)) {
		return ERR_INPUT;
	}
	if (bytes_is(rest, "root")) {
		*ret = (struct principal){PRINCIPAL_ACCOUNT, account};
		return OK;
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct bytes name = bytes_skip(rest, kinds[i].n);
		if (bytes_starts(rest, kinds[i]) && is_made_of(name, "_+=,.@-/", ARN_BYTES_MAX)) {
			*ret = (struct principal){PRINCIPAL_ARN, text};
			return OK;
		}
	}
	return ERR_INPUT;
}

static enum err read_aws(struct bytes text, struct principal *ret)
{
	if (bytes_is(text, "*")) {
		*ret = (struct principal){.kind = PRINCIPAL_EVERYBODY};
		return OK;
	}
	if (is_account(text)) {
		*ret = (struct principal){PRINCIPAL_ACCOUNT, text};
		return OK;
	}
	return read_arn(text, ret);
}

static enum err read_canonical(struct bytes text, struct principal *ret)
{
	for (size_t i = 0; i < text.n; i++) {
		if (!is_letter_or_digit(text.p[i]) || (text.p[i] | 0x20) > 'f') {
			return ERR_INPUT;
		}
	}
	*ret = (struct principal){PRINCIPAL_CANONICAL, text};
	return text.n == CANONICAL_DIGITS ? OK : ERR_INPUT;
}

static enum err read_service(struct bytes text, struct principal *ret)
{
	size_t dot;

	*ret = (struct principal){PRINCIPAL_SERVICE, text};
	return is_made_of(text, ".-", SERVICE_NAME_MAX) && bytes_find(text, '.', &dot) ? OK : ERR_INPUT;
}

/* The rows of the object. "Federated" is none: nobody signs S3 requests as one. */
static enum err read_one(struct bytes member, struct bytes text, struct principal *ret)
{
	if (bytes_is(member, "AWS")) {
		return read_aws(text, ret);
	}
	if (bytes_is(member, "CanonicalUser")) {
		return read_canonical(text, ret);
	}
	return bytes_is(member, "Service") ? read_service(text, ret) : ERR_INPUT;
}

static enum err read_member(struct parse *p, struct bytes member, const struct json *list,
                            struct statement *s)
{
	for (size_t i = 0; i < parse_list_count(list); i++) {
		struct bytes text;
		TRY(parse_string(p, parse_list_at(list, i), why, &text));
		if (read_one(member, text, &s->principals[s->n_principals++]) != OK) {
			return parse_refuse(p, why);
		}
	}
	return OK;
}

static enum err count_members(struct parse *p, const struct json *object, size_t *ret)
{
	const struct json *list;
	struct bytes member;

	*ret = 0;
	for (size_t i = 0; json_member(object, i, &member, &list); i++) {
		size_t n = parse_list_count(list);
		if (n == 0) {
			return parse_refuse(p, why);
		}
		*ret += n;
	}
	return *ret == 0 ? parse_refuse(p, why) : OK;
}

enum err parse_principals(struct parse *p, const struct json *v, struct statement *s)
{
	const struct json *list;
	struct bytes member;
	size_t n = 1;

	if (json_is_object(v)) {
		TRY(count_members(p, v, &n));
	} else if (!bytes_is(json_bytes(v), "*")) {
		return parse_refuse(p, why);
	}
	TRY(parse_array(p, n, sizeof(*s->principals), (void **)&s->principals));
	if (!json_is_object(v)) {
		s->principals[0] = (struct principal){.kind = PRINCIPAL_EVERYBODY};
		s->n_principals = 1;
		return OK;
	}
	for (size_t i = 0; json_member(v, i, &member, &list); i++) {
		TRY(read_member(p, member, list, s));
	}
	return OK;
}
