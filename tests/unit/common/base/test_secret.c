/* Secrets: what the slab promises about its pages, its slots and misuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/attr.h"
#include "common/base/secret.h"

enum { SLOTS = 300 };

/* Run fn in a child; true when the child came to its end. */
static bool survives(void (*fn)(void *arg), void *arg)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL); /* cmocka's handlers would run on with the tests */
		(void)signal(SIGSEGV, SIG_DFL);
		(void)!freopen("/dev/null", "w", stderr); /* the assert's message is expected */
		fn(arg);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void use_well(void *arg)
{
	(void)arg;
	if (secret_init(4) != OK || secret_free(secret_new(32)) != NULL) {
		_exit(1);
	}
}

static void free_twice(void *arg)
{
	(void)arg;
	if (secret_init(4) == OK) {
		struct secret *s = secret_new(32);
		secret_free(s);
		secret_free(s);
	}
}

static void free_foreign(void *arg)
{
	static uint8_t foreign[256] = {1};

	(void)arg;
	if (secret_init(4) == OK) {
		memset(foreign, 1, sizeof(foreign));
		secret_free((void *)(foreign + 64));
	}
}

static void read_freed(void *arg)
{
	(void)arg;
	if (secret_init(4) == OK) {
		struct secret *s = secret_new(32);
		secret_free(s);
		(void)secret_bytes(s);
	}
}

static void ask_too_much(void *arg)
{
	(void)arg;
	if (secret_init(4) == OK) {
		(void)secret_new(SECRET_MAX + 1);
	}
}

/* Stands first: these children need a process in which the slab does not exist yet. */
static void misuse_ends_the_process(void **state)
{
	(void)state;
	assert_true(survives(use_well, NULL));
	assert_false(survives(free_twice, NULL));
	assert_false(survives(free_foreign, NULL));
	assert_false(survives(read_freed, NULL));
	assert_false(survives(ask_too_much, NULL));
}

/* The sanitizers replace mlock by a function that does nothing and always succeeds. */
static bool memory_can_be_locked(void)
{
	return mlock((void *)(uintptr_t)4096, 1) != 0;
}

static void exhaust_lock_limit(void *arg)
{
	const struct rlimit little = {4096, 4096};

	(void)arg;
	/* Root may lock without limit, so drop to nobody first. */
	if (setrlimit(RLIMIT_MEMLOCK, &little) != 0 || (geteuid() == 0 && setuid(65534) != 0)) {
		_exit(1);
	}
	if (secret_init(1000) != ERR_NOMEM || secret_new(1) != NULL) {
		_exit(2);
	}
}

static void a_low_lock_limit_is_an_error(void **state)
{
	(void)state;
	if (!memory_can_be_locked()) {
		skip();
	}
	assert_true(survives(exhaust_lock_limit, NULL));
}

static void before_init_there_is_nothing(void **state)
{
	(void)state;
	assert_null(secret_new(32));
	assert_null(secret_free(NULL));
	assert_int_equal(secret_init(SLOTS), OK);
	assert_int_equal(secret_init(1), OK); /* no-op */
}

static void dumps_are_forbidden(void **state)
{
	struct rlimit limit = {1, 1};

	(void)state;
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_int_equal(limit.rlim_cur, 0);
	assert_int_equal(limit.rlim_max, 0);
}

/* The VmFlags line of the mapping that holds p. */
static void mapping_flags(const void *p, char *flags, size_t size)
{
	char line[512];
	bool inside = false;
	FILE *f = fopen("/proc/self/smaps", "r");

	assert_non_null(f);
	flags[0] = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long from;
		unsigned long to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			inside = (uintptr_t)p >= from && (uintptr_t)p < to;
		} else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			snprintf(flags, size, "%s", line + 8);
		}
	}
	(void)fclose(f);
}

static void pages_are_locked_and_private(void **state)
{
	char flags[512];
	struct secret *s = secret_new(1);

	(void)state;
	mapping_flags(secret_edit(s), flags, sizeof(flags));
	if (memory_can_be_locked()) {
		assert_non_null(strstr(flags, " lo"));
	}
	assert_non_null(strstr(flags, " dd")); /* not in a dump */
	assert_non_null(strstr(flags, " dc")); /* not in a child */
	secret_free(s);
}

static void touch(void *arg)
{
	volatile uint8_t *p = arg;

	*p = *p;
}

static void a_child_does_not_see_them(void **state)
{
	uint8_t own = 0;
	struct secret *s = secret_random(32);

	(void)state;
	assert_true(survives(touch, &own));
	assert_false(survives(touch, secret_edit(s)));
	secret_free(s);
}

static void slots_are_wiped_and_counted(void **state)
{
	static const uint8_t zero[SECRET_MAX];
	struct secret *all[SLOTS];

	(void)state;
	for (size_t i = 0; i < SLOTS; i++) {
		all[i] = secret_random(SECRET_MAX);
		assert_non_null(all[i]);
		assert_memory_not_equal(secret_bytes(all[i]).p, zero, SECRET_MAX);
	}
	assert_null(secret_new(1));
	assert_null(secret_random(1));
	assert_null(secret_from(BYTES("x")));
	assert_null(secret_copy(all[0]));
	for (size_t i = 0; i < SLOTS; i++) {
		all[i] = secret_free(all[i]);
		assert_null(all[i]);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		all[i] = secret_new(SECRET_MAX);
		assert_memory_equal(secret_bytes(all[i]).p, zero, SECRET_MAX);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		secret_freep(&all[i]);
		assert_null(all[i]);
	}
}

static void copies_compare_equal(void **state)
{
	AUTO(secret_freep) struct secret *a = secret_from(BYTES("0123456789"));
	AUTO(secret_freep) struct secret *b = secret_copy(a);
	AUTO(secret_freep) struct secret *longer = secret_from(BYTES("0123456789\0"));

	(void)state;
	assert_int_equal(secret_size(a), 10);
	assert_true(bytes_is(secret_bytes(b), "0123456789"));
	assert_true(secret_equal(a, b));
	assert_false(secret_equal(a, longer));
	secret_edit(b)[9] ^= 1;
	assert_false(secret_equal(a, b));
	assert_true(bytes_is(secret_bytes(a), "0123456789"));
}

static void plain_helpers(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	assert_true(same_bytes(a, b, 32));
	b[31] = 1;
	assert_false(same_bytes(a, b, 32));
	assert_true(same_bytes(a, b, 31));
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, 32);
	wipe(a, sizeof(a));
	memset(b, 0, sizeof(b));
	assert_memory_equal(a, b, 32);
}

/* Returns what it saw wrong: a slot that another thread holds too would lose its mark. */
static void *churn(void *arg)
{
	uint8_t mark = *(const uint8_t *)arg;
	uintptr_t wrong = 0;

	for (int i = 0; i < 20000; i++) {
		struct secret *s = secret_new(2);
		if (s == NULL) {
			wrong++;
			continue;
		}
		wrong += secret_edit(s)[0] != 0;
		secret_edit(s)[0] = mark;
		secret_edit(s)[1] = mark;
		wrong += secret_edit(s)[0] != mark;
		secret_free(s);
	}
	return (void *)wrong;
}

static void threads_do_not_share_slots(void **state)
{
	static const uint8_t marks[] = {1, 2, 3, 4};
	pthread_t threads[COUNT(marks)];

	(void)state;
	for (size_t i = 0; i < COUNT(marks); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(uintptr_t)&marks[i]), 0);
	}
	for (size_t i = 0; i < COUNT(marks); i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misuse_ends_the_process),
		cmocka_unit_test(a_low_lock_limit_is_an_error),
		cmocka_unit_test(before_init_there_is_nothing),
		cmocka_unit_test(dumps_are_forbidden),
		cmocka_unit_test(pages_are_locked_and_private),
		cmocka_unit_test(a_child_does_not_see_them),
		cmocka_unit_test(slots_are_wiped_and_counted),
		cmocka_unit_test(copies_compare_equal),
		cmocka_unit_test(plain_helpers),
		cmocka_unit_test(threads_do_not_share_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
