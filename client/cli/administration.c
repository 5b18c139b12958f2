#include "client/cli/administration.h"

#include "common/base/attr.h"
#include "common/base/secret.h"

enum { COLUMN_GAP = 2, COLUMNS_MAX = 12, NUMBER_BYTES = 24 };

void request_begin(struct request *q, const char *op)
{
	q->w = writer_fixed(q->buffer, sizeof(q->buffer));
	q->j = json_writer_of(&q->w);
	json_object_begin(&q->j, NULL);
	json_text(&q->j, "op", op);
}

void request_option(struct request *q, const struct cli *c, const char *member, enum option o)
{
	if (option_given(c, o)) {
		json_text(&q->j, member, c->value[o]);
	}
}

enum err request_number(struct request *q, struct cli *c, const char *member, enum option o)
{
	uint64_t v;

	if (!option_given(c, o)) {
		return OK;
	}
	if (bytes_u64(bytes_text(c->value[o]), &v) != OK) {
		return report_set(&c->report, ERR_INPUT,
		                  (const char *[]){"not a number: ", c->value[o], NULL});
	}
	json_u64(&q->j, member, v);
	return OK;
}

void request_wipe(struct request *q)
{
	wipe(q->buffer, sizeof(q->buffer));
}

static enum err connect_admin(struct cli *c, struct admin **ret)
{
	const struct settings *s = &c->settings;
	struct admin_options o = {
		.url = settings_get(s, c->value[OPT_KMS], (const char *[]){"REMPART_ADMIN_URL", NULL},
	                            "admin", "url"),
		.ca_file = settings_get(s, c->value[OPT_CA], (const char *[]){"REMPART_CA", NULL}, "admin",
	                                "ca"),
		.certificate_file = settings_get(s, c->value[OPT_CERT],
	                                         (const char *[]){"REMPART_ADMIN_CERT", NULL}, "admin",
	                                         "certificate"),
		.key_file = settings_get(s, c->value[OPT_KEY], (const char *[]){"REMPART_ADMIN_KEY", NULL},
	                                 "admin", "key"),
	};

	return admin_new(&o, ret, &c->report);
}

enum err request_send(struct request *q, struct cli *c, struct json **ret)
{
	AUTO(admin_freep) struct admin *a = NULL;
	struct bytes text;
	enum err e;

	json_object_end(&q->j);
	e = writer_end(&q->w);
	if (e != OK) {
		(void)report_set(&c->report, e, (const char *[]){"the request is too large", NULL});
	}
	e = e == OK ? connect_admin(c, &a) : e;
	e = e == OK ? admin_call(a, writer_bytes(&q->w), ret, &text, &c->report) : e;
	request_wipe(q);
	if (e == OK && option_given(c, OPT_JSON)) {
		fwrite(text.p, 1, text.n, stdout);
		fputc('\n', stdout);
	}
	return e;
}

/* The text of a cell; numbers are written into scratch. */
static struct bytes cell_text(const struct json *row, const struct column *column,
                              uint8_t scratch[NUMBER_BYTES])
{
	const struct json *v = json_get(row, column->member);
	struct writer w = writer_fixed(scratch, NUMBER_BYTES);
	uint64_t number;

	switch (column->cell) {
	case CELL_NUMBER:
		if (json_get_u64(row, column->member, &number) == OK) {
			write_decimal(&w, number);
		}
		return writer_bytes(&w);
	case CELL_ENABLED:
		if (v == NULL) {
			return BYTES("");
		}
		return json_get_bool(row, column->member, false) ? BYTES("enabled") : BYTES("disabled");
	case CELL_YES: return json_get_bool(row, column->member, false) ? BYTES("yes") : BYTES("");
	case CELL_TEXT: break;
	}
	return json_bytes(v);
}

static void measure(const struct json *array, const struct column *columns, size_t n,
                    size_t *widths)
{
	uint8_t scratch[NUMBER_BYTES];

	for (size_t k = 0; k < n; k++) {
		widths[k] = text_width(bytes_text(columns[k].title));
		for (size_t i = 0; i < json_count(array); i++) {
			size_t width = text_width(cell_text(json_at(array, i), &columns[k], scratch));

			widths[k] = width > widths[k] ? width : widths[k];
		}
	}
}

void print_table(const struct cli *c, const struct json *array, const struct column *columns,
                 size_t n)
{
	size_t widths[COLUMNS_MAX];
	uint8_t scratch[NUMBER_BYTES];

	if (json_count(array) == 0) {
		fputs("none\n", stderr);
		return;
	}
	n = n > COLUMNS_MAX ? COLUMNS_MAX : n;
	measure(array, columns, n, widths);
	colour_begin(c, stdout, "1");
	for (size_t k = 0; k < n; k++) {
		print_padded(stdout, bytes_text(columns[k].title), k + 1 < n ? widths[k] + COLUMN_GAP : 0);
	}
	colour_end(c, stdout);
	fputc('\n', stdout);
	for (size_t i = 0; i < json_count(array); i++) {
		for (size_t k = 0; k < n; k++) {
			print_padded(stdout, cell_text(json_at(array, i), &columns[k], scratch),
			             k + 1 < n ? widths[k] + COLUMN_GAP : 0);
		}
		fputc('\n', stdout);
	}
}

void print_members(const struct cli *c, const struct json *object, const struct column *columns,
                   size_t n)
{
	uint8_t scratch[NUMBER_BYTES];

	for (size_t k = 0; k < n; k++) {
		struct bytes text = cell_text(object, &columns[k], scratch);

		if (text.n > 0) {
			print_pair(c, columns[k].title, text);
		}
	}
}

int show_members(struct request *q, struct cli *c, const struct column *columns, size_t n)
{
	AUTO(json_freep) struct json *answer = NULL;

	if (request_send(q, c, &answer) != OK) {
		return say_report(c);
	}
	if (!option_given(c, OPT_JSON)) {
		print_members(c, answer, columns, n);
	}
	return CLI_OK;
}

int show_table(struct request *q, struct cli *c, const char *member, const struct column *columns,
               size_t n)
{
	AUTO(json_freep) struct json *answer = NULL;

	if (request_send(q, c, &answer) != OK) {
		return say_report(c);
	}
	if (!option_given(c, OPT_JSON)) {
		print_table(c, json_get(answer, member), columns, n);
	}
	return CLI_OK;
}

int do_simply(struct cli *c, const char *op, const char *const *names, const char *done)
{
	AUTO(json_freep) struct json *answer = NULL;
	struct request q;

	request_begin(&q, op);
	for (size_t i = 0; i < c->n_args && names[i] != NULL; i++) {
		json_text(&q.j, names[i], c->arg[i]);
	}
	if (request_send(&q, c, &answer) != OK) {
		return say_report(c);
	}
	if (!option_given(c, OPT_JSON) && !option_given(c, OPT_QUIET)) {
		fprintf(stdout, "%s: ", done);
		print_data(stdout, bytes_text(c->arg[c->n_args - 1]));
		fputc('\n', stdout);
	}
	return CLI_OK;
}
