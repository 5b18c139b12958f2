#include "server/gateway/logbook.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/attr.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
	CHAINS = 256,             /* of pages that are being filled */
	PAGE_MAX_BYTES = 4 << 20, /* of one log object */
	SEND_MS = 30 * 1000,      /* for one object */
	RETRY_MS = 5 * 1000,      /* after a failure, hurry or not */
	DAY_MS = 24 * 3600 * 1000,
	NS_PER_MS = 1000000,
};

struct logbook {
	struct gateway *g;
	enum err (*send)(struct gateway *g, const struct logbook_page *page, uint64_t deadline_ms,
	                 const char **ret_why);
	uint64_t pause_ms, held_max;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop, hurry;                    /* under the mutex, as all that follows */
	uint64_t not_before_ms;
	struct logbook_page *open[CHAINS];   /* by the bucket's number */
	struct logbook_page *full, **full_end; /* in the order in which they are to go */
	struct logbook_stats stats;
	uint64_t unsaid;                     /* lost since the last line of our own log */
};

static void free_page(struct logbook_page *p)
{
	writer_free(&p->text);
	free(p);
}

static void append(struct logbook *b, struct logbook_page *p)
{
	p->next = NULL;
	*b->full_end = p;
	b->full_end = &p->next;
}

static void hurry(struct logbook *b)
{
	b->hurry = true;
	pthread_cond_signal(&b->wake);
}

static void lose(struct logbook *b, uint64_t lines)
{
	b->stats.lost += lines;
	b->unsaid += lines;
}

/* --- gathering --- */

static struct logbook_page *new_page(const struct index_bucket *bucket, struct bytes document,
                                     uint64_t time_ms)
{
	struct bytes texts[] = {bucket->name, bucket->tenant, document};
	size_t n = 0;
	for (size_t i = 0; i < COUNT(texts); i++) {
		n += texts[i].n;
	}
	struct logbook_page *p = calloc(1, sizeof(*p) + n);
	if (p == NULL) {
		return NULL;
	}
	struct writer w = writer_fixed(p + 1, n);
	struct bytes *const to[] = {&p->bucket, &p->tenant, &p->document};
	for (size_t i = 0; i < COUNT(texts); i++) {
		*to[i] = bytes_of(w.p + w.used, texts[i].n);
		write_bytes(&w, texts[i]);
	}
	p->held = sizeof(*p) + n;
	p->number = bucket->number;
	p->time_ms = time_ms;
	p->text = writer_growing(PAGE_MAX_BYTES);
	return p;
}

static bool goes_on(const struct logbook_page *p, struct bytes document, uint64_t time_ms, size_t n)
{
	return p->time_ms / DAY_MS == time_ms / DAY_MS && p->text.used + n <= PAGE_MAX_BYTES &&
	       bytes_equal(p->document, document);
}

/* The page that the line belongs on; NULL: no memory. */
static struct logbook_page *page_for(struct logbook *b, const struct index_bucket *bucket,
                                     struct bytes document, uint64_t time_ms, size_t n)
{
	struct logbook_page **at = &b->open[bucket->number % CHAINS];
	while (*at != NULL && (*at)->number != bucket->number) {
		at = &(*at)->next;
	}
	struct logbook_page *p = *at;
	if (p != NULL && goes_on(p, document, time_ms, n)) {
		return p;
	}
	if (p != NULL) {
		*at = p->next;
		append(b, p);
		hurry(b);
	}
	p = new_page(bucket, document, time_ms);
	if (p != NULL) {
		b->stats.held += p->held;
		at = &b->open[bucket->number % CHAINS];
		p->next = *at;
		*at = p;
	}
	return p;
}

static bool add(struct logbook *b, const struct index_bucket *bucket, struct bytes document,
                uint64_t time_ms, struct bytes line)
{
	if (b->stats.held + line.n > b->held_max || line.n > PAGE_MAX_BYTES) {
		return false;
	}
	struct logbook_page *p = page_for(b, bucket, document, time_ms, line.n);
	if (p == NULL) {
		return false;
	}
	size_t used = p->text.used, size = p->text.size;
	write_bytes(&p->text, line);
	p->held += p->text.size - size;
	b->stats.held += p->text.size - size;
	if (writer_end(&p->text) != OK) {
		p->text.used = used; /* no memory; what stands there is whole */
		p->text.full = false;
		return false;
	}
	p->lines++;
	b->stats.lines++;
	return true;
}

void logbook_add(struct logbook *b, const struct index_bucket *bucket, struct bytes document,
                 uint64_t time_ms, struct bytes line)
{
	pthread_mutex_lock(&b->mutex);
	if (!add(b, bucket, document, time_ms, line)) {
		lose(b, 1);
	}
	if (b->stats.held > b->held_max / 2 && !b->hurry) {
		hurry(b);
	}
	pthread_mutex_unlock(&b->mutex);
}

void logbook_hurry(struct logbook *b)
{
	pthread_mutex_lock(&b->mutex);
	hurry(b);
	pthread_mutex_unlock(&b->mutex);
}

void logbook_lose(struct logbook *b, uint64_t lines)
{
	pthread_mutex_lock(&b->mutex);
	lose(b, lines);
	pthread_mutex_unlock(&b->mutex);
}

void logbook_stats(struct logbook *b, struct logbook_stats *ret)
{
	pthread_mutex_lock(&b->mutex);
	*ret = b->stats;
	pthread_mutex_unlock(&b->mutex);
}

/* --- delivering --- */

static void close_pages(struct logbook *b)
{
	for (size_t i = 0; i < CHAINS; i++) {
		while (b->open[i] != NULL) {
			struct logbook_page *p = b->open[i];
			b->open[i] = p->next;
			append(b, p);
		}
	}
}

/* Only one thread takes: the page at the head stays where it is while it is sent. */
static struct logbook_page *first_page(struct logbook *b)
{
	pthread_mutex_lock(&b->mutex);
	struct logbook_page *p = b->full;
	pthread_mutex_unlock(&b->mutex);
	return p;
}

static void drop_first(struct logbook *b, bool sent)
{
	pthread_mutex_lock(&b->mutex);
	struct logbook_page *p = b->full;
	b->full = p->next;
	if (b->full == NULL) {
		b->full_end = &b->full;
	}
	b->stats.held -= p->held;
	if (sent) {
		b->stats.objects++;
	} else {
		lose(b, p->lines);
	}
	pthread_mutex_unlock(&b->mutex);
	free_page(p);
}

static bool may_go_later(enum err e)
{
	return e == ERR_UNAVAILABLE || e == ERR_TIMEOUT || e == ERR_NOMEM || e == ERR_IO ||
	       e == ERR_FULL || e == ERR_CANCELLED;
}

static void say_lost(struct logbook *b)
{
	pthread_mutex_lock(&b->mutex);
	uint64_t lines = b->unsaid;
	b->unsaid = 0;
	pthread_mutex_unlock(&b->mutex);
	if (lines > 0) {
		LOG(LOG_WARN, "logging.lost", LOG_U64("lines", lines),
		    LOG_STR("do", "see the lines before; without one, memory for logs was full: "
		                  "raise [logging] held, or deliver more often"));
	}
}

/* One pass over what there is. Stops at what may go later: the rest would fare alike. */
static enum err deliver(struct logbook *b)
{
	struct logbook_page *p;
	enum err e = OK;
	pthread_mutex_lock(&b->mutex);
	close_pages(b);
	pthread_mutex_unlock(&b->mutex);
	while ((p = first_page(b)) != NULL) {
		const char *why = "";
		if (p->lines == 0) { /* there was no memory for its first */
			drop_first(b, false);
			continue;
		}
		e = b->send(b->g, p, clock_mono_ms() + SEND_MS, &why);
		if (e != OK) {
			LOG(LOG_WARN, "logging.deliver", LOG_BYTES("bucket", p->bucket), LOG_ERR(e),
			    LOG_U64("lines", p->lines), LOG_STR("do", why));
		}
		if (may_go_later(e)) {
			break;
		}
		drop_first(b, e == OK);
		e = OK;
	}
	say_lost(b);
	return e;
}

static struct timespec at_ms(uint64_t mono_ms)
{
	return (struct timespec){(time_t)(mono_ms / 1000), (long)(mono_ms % 1000 * NS_PER_MS)};
}

/* Until the next pass is due; false: the end. */
static bool wait_turn(struct logbook *b)
{
	pthread_mutex_lock(&b->mutex);
	uint64_t due = clock_mono_ms() + b->pause_ms;
	while (!b->stop) {
		uint64_t until = b->hurry ? b->not_before_ms : due;
		if (clock_mono_ms() >= until) {
			break;
		}
		const struct timespec t = at_ms(until);
		pthread_cond_timedwait(&b->wake, &b->mutex, &t);
	}
	bool go = !b->stop;
	b->hurry = false;
	pthread_mutex_unlock(&b->mutex);
	return go;
}

static void *run(void *arg)
{
	struct logbook *b = arg;
	while (wait_turn(b)) {
		enum err e = deliver(b);
		pthread_mutex_lock(&b->mutex);
		b->not_before_ms = e == OK ? 0 : clock_mono_ms() + RETRY_MS;
		b->hurry = b->hurry || e != OK;
		pthread_mutex_unlock(&b->mutex);
	}
	return NULL;
}

static void destroy(struct logbook *b)
{
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->mutex);
	free(b);
}

enum err logbook_start(const struct logbook_options *o, struct logbook **ret)
{
	struct logbook *b = calloc(1, sizeof(*b));
	pthread_condattr_t attr;
	if (b == NULL) {
		return ERR_NOMEM;
	}
	b->g = o->gateway;
	b->send = o->send;
	b->pause_ms = o->pause_ms;
	b->held_max = o->held_max;
	b->full_end = &b->full;
	pthread_mutex_init(&b->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&b->thread, NULL, run, b) != 0) {
		destroy(b);
		return ERR_UNAVAILABLE;
	}
	*ret = b;
	return OK;
}

void logbook_stop(struct logbook *b)
{
	if (b == NULL) {
		return;
	}
	pthread_mutex_lock(&b->mutex);
	b->stop = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->mutex);
	pthread_join(b->thread, NULL);
	if (deliver(b) != OK) {
		while (b->full != NULL) {
			drop_first(b, false);
		}
		say_lost(b);
	}
	destroy(b);
}
