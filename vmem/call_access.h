/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * TRANSLATE as both back ends do it: what it asks for, the judgement of what
 * addresses translate to, and what an access sets.
 */
#ifndef _VMEM_CALL_ACCESS_H
#define _VMEM_CALL_ACCESS_H

#include <linux/errno.h>
#include <linux/string.h>

#include "access.h"
#include "engine.h"
#include "uapi.h"

/**
 * vmem_ioc_translate_check() - TRANSLATE
 * @ask:	the call
 * @rights:	that the caller has
 *
 * Return: 0; -EACCES: what is to be set changes tables; -EOPNOTSUPP; -EINVAL: a mode
 * without an access; -E2BIG.
 */
static inline int vmem_ioc_translate_check(const struct vmem_ioc_translate *ask, u32 rights)
{
	if (ask->access & VMEM_ACCESS_SET_AD && !(rights & VMEM_IOC_RIGHT_CHANGE))
		return -EACCES;
	if (ask->access & ~(VMEM_ACCESS_FLAGS | VMEM_ACCESS_LEN) ||
	    ask->mode & ~VMEM_MODE_FLAGS || ask->__reserved)
		return -EOPNOTSUPP;
	if (!ask->access && (ask->mode || ask->pkru || ask->pkrs))
		return -EINVAL;
	return ask->nr > VMEM_TRANSLATE_MAX ? -E2BIG : 0;
}

/**
 * vmem_ioc_access_read() - what the access of a TRANSLATE needs
 * @engine:	of the space
 * @facts:	of the space
 * @ask:	the call, which has one
 * @judge:	filled in
 *
 * Return: 0; -EINVAL: there is no such access, or such a vCPU has no such mode.
 */
static inline int vmem_ioc_access_read(const struct vmem_engine *engine,
				       const struct vmem_facts *facts,
				       const struct vmem_ioc_translate *ask,
				       struct vmem_judge *judge)
{
	const struct vmem_access access = {
		.what = ask->access, .mode = ask->mode,
		.pkru = ask->pkru, .pkrs = ask->pkrs,
	};

	return engine->judge(facts, &access, judge);
}

/*
 * It is the second page that refuses. When it faults, the first one, which was let through,
 * may have got A and D.
 */
static inline void vmem_judge_is_second(struct vmem_translation *out)
{
	out->flags = VMEM_RESULT_SECOND |
		     (out->status == VMEM_NON_CANONICAL ||
		      out->status == VMEM_STATUS_OUTSIDE ? 0 : VMEM_RESULT_MAY);
}

#define VMEM_ACCESS_TRIES	16	/* that an entry changed since it was judged */
#define VMEM_ACCESS_SETS	8	/* addresses of such accesses a piece */

/* Of one access all is judged first, and then it is set. As vmem_translate_set(). */
static inline int
vmem_translate_set_one(const struct vmem_engine *engine, const struct vmem_format *fmt,
		       void *ctx, const struct vmem_space *space,
		       const struct vmem_judge *judge, vmem_virt_t va,
		       struct vmem_translation *out, u64 *entries)
{
	u32 nr, n, done, apply, told = 0;
	struct vmem_translation results[2];
	u64 words[2][VMEM_LEVELS_MAX];
	vmem_virt_t vas[2] = { va };
	bool through = true;
	int ret;

	nr = 1 + vmem_judge_second(judge, va, &vas[1]);
	for (n = 0; n < nr && through; n++) {
		done = 0;
		ret = engine->translate(fmt, ctx, space, &vas[n], 1, judge->fetch, &results[n],
					&words[n], &done);
		if (ret)
			return ret;
		through = vmem_judge_result(judge, &space->facts, &results[n]);
		told = through ? 0 : n;
		if (told)
			vmem_judge_is_second(&results[n]);
	}
	for (apply = 0; apply < 2 && through; apply++)
		for (n = 0; n < nr; n++) {
			ret = engine->set_ad(fmt, ctx, space, judge, vas[n],
					     results[n].level, words[n], apply);
			if (ret)
				return ret;
		}
	/* of the first, or of that which refuses it */
	*out = results[told];
	if (entries)
		memcpy(entries, words[told], sizeof(words[told]));
	return 0;
}

/* As vmem_translate_judged(), of accesses that set A and D. */
static noinline int
vmem_translate_set(const struct vmem_engine *engine, const struct vmem_format *fmt,
		   void *ctx, const struct vmem_space *space, const struct vmem_judge *judge,
		   const vmem_virt_t *vas, u32 nr, struct vmem_translation *out,
		   u64 (*entries)[VMEM_LEVELS_MAX], u32 *done)
{
	u32 sets, tries;
	int ret;

	for (sets = 0; *done < nr; sets++, ++*done) {
		if (sets == VMEM_ACCESS_SETS)
			return VMEM_PAUSE;
		for (tries = 0; tries < VMEM_ACCESS_TRIES; tries++) {
			ret = vmem_translate_set_one(engine, fmt, ctx, space, judge,
						     vas[*done], &out[*done],
						     entries ? entries[*done] : NULL);
			if (ret != VMEM_AGAIN)
				break;
		}
		if (ret)
			return ret == VMEM_AGAIN ? -EBUSY : ret;
	}
	return 0;
}

/**
 * vmem_translate_judged() - translate addresses, and judge an access to each
 * @engine:	of the space
 * @fmt:	of the space
 * @ctx:	handed to the ops
 * @space:	the space
 * @judge:	NULL: none
 * @vas:	addresses of first bytes
 * @nr:		of them
 * @out:	as of vmem_translate(), and what vmem_judge_result() says; of an access
 *		to two pages of the first that refuses it, else of the first
 * @entries:	likewise, or NULL
 * @done:	in and out: results that are ready; begins at 0
 *
 * What an access that goes through sets is set with it.
 *
 * Context: a piece.
 * Return: as vmem_translate(); for what is to be set -EROFS; -EBUSY: an entry was
 * changed again and again.
 */
static inline int
vmem_translate_judged(const struct vmem_engine *engine, const struct vmem_format *fmt,
		      void *ctx, const struct vmem_space *space,
		      const struct vmem_judge *judge, const vmem_virt_t *vas, u32 nr,
		      struct vmem_translation *out, u64 (*entries)[VMEM_LEVELS_MAX],
		      u32 *done)
{
	struct vmem_translation second;
	u64 words[1][VMEM_LEVELS_MAX];
	u32 i = *done, one;
	vmem_virt_t va;
	int ret, err;

	if (judge && judge->set[0])
		return vmem_translate_set(engine, fmt, ctx, space, judge, vas, nr, out,
					  entries, done);
	ret = engine->translate(fmt, ctx, space, vas, nr, judge && judge->fetch, out,
				entries, done);
	for (; judge && i < *done; i++) {
		if (!vmem_judge_result(judge, &space->facts, &out[i]) ||
		    !vmem_judge_second(judge, vas[i], &va))
			continue;
		one = 0;
		err = engine->translate(fmt, ctx, space, &va, 1, judge->fetch, &second,
					words, &one);
		if (err) {
			/* this one and those behind it once more */
			*done = i;
			return err;
		}
		if (vmem_judge_result(judge, &space->facts, &second))
			continue;
		out[i] = second;
		vmem_judge_is_second(&out[i]);
		if (entries)
			memcpy(entries[i], words[0], sizeof(words[0]));
	}
	return ret;
}

#endif /* _VMEM_CALL_ACCESS_H */
