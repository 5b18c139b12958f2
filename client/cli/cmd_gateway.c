/* rempart gateway: which gateways may ask for keys. */
#include <string.h>
#include <unistd.h>

#include "client/cli/administration.h"
#include "client/lib/file.h"
#include "common/base/attr.h"
#include "common/base/secret.h"
#include "common/codec/base64.h"
#include "common/codec/hex.h"
#include "common/crypto/hash.h"

enum { CERTIFICATE_BYTES_MAX = 64 << 10, SECRET_HEX = 64 };

static const struct column gateway_columns[] = {
	{"GATEWAY", "name", CELL_TEXT},
	{"DOMAINS", "domains", CELL_TEXT},
	{"SHA-256 OF ITS CERTIFICATE", "certificate_sha256", CELL_TEXT},
};

/* What stands between the first BEGIN CERTIFICATE and its END; p NULL when there is none. */
static struct bytes pem_body(struct bytes pem)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	const uint8_t *from = memmem(pem.p, pem.n, begin, sizeof(begin) - 1);
	const uint8_t *to;

	if (from == NULL) {
		return (struct bytes){NULL, 0};
	}
	from += sizeof(begin) - 1;
	to = memmem(from, (size_t)(pem.p + pem.n - from), end, sizeof(end) - 1);
	return to == NULL ? (struct bytes){NULL, 0} : bytes_of(from, (size_t)(to - from));
}

/* SHA-256 of the certificate's DER, in hex: what the KMS compares in the TLS handshake. */
static enum err digest_of(struct cli *c, const char *path, char ret[2 * SHA256_BYTES + 1])
{
	AUTO(writer_free) struct writer text = writer_growing(CERTIFICATE_BYTES_MAX);
	AUTO(writer_free) struct writer der = writer_growing(CERTIFICATE_BYTES_MAX);
	struct writer hex = writer_fixed(ret, 2 * SHA256_BYTES);
	uint8_t digest[SHA256_BYTES];
	struct bytes pem;

	TRY(file_read(c->arena, path, CERTIFICATE_BYTES_MAX, &pem, &c->report));
	pem = pem_body(pem);
	for (size_t i = 0; i < pem.n; i++) {
		if (pem.p[i] > ' ') {
			write_u8(&text, pem.p[i]);
		}
	}
	if (text.used == 0 || base64_read(writer_bytes(&text), &der) != OK) {
		return report_set(&c->report, ERR_INPUT,
		                  (const char *[]){path, ": no certificate in PEM form in it", NULL});
	}
	TRY(hash_sha256(writer_bytes(&der), digest));
	hex_write(&hex, bytes_of(digest, sizeof(digest)));
	ret[2 * SHA256_BYTES] = '\0';
	return OK;
}

/* The secret of the answer, to its file. */
static enum err keep_secret(struct cli *c, const struct json *answer, const char *path, int *fd)
{
	struct bytes secret = json_get_bytes(answer, "secret");
	uint8_t line[SECRET_HEX + 1];
	struct writer w = writer_fixed(line, sizeof(line));
	enum err e;

	write_bytes(&w, secret);
	write_text(&w, "\n");
	if (secret.n != SECRET_HEX || writer_end(&w) != OK) {
		(void)unlink(path);
		return report_set(&c->report, ERR_CORRUPT, (const char *[]){"the KMS gave no secret", NULL});
	}
	e = file_secret_end(path, fd, writer_bytes(&w), &c->report);
	wipe(line, sizeof(line));
	return e;
}

static int say_enrolled(struct cli *c, const char *path)
{
	if (!option_given(c, OPT_QUIET)) {
		fputs("enrolled: ", stdout);
		print_data(stdout, bytes_text(c->arg[0]));
		fputs("; name this file in [kms] enrolment_secret of its configuration: ", stdout);
		print_data(stdout, bytes_text(path));
		fputc('\n', stdout);
	}
	return CLI_OK;
}

static int gateway_enrol(struct cli *c)
{
	AUTO(json_freep) struct json *answer = NULL;
	AUTO(file_close) int fd = -1;
	const char *path = c->value[OPT_SECRET_OUT];
	char digest[2 * SHA256_BYTES + 1];
	bool json = option_given(c, OPT_JSON);
	struct request q;

	if (!option_given(c, OPT_CERTIFICATE) || path == NULL) {
		return say_usage(c, "give --certificate FILE and --secret-out FILE");
	}
	if (digest_of(c, c->value[OPT_CERTIFICATE], digest) != OK ||
	    file_secret_begin(path, &fd, &c->report) != OK) {
		return say_report(c);
	}
	request_begin(&q, "gateway.enrol");
	json_text(&q.j, "name", c->arg[0]);
	json_text(&q.j, "certificate_sha256", digest);
	request_option(&q, c, "domains", OPT_DOMAINS);
	c->value[OPT_JSON] = NULL; /* the answer holds the secret: not on standard output */
	if (request_send(&q, c, &answer) != OK) {
		(void)unlink(path);
		return say_report(c);
	}
	if (keep_secret(c, answer, path, &fd) != OK) {
		return say_report(c);
	}
	if (json) {
		fprintf(stdout, "{\"ok\":true,\"certificate_sha256\":\"%s\"}\n", digest);
		return CLI_OK;
	}
	return say_enrolled(c, path);
}

static int gateway_list(struct cli *c)
{
	struct request q;

	request_begin(&q, "gateway.list");
	return show_table(&q, c, "gateways", gateway_columns, COUNT(gateway_columns));
}

static int gateway_remove(struct cli *c)
{
	return do_simply(c, "gateway.remove", (const char *[]){"name", NULL}, "removed");
}

const struct command gateway_commands[] = {
	{"gateway", "enrol", "NAME", "let a gateway ask for keys",
         "Needs --certificate and --secret-out. The file gets the secret that this gateway and the KMS\n"
         "share; put it on the gateway, readable by its user alone.",
         ADMIN_OPTIONS | OPT(OPT_CERTIFICATE) | OPT(OPT_SECRET_OUT) | OPT(OPT_DOMAINS), 1, 1,
         gateway_enrol},
	{"gateway", "list", "", "list the gateways", NULL, ADMIN_OPTIONS, 0, 0, gateway_list},
	{"gateway", "remove", "NAME", "refuse a gateway, at once", NULL, ADMIN_OPTIONS, 1, 1,
         gateway_remove},
	{0},
};
