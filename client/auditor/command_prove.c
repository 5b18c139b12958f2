/*
 * prove: one entry with its path and the signed checkpoint, in a file that stands for itself (c2sp.org/tlog-proof).
 * check: verify such a file with nothing but the key.
 */
#include <stdlib.h>
#include <string.h>

#include "client/auditor/args.h"
#include "client/auditor/commands.h"
#include "client/auditor/out.h"
#include "client/auditor/path.h"
#include "client/auditor/walk.h"
#include "common/base/attr.h"
#include "common/logfmt/note.h"
#include "common/logfmt/proof.h"

enum {
	MEMORY_BYTES = 1024 * 1024,
	VKEY_FILE_BYTES = 4096,
};

struct command {
	struct common_args common;
	const char *key, *entry, *proof;
	uint8_t vkey[VKEY_FILE_BYTES];
	struct note_key note_key;
	uint8_t note[NOTE_MAX];
	struct checkpoint checkpoint;
	uint8_t path[PROOF_HASHES_MAX * TREE_HASH_BYTES];
};

static enum err wrong(struct report *r, const char *what, const char *why)
{
	return report_set(r, ERR_INPUT, (const char *[]){what, why, NULL});
}

static enum err read_key(struct command *c, struct report *report)
{
	size_t n = 0;

	if (c->key == NULL) {
		return wrong(report, "--key", " FILE is missing");
	}
	TRY(args_file(c->key, c->vkey, sizeof(c->vkey), &n, report));
	struct bytes rest = bytes_of(c->vkey, n);
	if (note_key_read(bytes_trim(bytes_split(&rest, '\n')), &c->note_key) != OK) {
		return wrong(report, c->key, ": not a verifier key (name+hash+base64, Ed25519)");
	}
	return OK;
}

/* AUTH: the checkpoint is not one of this key. */
static enum err open_checkpoint(struct command *c, struct bytes note)
{
	struct bytes text;

	if (note_verify(note, &c->note_key, &text) != OK ||
	    checkpoint_read(text, &c->checkpoint) != OK ||
	    !bytes_equal(c->checkpoint.origin, c->note_key.name)) {
		return ERR_AUTH;
	}
	return OK;
}

/* AUTH: the proof does not prove what it says. */
static enum err check_proof(struct command *c, const struct log_proof *p)
{
	uint8_t leaf[TREE_HASH_BYTES];

	TRY(open_checkpoint(c, p->note));
	TRY(tree_leaf_hash(p->extra, leaf));
	enum err e = tree_check_inclusion(p->index, c->checkpoint.size, leaf, p->path,
	                                  c->checkpoint.root);
	return e == OK || e == ERR_NOMEM ? e : ERR_AUTH;
}

static enum err find_entry(int dir, struct bundle *b, uint64_t index, uint64_t size)
{
	uint64_t number = index / TREE_TILE_WIDTH, rest = size - number * TREE_TILE_WIDTH;
	enum err e = bundle_read(b, dir, number,
	                         rest < TREE_TILE_WIDTH ? (uint32_t)rest : TREE_TILE_WIDTH);

	return e == ERR_NOTFOUND ? bundle_read(b, dir, number, TREE_TILE_WIDTH) : e;
}

static enum err make_proof(struct command *c, int dir, uint64_t index, struct bundle *b,
                           struct log_proof *ret, struct report *report)
{
	struct writer path = writer_fixed(c->path, sizeof(c->path));
	size_t n = 0;

	if (logdir_read(dir, "checkpoint", c->note, sizeof(c->note), &n) != OK ||
	    open_checkpoint(c, bytes_of(c->note, n)) != OK) {
		return report_set(report, ERR_AUTH,
		                  (const char *[]){"there is no checkpoint signed by this key", NULL});
	}
	if (index >= c->checkpoint.size) {
		return wrong(report, c->entry, ": the checkpoint does not reach that entry");
	}
	enum err e = find_entry(dir, b, index, c->checkpoint.size);
	if (e == OK) {
		e = path_read(dir, index, c->checkpoint.size, &path);
	}
	if (e != OK) {
		return report_set(report, e, (const char *[]){"cannot read the log: ", err_name(e),
		                                              NULL});
	}
	*ret = (struct log_proof){
		.extra = b->entries[index % TREE_TILE_WIDTH],
		.index = index,
		.path = writer_bytes(&path),
		.note = bytes_of(c->note, n),
	};
	return check_proof(c, ret) == OK ? OK
		: report_set(report, ERR_AUTH,
	                     (const char *[]){"the log does not verify here: run rempart-audit verify",
	                                      NULL});
}

static enum err print_proof(const struct log_proof *p)
{
	struct writer w = writer_growing(PROOF_MAX);
	enum err e = proof_write(&w, p);

	if (e == OK) {
		e = out_flush(&w, stdout);
	}
	writer_free(&w);
	return e;
}

static enum err read_prove(char **argv, struct command *c, uint64_t *ret_index,
                           struct report *report)
{
	const struct arg args[] = {
		{"log", &c->common.log, NULL},
		{"key", &c->key, NULL},
		{"entry", &c->entry, NULL},
		{"lang", &c->common.lang_name, NULL},
	};

	TRY(args_parse(argv, args, COUNT(args), report));
	TRY(args_common(&c->common, report));
	TRY(read_key(c, report));
	if (c->entry == NULL || bytes_u64(bytes_text(c->entry), ret_index) != OK) {
		return wrong(report, "--entry", " NUMBER is missing or not a number");
	}
	return OK;
}

static void free_bundle(struct bundle **b)
{
	free(*b);
}

int command_prove(char **argv)
{
	AUTO(arena_freep) struct arena *memory = arena_new(MEMORY_BYTES);
	struct command *c = memory == NULL ? NULL : arena_alloc(memory, sizeof(*c));
	AUTO(free_bundle) struct bundle *b = bundle_new();
	AUTO(logdir_close) int dir = -1;
	struct log_proof proof;
	struct report report;
	uint64_t index = 0;

	if (c == NULL || b == NULL) {
		return command_trouble("not enough memory");
	}
	if (read_prove(argv, c, &index, &report) != OK ||
	    logdir_open(c->common.log, &dir, &report) != OK) {
		return command_trouble(report.text);
	}
	enum err e = make_proof(c, dir, index, b, &proof, &report);
	if (e != OK) {
		command_trouble(report.text);
		return e == ERR_AUTH ? EXIT_BAD : EXIT_TROUBLE;
	}
	return print_proof(&proof) == OK ? EXIT_GOOD : command_trouble("cannot write the proof");
}

static enum err read_check(char **argv, struct command *c, struct arena *memory,
                           struct log_proof *ret, struct report *report)
{
	const struct arg args[] = {
		{"proof", &c->proof, NULL},
		{"key", &c->key, NULL},
		{"lang", &c->common.lang_name, NULL},
		{"json", NULL, &c->common.json},
	};
	uint8_t *text = arena_alloc(memory, PROOF_MAX);
	size_t n = 0;

	c->common.log = ""; /* none is needed */
	TRY(args_parse(argv, args, COUNT(args), report));
	TRY(args_common(&c->common, report));
	TRY(read_key(c, report));
	if (c->proof == NULL || text == NULL) {
		return wrong(report, "--proof", " FILE is missing");
	}
	TRY(args_file(c->proof, text, PROOF_MAX, &n, report));
	if (proof_read(memory, bytes_of(text, n), ret) != OK || ret->extra.n == 0) {
		return wrong(report, c->proof, ": not a proof of an entry (c2sp.org/tlog-proof)");
	}
	return OK;
}

int command_check(char **argv)
{
	AUTO(arena_freep) struct arena *memory = arena_new(MEMORY_BYTES);
	struct command *c = memory == NULL ? NULL : arena_alloc(memory, sizeof(*c));
	struct logfmt_entry entry;
	struct log_proof proof;
	struct report report;

	if (c == NULL) {
		return command_trouble("not enough memory");
	}
	if (read_check(argv, c, memory, &proof, &report) != OK) {
		return command_trouble(report.text);
	}
	if (check_proof(c, &proof) != OK ||
	    logfmt_entry_read(memory, proof.extra, &entry) != OK || entry.seq != proof.index) {
		fprintf(stderr, "rempart-audit: %s\n", lang_text(c->common.lang, T_PROOF_BAD));
		return EXIT_BAD;
	}
	const struct walk_entry shown = {.line = proof.extra, .entry = &entry, .index = proof.index};
	if (walk_print(&shown, c->common.json) != OK || fflush(stdout) != 0) {
		return command_trouble("cannot write the entry");
	}
	fprintf(stderr, "%s\n", lang_text(c->common.lang, T_PROOF_GOOD));
	return EXIT_GOOD;
}
