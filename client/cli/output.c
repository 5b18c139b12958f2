/* Speaking to people: errors, pairs, sizes, a progress bar; colour on terminals only. */
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "common/base/clock.h"

enum {
	PAIR_WIDTH = 20,
	BAR_CELLS = 24,
	BAR_AFTER_MS = 700,    /* short transfers show nothing */
	BAR_EVERY_MS = 100,
	FIRST_PRINTABLE = 0x20,
	DELETE = 0x7f,
	KIB = 1024,
};

static int say(const struct cli *c, const char *text, int status)
{
	fflush(stdout);
	colour_begin(c, stderr, "31");
	fputs("rempart: ", stderr);
	colour_end(c, stderr);
	print_data(stderr, bytes_text(text));
	fputc('\n', stderr);
	return status;
}

int say_error(const struct cli *c, const char *text)
{
	return say(c, text, CLI_FAILED);
}

int say_usage(const struct cli *c, const char *text)
{
	return say(c, text, CLI_USAGE);
}

int say_report(const struct cli *c)
{
	return say(c, c->report.text[0] == '\0' ? "failed" : c->report.text, CLI_FAILED);
}

int say_no_memory(const struct cli *c)
{
	return say(c, "out of memory", CLI_FAILED);
}

void colour_begin(const struct cli *c, FILE *f, const char *code)
{
	if (f == stderr ? c->colour_err : c->colour_out) {
		fprintf(f, "\033[%sm", code);
	}
}

void colour_end(const struct cli *c, FILE *f)
{
	colour_begin(c, f, "0");
}

/* Could this byte, or the C1 control U+0080..U+009F that starts here, steer a terminal? */
static bool steers(struct bytes b)
{
	return b.p[0] < FIRST_PRINTABLE || b.p[0] == DELETE ||
	       (b.n > 1 && b.p[0] == 0xc2 && b.p[1] < 0xa0);
}

void print_data(FILE *f, struct bytes b)
{
	bool terminal = isatty(fileno(f)) == 1;

	while (b.n > 0) {
		size_t n = bytes_utf8_length(b);

		if (terminal && (n == 0 || steers(b))) {
			fputc('?', f);
		} else {
			fwrite(b.p, 1, n == 0 ? 1 : n, f);
		}
		b = bytes_skip(b, n == 0 ? 1 : n);
	}
}

size_t text_width(struct bytes b)
{
	size_t width = 0;

	while (b.n > 0) {
		size_t n = bytes_utf8_length(b);

		b = bytes_skip(b, n == 0 ? 1 : n);
		width++;
	}
	return width;
}

void print_padded(FILE *f, struct bytes b, size_t width)
{
	size_t used = text_width(b);

	print_data(f, b);
	fprintf(f, "%*s", used < width ? (int)(width - used) : 0, "");
}

void print_pair(const struct cli *c, const char *title, struct bytes value)
{
	colour_begin(c, stdout, "1");
	print_padded(stdout, bytes_text(title), PAIR_WIDTH);
	colour_end(c, stdout);
	print_data(stdout, value);
	fputc('\n', stdout);
}

void print_size(FILE *f, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	uint64_t scale = 1;
	size_t i = 0;

	while (bytes / scale >= KIB && i < sizeof(units) / sizeof(units[0]) - 1) {
		scale *= KIB;
		i++;
	}
	if (i == 0) {
		fprintf(f, "%llu B", (unsigned long long)bytes);
	} else {
		fprintf(f, "%llu.%llu %s", (unsigned long long)(bytes / scale),
		        (unsigned long long)(bytes % scale * 10 / scale), units[i]);
	}
}

struct bar bar_of(const struct cli *c, const char *name)
{
	return (struct bar){.cli = c, .name = name, .begin_ms = clock_mono_ms()};
}

static void bar_draw(const struct bar *b, uint64_t done, uint64_t total, uint64_t elapsed_ms)
{
	fputs("\r\033[K", stderr);
	print_data(stderr, bytes_text(b->name));
	if (total != UINT64_MAX && total > 0) {
		uint64_t cells = done >= total ? BAR_CELLS : done * BAR_CELLS / total;

		fputs(" [", stderr);
		for (uint64_t i = 0; i < BAR_CELLS; i++) {
			fputc(i < cells ? '#' : '.', stderr);
		}
		fprintf(stderr, "] %3llu %%", (unsigned long long)(done >= total ? 100 : done * 100 / total));
	}
	fputc(' ', stderr);
	print_size(stderr, done);
	fputs(", ", stderr);
	print_size(stderr, elapsed_ms == 0 ? 0 : done * 1000 / elapsed_ms);
	fputs("/s", stderr);
	fflush(stderr);
}

void bar_show(void *bar, uint64_t done, uint64_t total)
{
	struct bar *b = bar;
	uint64_t now_ms;

	if (!b->cli->terminal_err || option_given(b->cli, OPT_QUIET)) {
		return;
	}
	now_ms = clock_mono_ms();
	if (now_ms - b->begin_ms < BAR_AFTER_MS || now_ms - b->last_ms < BAR_EVERY_MS) {
		return;
	}
	b->last_ms = now_ms;
	b->shown = true;
	bar_draw(b, done, total, now_ms - b->begin_ms);
}

void bar_end(struct bar *b)
{
	if (b->shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
		b->shown = false;
	}
}
