/*
 * The terminal is read byte by byte with echo and signals off: so Ctrl-C leaves it as it was, and
 * no line editor of the kernel keeps the passphrase.
 */
#include "client/cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "client/lib/file.h"
#include "common/base/attr.h"
#include "common/base/secret.h"

enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };

struct typing {
	char *out;
	size_t n;
	enum err e;
};

/* One key; false when the line is over. */
static bool type(struct typing *t, unsigned char key)
{
	switch (key) {
	case '\r':
	case '\n': return false;
	case CTRL_C:
	case CTRL_D: t->e = ERR_CANCELLED; return false;
	case CTRL_U: t->n = 0; return true;
	case BACKSPACE:
	case DELETE:
		/* A character may be several bytes: drop the rest of it, then its first. */
		while (t->n > 0 && ((unsigned char)t->out[t->n - 1] & 0xc0) == 0x80) {
			t->n--;
		}
		t->n -= t->n > 0 ? 1 : 0;
		return true;
	default: break;
	}
	if (t->n == PASSPHRASE_BYTES_MAX) {
		t->e = ERR_LIMIT;
		return false;
	}
	t->out[t->n++] = (char)key;
	return true;
}

static enum err type_line(int fd, char *out)
{
	struct typing t = {.out = out};
	unsigned char key = 0;
	ssize_t n;

	do {
		n = read(fd, &key, 1);
		if (n == 0 || (n < 0 && errno != EINTR)) {
			return ERR_IO;
		}
	} while (n < 0 || type(&t, key));
	wipe(&key, 1);
	out[t.n] = '\0';
	return t.e;
}

enum err passphrase_ask(struct cli *c, const char *prompt, char out[PASSPHRASE_BYTES_MAX + 1])
{
	AUTO(file_close) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios before, quiet;
	enum err e;

	if (fd < 0 || tcgetattr(fd, &before) != 0) {
		return report_errno(&c->report, "cannot ask on", "/dev/tty", errno,
		                    "give --passphrase-file");
	}
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSAFLUSH, &quiet) != 0) {
		return report_errno(&c->report, "cannot turn off echo of", "/dev/tty", errno, NULL);
	}
	(void)file_write_all(fd, bytes_text(prompt));
	e = type_line(fd, out);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	(void)file_write_all(fd, BYTES("\n"));
	if (e != OK) {
		return report_set(&c->report, e,
		                  (const char *[]){e == ERR_LIMIT ? "too long" : "cancelled", NULL});
	}
	return OK;
}

enum err passphrase_from_file(struct cli *c, const char *path, char out[PASSPHRASE_BYTES_MAX + 1])
{
	bool standard = strcmp(path, "-") == 0;
	AUTO(file_close) int opened = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint8_t *end;
	size_t n = 0;

	if (!standard && opened < 0) {
		return report_errno(&c->report, "cannot open", path, errno, NULL);
	}
	TRY(file_read_fd(standard ? STDIN_FILENO : opened, standard ? "standard input" : path,
	                 (uint8_t *)out, PASSPHRASE_BYTES_MAX, &n, &c->report));
	out[n] = '\0';
	end = memchr(out, '\n', n);
	n = end == NULL ? n : (size_t)(end - (uint8_t *)out);
	n -= n > 0 && out[n - 1] == '\r' ? 1 : 0;
	out[n] = '\0';
	if (n == 0) {
		return report_set(&c->report, ERR_INPUT,
		                  (const char *[]){standard ? "standard input" : path,
		                                   ": its first line is empty", NULL});
	}
	return OK;
}
