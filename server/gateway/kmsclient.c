#include "server/gateway/kmsclient.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/lib/http.h"
#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/hex.h"

enum {
	BATCH_CALLS_MAX = 64,     /* calls that one leader takes: bounds what one fault can hold up */
	BATCH_ARENA_BYTES = 8 << 20,
	DEFAULT_CONNECTIONS = 2,
	SECOND_LEAST_CALLS = 16,  /* waiting calls that are worth a batch beside one under way */
	DEFAULT_TIMEOUT_MS = 10000,
	CONNECT_TIMEOUT_MS = 2000,
	SECRET_TEXT_BYTES = 2 * KMSPROTO_ENROLMENT_BYTES,
	BATCH_HEAD_BYTES = 64,    /* more than the head of a batch takes */
	/* so that every batch of encoded calls fits */
	CALL_MAX_BYTES = (KMSPROTO_BATCH_MAX - BATCH_HEAD_BYTES) / BATCH_CALLS_MAX,
};

/*
 * A caller's place in the queue; lives on its stack. Between being taken and `done` it belongs to the
 * leader, who touches it last with the post of `wake`.
 */
struct waiting {
	struct bytes call;            /* encoded by the caller: what cannot be encoded joins no batch */
	struct arena *a;              /* the caller's: for the reply's texts */
	struct kmsproto_reply *ret;
	struct waiting *next;
	/* under the lock */
	bool taken;                   /* by a leader: its reply comes */
	bool lead;                    /* woken to lead the next batch, and not yet back */
	unsigned posts;               /* wake-ups given */
	/* the leader's, then the caller's */
	enum err result;
	atomic_bool done;
	sem_t wake;                   /* not a condition: whoever is done leaves without the lock */
};

struct connection {
	struct http_client *http;
	struct arena *a;
	struct writer request, answer;
	bool busy;
};

struct kmsclient {
	pthread_mutex_t lock;
	struct waiting *head, **tail; /* not yet taken by a leader */
	size_t n_queued;
	struct connection connections[KMSCLIENT_CONNECTIONS_MAX];
	unsigned n_connections;
	struct secret *enrolment;
	char *url;
	uint32_t timeout_ms;
	bool reachable;               /* so that an outage is logged once, not for every request */
	struct kmsclient_stats stats;
};

static enum err read_secret(const char *path, struct secret **ret, struct report *report)
{
	uint8_t text[SECRET_TEXT_BYTES + 2];
	uint8_t raw[KMSPROTO_ENROLMENT_BYTES];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return report_errno(report, "cannot read the enrolment secret", path, errno,
		                    "enrol this gateway: rempart gateway enrol --secret-out FILE");
	}
	ssize_t n = fstat(fd, &st) == 0 ? read(fd, text, sizeof(text)) : -1;
	close(fd);
	struct bytes value = bytes_of(text, n < 0 ? 0 : (size_t)n);
	if (value.n > 0 && value.p[value.n - 1] == '\n') {
		value.n--;
	}
	bool good = n > 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0 &&
	            hex_read(value, raw, sizeof(raw)) == OK;
	*ret = good ? secret_from(bytes_of(raw, sizeof(raw))) : NULL;
	wipe(text, sizeof(text));
	wipe(raw, sizeof(raw));
	if (*ret == NULL) {
		const char *const parts[] = {path, ": must hold 64 hex digits and be readable by "
		                             "its owner only; chmod 0600, or enrol again", NULL};
		return report_set(report, ERR_INPUT, parts);
	}
	return OK;
}

static enum err connection_new(const struct kmsclient_options *o, struct connection *c,
                               uint32_t timeout_ms, struct report *report)
{
	const struct http_client_options http = {
		.ca_file = o->ca,
		.certificate_file = o->certificate,
		.key_file = o->key,
		.tls13_only = true,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.deadline_ms = timeout_ms,
		.user_agent = "rempart-gateway",
	};
	TRY(http_client_new(&http, &c->http, report));
	c->a = arena_new(BATCH_ARENA_BYTES);
	c->request = writer_growing(KMSPROTO_BATCH_MAX);
	c->answer = writer_growing(KMSPROTO_BATCH_MAX);
	return c->a == NULL ? ERR_NOMEM : OK;
}

enum err kmsclient_new(const struct kmsclient_options *o, struct kmsclient **ret,
                       struct report *ret_report)
{
	struct kmsclient *k = calloc(1, sizeof(*k));
	if (k == NULL) {
		return ERR_NOMEM;
	}
	pthread_mutex_init(&k->lock, NULL);
	k->tail = &k->head;
	k->reachable = true;
	k->timeout_ms = o->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : o->timeout_ms;
	unsigned wanted = o->connections == 0 ? DEFAULT_CONNECTIONS : o->connections;
	enum err e = wanted > KMSCLIENT_CONNECTIONS_MAX
	                     ? ERR_LIMIT
	                     : read_secret(o->secret_file, &k->enrolment, ret_report);
	struct writer url = writer_growing(HTTP_CALL_URL_BYTES_MAX);
	write_text(&url, o->url);
	write_text(&url, "/rempart/v1/batch");
	write_u8(&url, 0);
	k->url = (char *)url.p;
	if (e == OK) {
		e = writer_end(&url);
	}
	while (e == OK && k->n_connections < wanted) {
		e = connection_new(o, &k->connections[k->n_connections], k->timeout_ms, ret_report);
		k->n_connections++;
	}
	if (e != OK) {
		kmsclient_free(k);
		return e;
	}
	*ret = k;
	return OK;
}

void kmsclient_free(struct kmsclient *k)
{
	if (k == NULL) {
		return;
	}
	for (unsigned i = 0; i < k->n_connections; i++) {
		http_client_free(k->connections[i].http);
		arena_free(k->connections[i].a);
		writer_free(&k->connections[i].request);
		writer_free(&k->connections[i].answer);
	}
	secret_free(k->enrolment);
	free(k->url);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/*
 * Under the lock. While a batch is under way, the next one grows: each costs a sync of the log and an
 * exchange, however many calls it has. So another connection is for a long queue only.
 */
static struct connection *free_connection(struct kmsclient *k)
{
	struct connection *c = NULL;
	bool busy = false;
	for (unsigned i = 0; i < k->n_connections; i++) {
		if (k->connections[i].busy) {
			busy = true;
		} else if (c == NULL) {
			c = &k->connections[i];
		}
	}
	return busy && k->n_queued < SECOND_LEAST_CALLS ? NULL : c;
}

/* Under the lock: the head of the queue, up to BATCH_CALLS_MAX. */
static size_t take_batch(struct kmsclient *k, struct waiting *batch[BATCH_CALLS_MAX])
{
	size_t n = 0;
	while (k->head != NULL && n < BATCH_CALLS_MAX) {
		k->head->taken = true;
		batch[n++] = k->head;
		k->head = k->head->next;
	}
	if (k->head == NULL) {
		k->tail = &k->head;
	}
	k->n_queued -= n;
	return n;
}

static enum err send_batch(struct kmsclient *k, struct connection *c,
                           struct waiting *const *batch, size_t n, struct kmsproto_reply **ret)
{
	static const struct field type = {
		{(const uint8_t *)"Content-Type", 12},
		{(const uint8_t *)"application/vnd.rempart.batch", 29},
	};
	uint8_t nonce[KMSPROTO_NONCE_BYTES];
	struct http_answer answer;
	arena_reset(c->a);
	c->request.used = 0;
	c->answer.used = 0;
	random_bytes(nonce, sizeof(nonce));
	kmsproto_batch_begin(&c->request, nonce, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		write_bytes(&c->request, batch[i]->call);
	}
	TRY(writer_end(&c->request));
	const struct http_call call = {
		.method = "POST",
		.url = k->url,
		.headers = &type,
		.n_headers = 1,
		.body = writer_bytes(&c->request),
		.answer = &c->answer,
		.deadline_ms = k->timeout_ms,
	};
	TRY(http_call(c->http, &call, &answer, NULL));
	if (answer.status != 200) {
		return ERR_UNAVAILABLE;
	}
	*ret = arena_alloc(c->a, n * sizeof(**ret));
	if (*ret == NULL) {
		return ERR_NOMEM;
	}
	return kmsproto_answer_read(c->a, writer_bytes(&c->answer), k->enrolment, nonce, n, *ret);
}

static bool copy_text(struct arena *a, struct bytes *text)
{
	if (text->p != NULL) {
		*text = arena_copy(a, *text);
		return text->p != NULL;
	}
	return true;
}

/* The reply borrows from the connection's buffers: give the caller its own copy. */
static enum err hand_over(struct waiting *w, struct kmsproto_reply *reply)
{
	struct kmsproto_principal *p = &reply->principal;
	bool ok = copy_text(w->a, &p->tenant) && copy_text(w->a, &p->tenant_name) &&
	          copy_text(w->a, &p->canonical_id) && copy_text(w->a, &p->display_name) &&
	          copy_text(w->a, &p->user) && copy_text(w->a, &p->arn) &&
	          copy_text(w->a, &reply->document) && copy_text(w->a, &reply->newer.text);
	for (size_t i = 0; ok && i < reply->n_keys; i++) {
		ok = copy_text(w->a, &reply->keys[i].wrapped) &&
		     copy_text(w->a, &reply->keys[i].arn);
	}
	if (!ok) {
		kmsproto_replies_free(reply, 1);
		return ERR_NOMEM;
	}
	*w->ret = *reply;
	return OK;
}

static void note_reachable(struct kmsclient *k, enum err e)
{
	bool reachable = e == OK;
	if (reachable == k->reachable) {
		return;
	}
	k->reachable = reachable;
	if (reachable) {
		LOG(LOG_INFO, "kms.reachable", LOG_STR("url", k->url));
	} else {
		LOG(LOG_ERROR, "kms.unreachable", LOG_STR("url", k->url), LOG_ERR(e),
		    LOG_STR("do", "start the KMS, check [kms] of the configuration and this "
		                  "gateway's enrolment; data requests get 503 meanwhile"));
	}
}

/* Under the lock: a connection is free, so the head of the queue shall lead. */
static void wake_leader(struct kmsclient *k)
{
	if (k->head != NULL && !k->head->lead) {
		k->head->lead = true;
		k->head->posts++;
		sem_post(&k->head->wake);
	}
}

/* Gives the lock back. The others of the batch wake when the next leader is on his way. */
static void lead(struct kmsclient *k, struct connection *c, struct waiting *self)
{
	struct waiting *batch[BATCH_CALLS_MAX];
	struct kmsproto_reply *replies = NULL;
	size_t n = take_batch(k, batch);
	c->busy = true;
	if (free_connection(k) != NULL) {
		wake_leader(k);
	}
	pthread_mutex_unlock(&k->lock);
	enum err e = send_batch(k, c, batch, n, &replies);
	for (size_t i = 0; i < n; i++) {
		/* A caller needs to know one thing: the KMS did not decide. */
		enum err failed = e == ERR_TIMEOUT || e == ERR_NOMEM ? e : ERR_UNAVAILABLE;
		batch[i]->result = e == OK ? hand_over(batch[i], &replies[i]) : failed;
	}
	pthread_mutex_lock(&k->lock);
	c->busy = false;
	k->stats.batches++;
	k->stats.calls += n;
	k->stats.failures += e == OK ? 0 : n;
	note_reachable(k, e);
	wake_leader(k);
	pthread_mutex_unlock(&k->lock);
	for (size_t i = 0; i < n; i++) {
		struct waiting *w = batch[i];
		w->posts += w == self ? 0 : 1;
		atomic_store(&w->done, true);
		if (w != self) {
			sem_post(&w->wake);
		}
	}
}

static void enqueue(struct kmsclient *k, struct waiting *w)
{
	*k->tail = w;
	k->tail = &w->next;
	k->n_queued++;
}

/* Under the lock: leave the queue, unless a leader has taken it already. */
static bool withdraw(struct kmsclient *k, struct waiting *w)
{
	struct waiting **at = &k->head;
	if (w->taken) {
		return false;
	}
	while (*at != w) {
		at = &(*at)->next;
	}
	*at = w->next;
	k->n_queued--;
	if (k->tail == &w->next) {
		k->tail = at;
	}
	if (w->lead) {
		wake_leader(k);
	}
	return true;
}

static void take_post(sem_t *s)
{
	while (sem_wait(s) != 0 && errno == EINTR) {
	}
}

/* Wait for a wake-up until the deadline; after it, only for the leader's exchange to end. */
static enum err await(struct kmsclient *k, struct waiting *w, uint64_t deadline_ms)
{
	const struct timespec until = {
		.tv_sec = (time_t)(deadline_ms / 1000),
		.tv_nsec = (long)(deadline_ms % 1000) * 1000000,
	};
	int failed;
	do {
		failed = sem_clockwait(&w->wake, CLOCK_MONOTONIC, &until);
	} while (failed != 0 && errno == EINTR);
	if (failed == 0) {
		return OK;
	}
	pthread_mutex_lock(&k->lock);
	bool out = withdraw(k, w);
	pthread_mutex_unlock(&k->lock);
	if (out) {
		return ERR_TIMEOUT;
	}
	take_post(&w->wake);
	return OK;
}

/*
 * Wait, lead or both until the reply is there. A wake-up to lead may come and not be needed any more;
 * it was posted before `done` was set, so who has taken all posts is touched by nobody.
 * Called under the lock; returns without it.
 */
static enum err get_reply(struct kmsclient *k, struct waiting *w, uint64_t deadline_ms)
{
	unsigned posts = 0;
	for (;;) {
		struct connection *c = w->taken ? NULL : free_connection(k);
		w->lead = false;
		if (c != NULL) {
			lead(k, c, w);
		} else {
			pthread_mutex_unlock(&k->lock);
			TRY(await(k, w, deadline_ms));
			posts++;
		}
		if (atomic_load(&w->done)) {
			break;
		}
		pthread_mutex_lock(&k->lock);
	}
	for (; posts < w->posts; posts++) {
		take_post(&w->wake);
	}
	return w->result;
}

enum err kmsclient_call(struct kmsclient *k, struct arena *a, const struct kmsproto_call *call,
                        uint64_t deadline_ms, struct kmsproto_reply *ret)
{
	/* Lengths come from clients: one that the protocol has no room for must fail alone. */
	struct writer text AUTO(writer_free) = writer_growing(CALL_MAX_BYTES);
	kmsproto_call_write(&text, call);
	TRY(writer_end(&text));
	struct waiting w = {.call = writer_bytes(&text), .a = a, .ret = ret};
	sem_init(&w.wake, 0, 0);
	pthread_mutex_lock(&k->lock);
	enqueue(k, &w);
	enum err e = get_reply(k, &w, deadline_ms);
	sem_destroy(&w.wake);
	return e;
}

void kmsclient_stats(struct kmsclient *k, struct kmsclient_stats *ret)
{
	pthread_mutex_lock(&k->lock);
	*ret = k->stats;
	pthread_mutex_unlock(&k->lock);
}
