// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps in /sys/kernel/debug/vmem/<pid>-<guest number>/, for people; not a
 * contract. A dump is a walk that makes nothing resident: a table that nothing
 * has looked at lately is absent. seq_file asks for one record after the other.
 *
 * An open file holds the struct of its guest, but not its life. Whoever ends a
 * guest or a space removes its files first.
 *
 * spaces, space-<id>
 *	One line a record, its fields apart by blanks; a field is a word, or a
 *	word and its value joined by "=". Numbers are decimal, or hexadecimal
 *	with 0x. A space begins with
 *
 *	space ID root=0xGPA format=NAME phys_bits=N [vcpu=0xFLAGS] [enc_bit=N]
 *
 *	and its records follow, in ascending order. VA-LAST is an inclusive
 *	range, SIZE and PAGE are a number and K, M, G, T or P, which stand for
 *	powers of 1024 and divide it evenly (or none, and it is bytes).
 *	Permissions are four of "rwxu", and a leaf's attributes "rwxugadctpC"
 *	followed by the protection key, with "-" for what isn't there: c is PCD,
 *	t is PWT, p is PAT, C is Cow. FLAGS are those of SPACE_CREATE. PATH are
 *	the permissions of the entries above, a nibble a level, as in struct
 *	vmem_ioc_record.
 *
 *	VA-LAST GPA SIZE PAGE rwxu KIND leaf=... path=0x... entry=0x... [WORD]...
 *	VA-LAST -> space ID va=0x... depth=N path=0x... entry=0x...
 *	VA-LAST absent level=N table=0xGPA path=0x... entry=0x...
 *	VA-LAST bad reserved|outside|large level=N table=0xGPA path=0x... entry=0x...
 *
 *	rwxu are the effective permissions; KIND is basic or cow; a WORD is
 *	outside, part (of one leaf, up to where memory begins or ends), shadow
 *	(a page of a shadow stack) or enc (the encryption bit is set); level is that
 *	of the table that holds the entry, or of the format's levels for a root.
 *	Spaces of one format are walked together, one format after the other,
 *	and each such walk ends with
 *
 *	end complete|budget|cap leaves=N refs=N bad=N [changed]
 *
 * summary
 *	"key: value" a line. tables_level_N counts tables that were entered, each
 *	once; leaves_N the leaves of N bytes, those below a table met before once.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "calls.h"
#include "debugfs.h"
#include "space.h"
#include "walk.h"

#define VMEM_DUMP_SEEN_MAX	BIT_ULL(18)	/* tables remembered a dump */

static struct dentry *vmem_debugfs_root;

/* What the summary counts. */
struct vmem_dump_counts {
	u64 tables[VMEM_LEVELS_MAX];
	u64 leaves[VMEM_LEVELS_MAX];	/* by level */
	u64 records[VMEM_REC_NONPRESENT + 1];	/* by type */
	u64 pages;
	u32 objects[VMEM_OBJECT_KINDS];
	bool cap;
};

/**
 * struct vmem_dump - an open dump
 * @guest:	held
 * @only:	id of the one space, 0: all
 * @format:	the next format to be walked
 * @walker:	the walk; there is one if @walking
 * @walking:	there is one
 * @next:	the next record of @walker, behind the one in hand
 * @headers:	spaces of the walk whose header was shown
 * @more:	1: a record is in hand; 0: there are no more; -errno: that ended
 *		the dump
 * @counts:	for the summary, NULL: it is none
 *
 * Guarded by the seq_file's mutex.
 */
struct vmem_dump {
	struct vmem_guest *guest;
	u32 only;
	u32 format;
	struct vmem_walker walker;
	bool walking;
	u32 next;
	u32 headers;
	int more;
	struct vmem_dump_counts *counts;
};

static void vmem_dump_stop(struct vmem_dump *dump)
{
	if (dump->walking)
		vmem_walker_exit(&dump->walker);
	dump->walking = false;
}

static const struct vmem_space_aware_mapping *
vmem_dump_record(const struct vmem_dump *dump)
{
	return &dump->walker.records[dump->next - 1];
}

/* How many spaces have begun with the record in hand. */
static u32 vmem_dump_spaces(const struct vmem_dump *dump)
{
	return min(vmem_dump_record(dump)->space + 1, dump->walker.nr);
}

/* Begin the walk of a format. Return: 0, also if it has no space; -errno. */
static int vmem_dump_walk(struct vmem_dump *dump,
			  const struct vmem_format_ops *ops)
{
	struct vmem_ioc_walk_create want = {
		.last		= U64_MAX,
		.flags		= VMEM_WALK_RESIDENT_ONLY,
		.seen_max	= VMEM_DUMP_SEEN_MAX,
	};
	struct vmem_guest *guest = dump->guest;
	struct vmem_object *object;
	unsigned long id;
	u32 *ids;
	int ret;

	ids = kvcalloc(VMEM_SPACES_MAX, sizeof(*ids), GFP_KERNEL_ACCOUNT);
	if (!ids)
		return -ENOMEM;
	ret = vmem_guest_look(guest);
	if (ret)
		goto out;
	xa_for_each(&guest->ids, id, object)
		if (object->ops == &vmem_space_ops &&
		    vmem_to_space(object)->ops == ops &&
		    (!dump->only || id == dump->only))
			ids[want.nr++] = id;
	up_read(&guest->lock);
	if (!want.nr)
		goto out;
	memset(&dump->walker, 0, sizeof(dump->walker));
	dump->walker.ids = ids;
	dump->walking = true;
	dump->next = 0;
	dump->headers = 0;
	return vmem_walker_init(&dump->walker, guest, &want);
out:
	kvfree(ids);
	return ret;
}

/* One that is given in parts is counted with its first byte. */
static u64 vmem_dump_leaves(const struct vmem_space_aware_mapping *rec)
{
	if (rec->flags & VMEM_FRAME_PART)
		return !(rec->gpa & (BIT_ULL(rec->detail) - 1));
	return rec->len >> rec->detail;
}

static void vmem_dump_count(struct vmem_dump_counts *counts,
			    const struct vmem_space_aware_mapping *rec)
{
	if (rec->type == VMEM_REC_MAPPING)
		counts->leaves[rec->level] += vmem_dump_leaves(rec);
	else if (rec->type == VMEM_REC_END)
		counts->cap |= rec->detail != VMEM_END_COMPLETE;
	counts->records[rec->type]++;
}

/* The tables of a walk that is over. At most twice VMEM_DUMP_SEEN_MAX slots. */
static void vmem_dump_count_tables(const struct vmem_dump *dump)
{
	const struct vmem_seen *seen = &dump->walker.seen;
	unsigned long i;
	u32 level;

	for (i = 0; dump->counts && i < BIT(seen->size_lg2); i++) {
		level = seen->slots[i].key & VMEM_SEEN_LEVEL;
		if (level)
			dump->counts->tables[level - 1]++;
		cond_resched();
	}
}

/* What the guest has. */
static int vmem_dump_count_objects(struct vmem_dump *dump)
{
	struct vmem_dump_counts *counts = dump->counts;
	struct vmem_guest *guest = dump->guest;
	int ret = vmem_guest_look(guest);
	const struct vmem_owned *owned;
	struct vmem_object *object;
	unsigned long id;

	if (ret)
		return ret;
	xa_for_each(&guest->ids, id, object) {
		counts->objects[object->ops->kind]++;
		if (object->ops != &vmem_region_ops)
			continue;
		owned = &vmem_to_region(object)->owned;
		counts->pages += atomic_long_read(&owned->nr_pages);
	}
	up_read(&guest->lock);
	return 0;
}

/* On to the next record. Return: as @more. */
static int vmem_dump_next(struct vmem_dump *dump)
{
	int ret = 0;

	while (!ret) {
		if (!dump->walking) {
			if (dump->format == VMEM_NR_FORMATS)
				return 0;
			ret = vmem_dump_walk(dump, &vmem_formats[dump->format++]);
		} else if (dump->next < dump->walker.nr_records) {
			dump->next++;
			ret = 1;
		} else if (!dump->walker.walk.finished) {
			dump->next = 0;
			ret = vmem_walker_step(&dump->walker);
		} else {
			vmem_dump_count_tables(dump);
			vmem_dump_stop(dump);
		}
	}
	return ret;
}

static void *vmem_dump_current(struct vmem_dump *dump)
{
	return dump->more > 0 ? dump : ERR_PTR(dump->more);
}

static void *vmem_dump_seq_start(struct seq_file *m, loff_t *pos)
{
	struct vmem_dump *dump = m->private;

	if (!*pos) {
		vmem_dump_stop(dump);
		dump->format = 0;
		dump->more = vmem_dump_next(dump);
	}
	return vmem_dump_current(dump);
}

static void *vmem_dump_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct vmem_dump *dump = m->private;

	++*pos;
	dump->headers = max(dump->headers, vmem_dump_spaces(dump));
	dump->more = vmem_dump_next(dump);
	return vmem_dump_current(dump);
}

static void vmem_dump_seq_stop(struct seq_file *m, void *v)
{
}

static void vmem_show_size(struct seq_file *m, u64 bytes)
{
	static const char units[] = "\0KMGTP";
	unsigned int i = 0;

	while (bytes && !(bytes & 1023) && i < sizeof(units) - 2) {
		bytes >>= 10;
		i++;
	}
	if (i)
		seq_printf(m, " %4llu%c", bytes, units[i]);
	else
		seq_printf(m, " %4llu ", bytes);
}

static void vmem_show_attrs(struct seq_file *m, const char *names, u32 attrs)
{
	for (; *names; names++, attrs >>= 1)
		seq_putc(m, attrs & 1 ? *names : '-');
}

static void vmem_show_words(struct seq_file *m,
			    const struct vmem_space_aware_mapping *rec)
{
	if (rec->flags & VMEM_FRAME_OUTSIDE)
		seq_puts(m, " outside");
	if (rec->flags & VMEM_FRAME_PART)
		seq_puts(m, " part");
	if (rec->effective & VMEM_SHADOW)
		seq_puts(m, " shadow");
	if (rec->leaf & VMEM_ENC)
		seq_puts(m, " enc");
}

static int vmem_show_header(struct seq_file *m, const struct vmem_dump *dump,
			    u32 id)
{
	struct vmem_guest *guest = dump->guest;
	int ret = vmem_guest_look(guest);
	struct vmem_space_object *space;
	const struct vmem_vcpu *vcpu;

	if (ret)
		return ret;
	space = vmem_space_find(guest, id);
	if (IS_ERR(space)) {
		ret = PTR_ERR(space);
		goto out;
	}
	vcpu = &space->space.facts.vcpu;
	seq_printf(m, "space %u root=0x%llx format=%s phys_bits=%u", id,
		   vmem_table_gpa(space->space.root), space->ops->fmt->name,
		   vcpu->phys_bits);
	if (vcpu->flags)
		seq_printf(m, " vcpu=0x%x", vcpu->flags);
	if (vcpu->enc_bit)
		seq_printf(m, " enc_bit=%u", vcpu->enc_bit);
	seq_putc(m, '\n');
out:
	up_read(&guest->lock);
	return ret;
}

static void vmem_show_record(struct seq_file *m, const struct vmem_dump *dump)
{
	static const char *const bad[] = {
		[VMEM_BAD_RESERVED]	= "reserved",
		[VMEM_BAD_OUTSIDE]	= "outside",
		[VMEM_BAD_LARGE]	= "large",
	};
	static const char *const end[] = {
		[VMEM_END_COMPLETE]	= "complete",
		[VMEM_END_BUDGET]	= "budget",
		[VMEM_END_CAP]		= "cap",
	};
	const struct vmem_space_aware_mapping *rec = vmem_dump_record(dump);

	if (rec->type == VMEM_REC_END) {
		seq_printf(m, "end %s leaves=%llu refs=%llu bad=%llu%s\n",
			   end[rec->detail], rec->gpa, rec->len, rec->entry,
			   rec->flags & VMEM_IOC_REC_CHANGED ? " changed" : "");
		return;
	}
	seq_printf(m, "0x%016llx-0x%016llx", rec->va,
		   rec->va + ((rec->type == VMEM_REC_REFERENCE ?
			       rec->ref.span : rec->len) - 1));
	switch (rec->type) {
	case VMEM_REC_MAPPING:
		seq_printf(m, " 0x%013llx", rec->gpa);
		vmem_show_size(m, rec->len);
		vmem_show_size(m, BIT_ULL(rec->detail));
		seq_putc(m, ' ');
		vmem_show_attrs(m, "rwxu", rec->effective);
		seq_printf(m, " %-5s leaf=",
			   rec->leaf & VMEM_COW ? "cow" : "basic");
		vmem_show_attrs(m, "rwxugadctpC", rec->leaf);
		seq_printf(m, "%u", (rec->leaf & VMEM_IOC_ATTR_KEY_MASK) >>
				    VMEM_IOC_ATTR_KEY_SHIFT);
		break;
	case VMEM_REC_REFERENCE:
		seq_printf(m, " -> space %u va=0x%llx depth=%u",
			   dump->walker.ids[rec->ref.owner],
			   rec->ref.their_va, rec->detail);
		break;
	case VMEM_REC_BAD:
		seq_printf(m, " bad %s level=%u table=0x%llx",
			   bad[rec->detail], rec->level, rec->gpa);
		break;
	case VMEM_REC_ABSENT:
		seq_printf(m, " absent level=%u table=0x%llx", rec->level,
			   rec->gpa);
		break;
	}
	seq_printf(m, " path=0x%x entry=0x%llx", rec->path,
		   rec->type == VMEM_REC_REFERENCE ? rec->ref.entry :
						     rec->entry);
	if (rec->type == VMEM_REC_MAPPING)
		vmem_show_words(m, rec);
	seq_putc(m, '\n');
}

static void vmem_show_summary(struct seq_file *m,
			      const struct vmem_dump_counts *counts)
{
	const struct vmem_format_ops *ops = vmem_formats;
	unsigned int i;

	seq_printf(m, "regions: %u\npools: %u\nspaces: %u\n",
		   counts->objects[VMEM_IOC_LIST_REGIONS],
		   counts->objects[VMEM_IOC_LIST_POOLS],
		   counts->objects[VMEM_IOC_LIST_SPACES]);
	for (i = 0; i < VMEM_LEVELS_MAX; i++)
		seq_printf(m, "tables_level_%u: %llu\n", i, counts->tables[i]);
	/* the pages of all formats are those of any */
	for (i = 0; ops->fmt->leaf_levels >> i; i++)
		seq_printf(m, "leaves_%lu: %llu\n",
			   BIT(ops->engine->entry_lg2(ops->fmt, i)),
			   counts->leaves[i]);
	seq_printf(m, "references: %llu\nabsent: %llu\nmalformed: %llu\n",
		   counts->records[VMEM_REC_REFERENCE],
		   counts->records[VMEM_REC_ABSENT],
		   counts->records[VMEM_REC_BAD]);
	seq_printf(m, "pages_held: %llu\nend: %s\n", counts->pages,
		   counts->cap ? "cap" : "complete");
}

static int vmem_dump_seq_show(struct seq_file *m, void *v)
{
	const struct vmem_dump *dump = v;
	u32 i;
	int ret;

	for (i = dump->headers; i < vmem_dump_spaces(dump); i++) {
		ret = vmem_show_header(m, dump, dump->walker.ids[i]);
		if (ret)
			return ret;
	}
	vmem_show_record(m, dump);
	return 0;
}

static const struct seq_operations vmem_dump_seq_ops = {
	.start	= vmem_dump_seq_start,
	.next	= vmem_dump_seq_next,
	.stop	= vmem_dump_seq_stop,
	.show	= vmem_dump_seq_show,
};

static int vmem_summary_show(struct seq_file *m, void *v)
{
	struct vmem_dump_counts counts = {};
	struct vmem_dump *dump;
	int ret;

	dump = kzalloc(sizeof(*dump), GFP_KERNEL_ACCOUNT);
	if (!dump)
		return -ENOMEM;
	dump->guest = m->private;
	dump->counts = &counts;
	while ((ret = vmem_dump_next(dump)) > 0)
		vmem_dump_count(&counts, vmem_dump_record(dump));
	vmem_dump_stop(dump);
	if (!ret)
		ret = vmem_dump_count_objects(dump);
	if (!ret)
		vmem_show_summary(m, &counts);
	kfree(dump);
	return ret;
}

/* Until an open() is over, the file and what it shows are there. */
static int vmem_summary_open(struct inode *inode, struct file *file)
{
	struct vmem_guest *guest = inode->i_private;
	int ret = single_open(file, vmem_summary_show, guest);

	if (!ret)
		vmem_guest_hold(guest);
	return ret;
}

static int vmem_summary_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	vmem_guest_drop(m->private);
	return single_release(inode, file);
}

static int vmem_dump_open(struct file *file, struct vmem_guest *guest, u32 only)
{
	struct vmem_dump *dump;

	dump = __seq_open_private(file, &vmem_dump_seq_ops, sizeof(*dump));
	if (!dump)
		return -ENOMEM;
	vmem_guest_hold(guest);
	dump->guest = guest;
	dump->only = only;
	return 0;
}

static int vmem_dump_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct vmem_dump *dump = m->private;

	vmem_dump_stop(dump);
	vmem_guest_drop(dump->guest);
	return seq_release_private(inode, file);
}

static int vmem_spaces_open(struct inode *inode, struct file *file)
{
	return vmem_dump_open(file, inode->i_private, 0);
}

static int vmem_space_open(struct inode *inode, struct file *file)
{
	const struct vmem_space_object *space = inode->i_private;

	return vmem_dump_open(file, space->object.guest, space->object.id);
}

#define VMEM_DUMP_FOPS(name, end)					\
	static const struct file_operations vmem_##name##_fops = {	\
		.owner		= THIS_MODULE,				\
		.open		= vmem_##name##_open,			\
		.read		= seq_read,				\
		.llseek		= seq_lseek,				\
		.release	= end,					\
	}
VMEM_DUMP_FOPS(summary, vmem_summary_release);
VMEM_DUMP_FOPS(spaces, vmem_dump_release);
VMEM_DUMP_FOPS(space, vmem_dump_release);

/**
 * vmem_debugfs_add_guest() - show a new guest
 * @guest:	the guest; its dir is set
 *
 * Context: sleeps; no lock is held.
 */
void vmem_debugfs_add_guest(struct vmem_guest *guest)
{
	char name[48];

	snprintf(name, sizeof(name), "%d-%llu", task_tgid_nr(current),
		 guest->number);
	guest->dir = debugfs_create_dir(name, vmem_debugfs_root);
	debugfs_create_file_unsafe("summary", 0400, guest->dir, guest,
				   &vmem_summary_fops);
	debugfs_create_file_unsafe("spaces", 0400, guest->dir, guest,
				   &vmem_spaces_fops);
}

/**
 * vmem_debugfs_add_space() - show a space
 * @space:	not published yet; its file is set
 *
 * Context: sleeps; no lock is held.
 */
void vmem_debugfs_add_space(struct vmem_space_object *space)
{
	char name[24];

	snprintf(name, sizeof(name), "space-%u", space->object.id);
	space->file = debugfs_create_file_unsafe(name, 0400,
						 space->object.guest->dir,
						 space, &vmem_space_fops);
}

/**
 * vmem_debugfs_init() - make the directory of all guests
 */
void vmem_debugfs_init(void)
{
	vmem_debugfs_root = debugfs_create_dir("vmem", NULL);
}

/**
 * vmem_debugfs_exit() - remove it
 */
void vmem_debugfs_exit(void)
{
	debugfs_remove(vmem_debugfs_root);
}
