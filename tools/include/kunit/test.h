/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * KUnit in userspace, as much of it as the tests of the core use, so that their
 * sources are the kernel's. The runner prints KTAP.
 */
#ifndef _VMEM_SHIM_KUNIT_TEST_H
#define _VMEM_SHIM_KUNIT_TEST_H

#include <stdio.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/types.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define KUNIT_PARAM_DESC_SIZE	128

struct kunit {
	void *priv;
	const void *param_value;
};

enum kunit_speed {
	KUNIT_SPEED_UNSET,
	KUNIT_SPEED_SLOW,
};

struct kunit_attributes {
	enum kunit_speed speed;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(const void *prev, char *desc);
	struct kunit_attributes attr;
};

struct kunit_suite {
	const char name[256];
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(test_name) \
	{ .run_case = test_name, .name = #test_name }
#define KUNIT_CASE_ATTR(test_name, attributes) \
	{ .run_case = test_name, .name = #test_name, .attr = attributes }
#define KUNIT_CASE_SLOW(test_name) \
	{ .run_case = test_name, .name = #test_name, \
	  .attr.speed = KUNIT_SPEED_SLOW }
#define KUNIT_CASE_PARAM(test_name, gen_params) \
	{ .run_case = test_name, .name = #test_name, \
	  .generate_params = gen_params }
#define KUNIT_CASE_PARAM_ATTR(test_name, gen_params, attributes) \
	{ .run_case = test_name, .name = #test_name, \
	  .generate_params = gen_params, .attr = attributes }

#define KUNIT_ARRAY_PARAM(name, array, get_desc)			\
static const void *name##_gen_params(const void *prev, char *desc)	\
{									\
	typeof((array)[0]) *__next =					\
		prev ? (typeof(__next))prev + 1 : (array);		\
	void (*__get_desc)(typeof(__next), char *) = get_desc;		\
									\
	if (__next - (array) >= (ptrdiff_t)ARRAY_SIZE(array))		\
		return NULL;						\
	if (__get_desc)							\
		__get_desc(__next, desc);				\
	return __next;							\
}

/* What the sources register before main() runs. */
void kunit_user_add_suites(struct kunit_suite *const *suites, size_t nr);
void kunit_user_add_param(const char *name, unsigned int *value);

#define __kunit_user_paste2(a, b)	a##b
#define __kunit_user_paste(a, b)	__kunit_user_paste2(a, b)
#define __kunit_user_init \
	static __attribute__((__constructor__)) void \
	__kunit_user_paste(kunit_user_init_, __COUNTER__)(void)

#define kunit_test_suites(...)						\
	__kunit_user_init						\
	{								\
		static struct kunit_suite *const suites[] = { __VA_ARGS__ }; \
									\
		kunit_user_add_suites(suites, ARRAY_SIZE(suites));	\
	}								\
	struct kunit_suite
#define kunit_test_suite(suite)	kunit_test_suites(&suite)

/* Parameters of the module, all of type uint here, are name=value arguments. */
#define module_param(param, type, perm)					\
	__kunit_user_init						\
	{								\
		kunit_user_add_param(#param, &param);			\
	}								\
	struct kunit_suite
#define MODULE_PARM_DESC(param, text)	struct kunit_suite
#define MODULE_DESCRIPTION(text)	struct kunit_suite
#define MODULE_LICENSE(text)		struct kunit_suite

typedef unsigned int gfp_t;
#define GFP_KERNEL	0

/* Memory that goes when the case ends. */
void *kunit_kmalloc(struct kunit *test, size_t size, gfp_t gfp);
void *kunit_kzalloc(struct kunit *test, size_t size, gfp_t gfp);

static inline ssize_t strscpy(char *to, const char *from, size_t size)
{
	return snprintf(to, size, "%s", from);
}

static inline int cond_resched(void)
{
	return 0;
}

void __printf(3, 4) kunit_user_fail(struct kunit *test, bool abort,
				    const char *fmt, ...);
void __printf(2, 3) kunit_info(struct kunit *test, const char *fmt, ...);
void __printf(2, 3) __attribute__((__noreturn__))
kunit_skip(struct kunit *test, const char *fmt, ...);

#define kunit_err	kunit_info

#define __kunit_user_binary(test, abort, left, op, right, fmt, ...)	\
do {									\
	const typeof(left) __left = (left);				\
	const typeof(right) __right = (right);				\
									\
	if (!(__left op __right))					\
		kunit_user_fail(test, abort,				\
			"%s:%d: expected %s %s %s, but it is %lld and %lld " fmt, \
			__FILE__, __LINE__, #left, #op, #right,		\
			(long long)__left, (long long)__right,		\
			##__VA_ARGS__);					\
} while (0)

#define __kunit_user_unary(test, abort, condition, text, fmt, ...)	\
do {									\
	if (!(condition))						\
		kunit_user_fail(test, abort, "%s:%d: expected %s " fmt,	\
				__FILE__, __LINE__, text, ##__VA_ARGS__); \
} while (0)

#define KUNIT_FAIL(test, fmt, ...) \
	kunit_user_fail(test, false, "%s:%d: " fmt, __FILE__, __LINE__, \
			##__VA_ARGS__)
#define KUNIT_FAIL_AND_ABORT(test, fmt, ...) \
	kunit_user_fail(test, true, "%s:%d: " fmt, __FILE__, __LINE__, \
			##__VA_ARGS__)

#define KUNIT_EXPECT_TRUE_MSG(test, c, fmt, ...) \
	__kunit_user_unary(test, false, c, #c, fmt, ##__VA_ARGS__)
#define KUNIT_ASSERT_TRUE_MSG(test, c, fmt, ...) \
	__kunit_user_unary(test, true, c, #c, fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_FALSE_MSG(test, c, fmt, ...) \
	__kunit_user_unary(test, false, !(c), "not " #c, fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_TRUE(test, c)	KUNIT_EXPECT_TRUE_MSG(test, c, "")
#define KUNIT_ASSERT_TRUE(test, c)	KUNIT_ASSERT_TRUE_MSG(test, c, "")
#define KUNIT_EXPECT_FALSE(test, c)	KUNIT_EXPECT_FALSE_MSG(test, c, "")
#define KUNIT_ASSERT_NOT_NULL(test, p) \
	__kunit_user_unary(test, true, (p) != NULL, #p " not NULL", "")

#define KUNIT_EXPECT_EQ_MSG(test, l, r, fmt, ...) \
	__kunit_user_binary(test, false, l, ==, r, fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_NE_MSG(test, l, r, fmt, ...) \
	__kunit_user_binary(test, false, l, !=, r, fmt, ##__VA_ARGS__)
#define KUNIT_ASSERT_EQ_MSG(test, l, r, fmt, ...) \
	__kunit_user_binary(test, true, l, ==, r, fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_EQ(test, l, r)	KUNIT_EXPECT_EQ_MSG(test, l, r, "")
#define KUNIT_EXPECT_NE(test, l, r)	KUNIT_EXPECT_NE_MSG(test, l, r, "")
#define KUNIT_EXPECT_LT(test, l, r)	__kunit_user_binary(test, false, l, <, r, "")
#define KUNIT_EXPECT_LE(test, l, r)	__kunit_user_binary(test, false, l, <=, r, "")
#define KUNIT_EXPECT_GT(test, l, r)	__kunit_user_binary(test, false, l, >, r, "")
#define KUNIT_EXPECT_GE(test, l, r)	__kunit_user_binary(test, false, l, >=, r, "")
#define KUNIT_ASSERT_EQ(test, l, r)	KUNIT_ASSERT_EQ_MSG(test, l, r, "")
#define KUNIT_ASSERT_NE(test, l, r)	__kunit_user_binary(test, true, l, !=, r, "")
#define KUNIT_ASSERT_LE(test, l, r)	__kunit_user_binary(test, true, l, <=, r, "")
#define KUNIT_ASSERT_GE(test, l, r)	__kunit_user_binary(test, true, l, >=, r, "")

#endif /* _VMEM_SHIM_KUNIT_TEST_H */
