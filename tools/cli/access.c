// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Accesses, as they are asked for, and why one is refused: in which entry.
 */
#include <string.h>

#include "cli.h"

#define KINDS	(VMEM_IOC_ACCESS_READ | VMEM_IOC_ACCESS_WRITE | VMEM_IOC_ACCESS_FETCH)
#define LEN_MAX	64
#define LEN	((LEN_MAX - 1U) << VMEM_IOC_ACCESS_LEN_SHIFT)
#define PAGE	4096ULL

static const struct {
	const char *name;
	__u32 what;
	__u32 mode;	/* that it sets */
	__u32 off;	/* and clears */
} words[] = {
	{ "r", .what = VMEM_IOC_ACCESS_READ },
	{ "w", .what = VMEM_IOC_ACCESS_WRITE },
	{ "x", .what = VMEM_IOC_ACCESS_FETCH },
	{ "user", .what = VMEM_IOC_ACCESS_USER },
	{ "implicit", .what = VMEM_IOC_ACCESS_IMPLICIT },
	{ "shadow", .what = VMEM_IOC_ACCESS_SHADOW },
	{ "ad", .what = VMEM_IOC_ACCESS_SET_AD },
	{ "wp=0", .off = VMEM_IOC_MODE_WP },
	{ "smep=0", .off = VMEM_IOC_MODE_SMEP },
	{ "smap=0", .off = VMEM_IOC_MODE_SMAP },
	{ "ac", .mode = VMEM_IOC_MODE_AC },
};

#define NR_WORDS	(sizeof(words) / sizeof(words[0]))

static bool parse_len(struct access *access, const char *text, const char **why)
{
	__u64 len;

	*why = "is no length from 1 to 64";
	if (!parse_count(text, &len) || !len || len > LEN_MAX)
		return false;
	access->what = (access->what & ~LEN) |
		       (__u32)(len - 1) << VMEM_IOC_ACCESS_LEN_SHIFT;
	return true;
}

static bool parse_word(struct access *access, const char *word, const char **why)
{
	size_t i;

	if (!strncmp(word, "len=", 4))
		return parse_len(access, word + 4, why);
	/* a register of keys is in force then */
	if (!strncmp(word, "pkru=", 5)) {
		access->mode |= VMEM_IOC_MODE_PKE;
		return parse_bits(word + 5, &access->pkru, why);
	}
	if (!strncmp(word, "pkrs=", 5)) {
		access->mode |= VMEM_IOC_MODE_PKS;
		return parse_bits(word + 5, &access->pkrs, why);
	}
	for (i = 0; i < NR_WORDS && strcmp(word, words[i].name); i++)
		;
	*why = "is none of r, w, x, user, implicit, shadow, ad, len=1..64, wp=0, smep=0, smap=0, ac, pkru=BITS and pkrs=BITS";
	if (i == NR_WORDS)
		return false;
	*why = "is a second one of r, w and x";
	if (words[i].what & KINDS && access->what & KINDS)
		return false;
	access->what |= words[i].what;
	access->mode = (access->mode | words[i].mode) & ~words[i].off;
	return true;
}

/* WORD[,WORD...] */
bool parse_access(const char *list, struct access *access, const char **why)
{
	static char text[512];

	/* as kernels run */
	*access = (struct access){
		.mode = VMEM_IOC_MODE_WP | VMEM_IOC_MODE_SMEP | VMEM_IOC_MODE_SMAP,
	};
	for (;; list++) {
		size_t len = strcspn(list, ",");
		char word[64];

		snprintf(word, sizeof(word), "%.*s", (int)len, list);
		if (!parse_word(access, word, why)) {
			snprintf(text, sizeof(text), "`%s' %s", word, *why);
			*why = text;
			return false;
		}
		list += len;
		if (!*list)
			break;
	}
	*why = "has none of r, w and x";
	return access->what & KINDS;
}

/* Which words contradict each other, or the vCPU? NULL: none. */
const char *access_clash(const struct access *access, const struct cpu *cpu)
{
	__u32 what = access->what;
	bool cet = cpu->flags & VMEM_IOC_SPACE_CET;

	if (what & VMEM_IOC_ACCESS_USER && what & VMEM_IOC_ACCESS_IMPLICIT)
		return "`user' and `implicit': implicit accesses are the supervisor's";
	if (what & VMEM_IOC_ACCESS_FETCH && what & VMEM_IOC_ACCESS_IMPLICIT)
		return "`x' and `implicit': instructions are fetched explicitly";
	if (what & VMEM_IOC_ACCESS_FETCH && what & VMEM_IOC_ACCESS_SHADOW)
		return "`x' and `shadow': shadow stacks hold no instructions";
	if (what & VMEM_IOC_ACCESS_SHADOW && !cet)
		return "`shadow': it takes --cpu cet";
	if (what && cet && !(access->mode & VMEM_IOC_MODE_WP))
		return "`wp=0': with --cpu cet CR0.WP is set";
	return NULL;
}

/* The address that faults: an access to two pages may fault at the second. */
__u64 fault_va(__u64 va, const struct vmem_ioc_result *result)
{
	return result->flags & VMEM_IOC_RESULT_SECOND ? (va | (PAGE - 1)) + 1 : va;
}

static const char *const reasons[] = {
	[VMEM_IOC_WRITE]	= "may not be written",
	[VMEM_IOC_USER]		= "is the supervisor's",
	[VMEM_IOC_EXEC]		= "may not be executed",
	[VMEM_IOC_SMEP]		= "is the user's, which SMEP keeps from being executed",
	[VMEM_IOC_SMAP]		= "is the user's, which SMAP keeps from being accessed",
};

/* What an entry lacks then, if each alone refuses. */
static const __u32 lacks[] = {
	[VMEM_IOC_WRITE]	= VMEM_IOC_ATTR_W,
	[VMEM_IOC_USER]		= VMEM_IOC_ATTR_U,
	[VMEM_IOC_EXEC]		= VMEM_IOC_ATTR_X,
	[VMEM_IOC_SHADOW]	= VMEM_IOC_ATTR_W,
};

unsigned int refused_at(const struct vmem_ioc_result *result, unsigned int levels)
{
	__u32 lack = result->status < sizeof(lacks) / sizeof(lacks[0]) ?
		     lacks[result->status] : 0;
	unsigned int level;

	for (level = levels - 1; lack && level > result->level; level--)
		if (!(result->path >> (4 * level) & lack))
			return level;
	return result->level;
}

bool is_refused(const struct vmem_ioc_result *result)
{
	return result->status >= VMEM_IOC_WRITE && result->status <= VMEM_IOC_SHADOW;
}

/* A leaf that can be written is no page of a shadow stack, an entry above has to be. */
static const char *why_shadow(const struct vmem_ioc_result *result, const struct view *view)
{
	bool above = refused_at(result, view->levels) > result->level;
	static char text[128];

	snprintf(text, sizeof(text), "%s no page of %s shadow stack",
		 above ? "may not be written, and so leads to" : "is",
		 view->access->what & VMEM_IOC_ACCESS_USER ? "a user's" : "the supervisor's");
	return text;
}

static const char *why_key(const struct vmem_ioc_result *result, const struct view *view)
{
	unsigned int key = key_of(result->leaf);
	bool user = result->effective & VMEM_IOC_ATTR_U;
	__u32 keys = user ? view->access->pkru : view->access->pkrs;
	static char text[64];

	snprintf(text, sizeof(text), "has key=%u, which %s.%s%u denies", key,
		 user ? "PKRU" : "PKRS", keys >> 2 * key & 1 ? "AD" : "WD", key);
	return text;
}

const char *refused_why(const struct vmem_ioc_result *result, const struct view *view)
{
	return result->status == VMEM_IOC_SHADOW ? why_shadow(result, view) :
	       result->status == VMEM_IOC_KEY ? why_key(result, view) :
	       reasons[result->status];
}
