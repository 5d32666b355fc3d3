/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for the tests of vmem. A program is a list of cases; each runs in a
 * process of its own, so that no case leaves anything to the next, and one
 * that crashes or hangs fails alone.
 */
#ifndef SELFTEST_KTAP_H
#define SELFTEST_KTAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Only against hanging: no case comes near it. */
#define KTAP_TIMEOUT	600

/**
 * struct ktap_case - a case
 * @name:	<what>_<condition>
 * @run:	called in a child; returns, or ends the process with status 0
 * @here:	NULL, or says whether this machine has what the case needs; where
 *		it hasn't, the case is skipped
 * @needs:	what that is, for the reader of the result
 */
struct ktap_case {
	const char *name;
	void (*run)(void);
	bool (*here)(void);
	const char *needs;
};

#define CASE(fn)		{ #fn, fn, NULL, NULL }
#define CASE_IF(fn, here, needs)	{ #fn, fn, here, needs }

int ktap_main(const struct ktap_case *cases, size_t nr, int argc, char **argv);

/* A program may instead number what it tells by itself. */
void ktap_begin(size_t nr);
void ktap_result(bool ok, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int ktap_end(void);

/* Print a line that isn't a result. */
void ktap_msg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* In a case: it has failed, and goes on; or it ends here. */
void ktap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ktap_give_up(void) __attribute__((noreturn));
/* What the case is about isn't here: it ends, skipped if nothing failed so far. */
void ktap_skip(const char *reason) __attribute__((noreturn));
bool ktap_failed(void);
void ktap_forget_failure(void);

/* Run @fn in a child; true if nothing failed in there. */
bool ktap_in_child(void (*fn)(void *), void *arg);

#define EXPECT(cond) ({							\
	bool __ok = (cond);						\
	if (!__ok)							\
		ktap_fail(__FILE__, __LINE__, "%s", #cond);		\
	__ok;								\
})

#define EXPECT_EQ(have, want) ({					\
	long long __have = (long long)(have);				\
	long long __want = (long long)(want);				\
	if (__have != __want)						\
		ktap_fail(__FILE__, __LINE__,				\
			  "%s is %lld (%#llx), not %lld (%#llx)",	\
			  #have, __have, __have, __want, __want);	\
	__have == __want;						\
})

/* A call that answers 0 or more, or -errno. */
#define EXPECT_ERR(have, want) ({					\
	long __got = (long)(have);					\
	bool __same = __got == -(want);					\
	if (!__same)							\
		ktap_fail(__FILE__, __LINE__, "%s: %s, not %s", #have,	\
			  __got < 0 ? strerrorname_np((int)-__got) :	\
			  "no error", (want) != 0 ?				\
			  strerrorname_np(want) : "success");		\
	__same;								\
})

#define ASSERT(cond)		((void)(EXPECT(cond) || (ktap_give_up(), 0)))
#define ASSERT_EQ(a, b)		((void)(EXPECT_EQ(a, b) || (ktap_give_up(), 0)))
#define ASSERT_OK(call) ({						\
	long __r = (long)(call);					\
	if (__r < 0) {							\
		ktap_fail(__FILE__, __LINE__, "%s: %s", #call,		\
			  strerrorname_np((int)-__r));			\
		ktap_give_up();						\
	}								\
	__r;								\
})

#endif
