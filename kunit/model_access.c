// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model judges accesses of x86-64. Written from the manual (Intel SDM volume 3A,
 * "Determination of Access Rights", "Protection Keys", "Page-Fault Exceptions"): bits are
 * numbers, and it looks at the entries, not at what was made of them.
 */
#include "model.h"

/* Is the bit set in all entries from the root down to @lowest? */
static bool all(const u64 *entries, unsigned int levels, unsigned int lowest,
		unsigned int bit)
{
	unsigned int level;

	for (level = lowest; level < levels; level++)
		if (!(entries[level] >> bit & 1))
			return false;
	return true;
}

static bool any(const u64 *entries, unsigned int levels, unsigned int lowest,
		unsigned int bit)
{
	unsigned int level;

	for (level = lowest; level < levels; level++)
		if (entries[level] >> bit & 1)
			return true;
	return false;
}

/* Does the key of the leaf deny it, in a user's page or in the supervisor's? */
static bool key_denies(const struct vmem_access *access, u64 leaf, bool user)
{
	u32 rights = user ? access->pkru : access->pkrs;
	/* WP: for a supervisor's pages whoever writes, for users' if it is no user */
	bool binds = access->mode & 1 || (user && access->what & 8);

	/* PKE is bit 4, PKS bit 5; what is fetched has no key */
	if (access->what & 4 || !(access->mode & (user ? 0x10 : 0x20)))
		return false;
	rights >>= 2 * (leaf >> 59 & 15);
	return rights & 1 || (rights & 2 && access->what & 2 && binds);
}

void model_judge(const struct rules *rules, const struct cpu *cpu,
		 const struct vmem_access *access, const u64 *entries,
		 struct vmem_translation *out)
{
	bool write = access->what & 2, fetch = access->what & 4, by_user = access->what & 8;
	bool implicit = access->what & 16, shadow = access->what & 32, user, stack, key;
	unsigned int levels = rules->levels, lowest = out->level;
	u32 code = write << 1 | by_user << 2 |
		   (fetch && (!cpu->nxe_off || access->mode & 2)) << 4 | shadow << 6;
	u64 leaf;

	if (out->status == VMEM_NOT_PRESENT)
		out->error_code = code;
	if (out->status == VMEM_STATUS_RESERVED)
		out->error_code = code | 9;
	if (out->status == VMEM_OK) {
		leaf = entries[lowest];
		user = all(entries, levels, lowest, 2);
		key = key_denies(access, leaf, user);
		/* W in all entries above, D and not W in the leaf */
		stack = cpu->cet && all(entries, levels, lowest + 1, 1) && !(leaf & 2) &&
			leaf & 0x40;
		if (by_user && !user)
			out->status = VMEM_STATUS_USER;
		else if (shadow && (!stack || by_user != user))
			out->status = VMEM_STATUS_SHADOW;
		else if (fetch && !by_user && user && access->mode & 2)
			out->status = VMEM_STATUS_SMEP;
		else if (!fetch && !by_user && user && access->mode & 4 &&
			 (implicit || !(access->mode & 8)))
			out->status = VMEM_STATUS_SMAP;
		else if (fetch && any(entries, levels, lowest, 63))
			out->status = VMEM_STATUS_EXEC;
		else if (write && !shadow && !all(entries, levels, lowest, 1) &&
			 (by_user || access->mode & 1))
			out->status = VMEM_STATUS_WRITE;
		else if (key)
			out->status = VMEM_STATUS_KEY;
		else
			return;
		out->error_code = code | 1 | key << 5;
		out->gpa = 0;
		out->flags = 0;
	}
	/* an entry above the one that is told of was passed */
	if (out->status != VMEM_NON_CANONICAL && out->status != VMEM_STATUS_OUTSIDE &&
	    lowest + 1 < levels)
		out->flags = 4;
}

void model_access(const struct rules *rules, const struct cpu *cpu,
		  const struct guest *guest, u64 root, u64 va,
		  const struct vmem_access *access, struct vmem_translation *out,
		  u64 entries[VMEM_LEVELS_MAX])
{
	u64 behind = (va / 4096 + 1) * 4096, words[VMEM_LEVELS_MAX];
	struct vmem_translation second;

	model_translate(rules, cpu, guest, root, va, access->what & 4, out, entries);
	model_judge(rules, cpu, access, entries, out);
	if (out->status != VMEM_OK || behind - va > access->what >> 8)
		return;
	model_translate(rules, cpu, guest, root, behind, access->what & 4, &second, words);
	model_judge(rules, cpu, access, words, &second);
	if (second.status == VMEM_OK)
		return;
	*out = second;
	/* by a fault the first page's entries have been passed */
	out->flags = second.status == VMEM_NON_CANONICAL ||
		     second.status == VMEM_STATUS_OUTSIDE ? 16 : 20;
	memcpy(entries, words, sizeof(words));
}

void model_set_ad(const struct rules *rules, const struct cpu *cpu, struct guest *guest,
		  u64 root, u64 va, bool fetch, bool written)
{
	u64 accessed = rules->accessed_dirty & ~rules->dirty, table = root, entry;
	unsigned int level = rules->levels, index;
	struct decoded decoded;

	if (!fetch)
		va = rules->untag(cpu, rules->levels, va);
	do {
		index = entry_index(rules, va, --level);
		entry = guest_read(guest, table, index);
		rules->decode(cpu, entry, level, &decoded);
		entry |= accessed;
		if (decoded.kind == IS_LEAF && written)
			entry |= rules->dirty;
		guest_write(guest, table, index, entry);
		table = decoded.gpa;
	} while (decoded.kind == IS_TABLE);
}
