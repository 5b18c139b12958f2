/* rempart ls, mb, rb. */
#include <string.h>

#include "client/cli/session.h"
#include "common/base/attr.h"
#include "common/codec/json.h"
#include "common/codec/xml.h"

enum { LINE_BYTES_MAX = 64 << 10, BODY_BYTES_MAX = 512 };

struct listing {
	struct cli *c;
	size_t cut; /* bytes of the prefix that are not shown again */
};

/* One JSON object on a line of its own. */
static enum err print_json(const struct s3_entry *e, const char *kind)
{
	AUTO(writer_free) struct writer w = writer_growing(LINE_BYTES_MAX);
	struct json_writer j = json_writer_of(&w);

	json_object_begin(&j, NULL);
	json_string(&j, kind, e->name);
	if (e->modified.n > 0) {
		json_string(&j, "modified", e->modified);
	}
	if (strcmp(kind, "key") == 0) {
		json_u64(&j, "size", e->size_bytes);
		json_string(&j, "etag", e->etag);
	}
	json_object_end(&j);
	TRY(writer_end(&w));
	fwrite(w.p, 1, w.used, stdout);
	fputc('\n', stdout);
	return OK;
}

static enum err print_bucket(void *context, const struct s3_entry *e)
{
	struct listing *l = context;

	if (option_given(l->c, OPT_JSON)) {
		return print_json(e, "bucket");
	}
	print_padded(stdout, bytes_first(e->modified, 19), 21); /* to the second */
	print_data(stdout, e->name);
	fputc('\n', stdout);
	return OK;
}

static enum err print_entry(void *context, const struct s3_entry *e)
{
	struct listing *l = context;

	if (option_given(l->c, OPT_JSON)) {
		return print_json(e, e->is_prefix ? "prefix" : "key");
	}
	if (e->is_prefix) {
		colour_begin(l->c, stdout, "1");
		fprintf(stdout, "%21s%14s  ", "", "folder");
	} else {
		print_padded(stdout, bytes_first(e->modified, 19), 21);
		fprintf(stdout, "%14llu  ", (unsigned long long)e->size_bytes);
	}
	print_data(stdout, bytes_skip(e->name, l->cut));
	if (e->is_prefix) {
		colour_end(l->c, stdout);
	}
	fputc('\n', stdout);
	return OK;
}

static int list(struct cli *c)
{
	AUTO(session_close) struct session s = {0};
	struct listing l = {.c = c};
	struct s3_name name;
	bool recursive = option_given(c, OPT_RECURSIVE);

	if (c->n_args > 0 && name_parse(c, c->arg[0], false, &name) != OK) {
		return say_usage(c, c->report.text);
	}
	if (session_open(c, &s) != OK) {
		return say_report(c);
	}
	if (c->n_args == 0) {
		return s3_list_buckets(s.s3, print_bucket, &l, &c->report) == OK ? CLI_OK : say_report(c);
	}
	l.cut = recursive ? 0 : name.key.n - name_last(name.key).n;
	return s3_list(s.s3, name, recursive ? NULL : "/", print_entry, &l, &c->report) == OK
	               ? CLI_OK
	               : say_report(c);
}

static void say_bucket(const struct cli *c, const char *done, struct s3_name name)
{
	if (!option_given(c, OPT_QUIET) && !option_given(c, OPT_JSON)) {
		fprintf(stdout, "%s: s3://", done);
		print_data(stdout, name.bucket);
		fputc('\n', stdout);
	}
}

static int bucket_call(struct cli *c, const char *method, struct bytes body, const char *done)
{
	AUTO(session_close) struct session s = {0};
	struct s3_call call = {.method = method, .body = body};

	if (name_parse(c, c->arg[0], false, &call.name) != OK || call.name.key.n > 0) {
		return say_usage(c, "write it s3://BUCKET");
	}
	call.name.key = (struct bytes){NULL, 0};
	if (session_open(c, &s) != OK || s3_call(s.s3, &call, NULL, &c->report) != OK) {
		return say_report(c);
	}
	say_bucket(c, done, call.name);
	return CLI_OK;
}

/* S3 wants the region said again, except for the one that it was born with. */
static int make_bucket(struct cli *c)
{
	const char *region = settings_get(&c->settings, c->value[OPT_REGION],
	                                  (const char *[]){"AWS_REGION", "AWS_DEFAULT_REGION", NULL}, "s3",
	                                  "region");
	uint8_t body[BODY_BYTES_MAX];
	struct writer w = writer_fixed(body, sizeof(body));

	if (region == NULL || strcmp(region, "us-east-1") == 0) {
		return bucket_call(c, "PUT", BYTES(""), "created");
	}
	xml_begin(&w);
	xml_open(&w, "CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
	xml_element_text(&w, "LocationConstraint", region);
	xml_close(&w, "CreateBucketConfiguration");
	return writer_end(&w) == OK ? bucket_call(c, "PUT", writer_bytes(&w), "created")
	                            : say_usage(c, "the region's name is too long");
}

static int remove_bucket(struct cli *c)
{
	return bucket_call(c, "DELETE", (struct bytes){NULL, 0}, "removed");
}

const struct command bucket_commands[] = {
	{"ls", NULL, "[s3://BUCKET[/PREFIX]]", "list buckets, or objects",
         "With --json each entry is an object on a line of its own.", S3_OPTIONS | OPT(OPT_RECURSIVE), 0,
         1, list},
	{"mb", NULL, "s3://BUCKET", "make a bucket", NULL, S3_OPTIONS, 1, 1, make_bucket},
	{"rb", NULL, "s3://BUCKET", "remove an empty bucket", NULL, S3_OPTIONS, 1, 1, remove_bucket},
	{0},
};
