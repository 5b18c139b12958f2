/* rempart rm. */
#include <stdlib.h>

#include "client/cli/session.h"
#include "common/base/attr.h"

enum { BATCH_ARENA_BYTES = 4 << 20 }; /* 1,000 keys of at most 1,024 bytes, and their overhead */

/* Keys on their way to be deleted together. */
struct batch {
	struct cli *c;
	struct s3 *s3;
	struct bytes bucket;
	struct arena *arena;
	struct bytes keys[S3_DELETE_KEYS_MAX];
	size_t n;
	uint64_t deleted;
};

static enum err flush_batch(struct batch *b)
{
	if (b->n == 0) {
		return OK;
	}
	TRY(s3_delete_many(b->s3, b->bucket, b->keys, b->n, &b->c->report));
	b->deleted += b->n;
	b->n = 0;
	arena_reset(b->arena);
	return OK;
}

static enum err add_key(void *context, const struct s3_entry *e)
{
	struct batch *b = context;

	b->keys[b->n] = arena_copy(b->arena, e->name);
	if (b->keys[b->n].p == NULL) {
		return ERR_NOMEM;
	}
	b->n++;
	return b->n == S3_DELETE_KEYS_MAX ? flush_batch(b) : OK;
}

static void say_deleted(const struct cli *c, uint64_t n)
{
	if (option_given(c, OPT_JSON)) {
		fprintf(stdout, "{\"deleted\":%llu}\n", (unsigned long long)n);
	} else if (!option_given(c, OPT_QUIET)) {
		fprintf(stdout, "deleted: %llu\n", (unsigned long long)n);
	}
}

static enum err remove_below(struct cli *c, struct s3 *s3, struct s3_name name)
{
	struct batch *b = calloc(1, sizeof(*b));
	enum err e = ERR_NOMEM;

	if (b != NULL) {
		*b = (struct batch){.c = c, .s3 = s3, .bucket = name.bucket,
		                    .arena = arena_new(BATCH_ARENA_BYTES)};
	}
	if (b != NULL && b->arena != NULL) {
		e = s3_list(s3, name, NULL, add_key, b, &c->report);
		e = e == OK ? flush_batch(b) : e;
		say_deleted(c, b->deleted);
		arena_free(b->arena);
	}
	free(b);
	return e;
}

static int remove_objects(struct cli *c)
{
	AUTO(session_close) struct session s = {0};
	struct s3_call call = {.method = "DELETE"};
	bool recursive = option_given(c, OPT_RECURSIVE);

	if (name_parse(c, c->arg[0], !recursive, &call.name) != OK) {
		return say_usage(c, c->report.text);
	}
	if (session_open(c, &s) != OK) {
		return say_report(c);
	}
	if (recursive) {
		return remove_below(c, s.s3, call.name) == OK ? CLI_OK : say_report(c);
	}
	if (s3_call(s.s3, &call, NULL, &c->report) != OK) {
		return say_report(c);
	}
	say_deleted(c, 1);
	return CLI_OK;
}

const struct command rm_commands[] = {
	{"rm", NULL, "s3://BUCKET/KEY", "delete an object, or with -r all whose key begins so",
         "With -r the name is a prefix: s3://b/log also deletes s3://b/logbook.",
         S3_OPTIONS | OPT(OPT_RECURSIVE), 1, 1, remove_objects},
	{0},
};
