// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps in /sys/kernel/debug/vmem/<pid>-<guest number>/, for people; not a
 * contract. A dump is a walk that makes nothing resident: a table that nothing
 * has looked at lately is absent. seq_file asks for one line after the other,
 * and each takes at most one step of the walk.
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

#include "debugfs.h"
#include "space.h"
#include "walk.h"

#define VMEM_DUMP_SEEN_MAX	BIT_ULL(18)	/* tables remembered a dump */
#define VMEM_DUMP_RECORDS	(PAGE_SIZE / sizeof(struct vmem_space_aware_mapping))

static struct dentry *vmem_debugfs_root;

enum vmem_dump_item {
	VMEM_DUMP_NOTHING,	/* a step without a line */
	VMEM_DUMP_HEADER,
	VMEM_DUMP_RECORD,
	VMEM_DUMP_SUMMARY,
	VMEM_DUMP_END,
};

/* What the summary counts. */
struct vmem_dump_counts {
	u64 tables[VMEM_LEVELS_MAX];
	u64 leaves[VMEM_LEVELS_MAX];	/* by level */
	u64 references;
	u64 absent;
	u64 malformed;
	u64 pages;
	u32 regions;
	u32 pools;
	u32 spaces;
	bool cap;
};

/**
 * struct vmem_dump - an open dump
 * @guest:	held
 * @only:	id of the one space, 0: all
 * @summary:	counts only
 * @format:	the next format to be walked
 * @walker:	the walk; there is one if @walking
 * @walking:	there is one
 * @records:	a page of them
 * @nr:		how many there are
 * @next:	the next one to be shown
 * @headers:	spaces of the walk whose header was shown
 * @item:	what the current line is
 * @rec:	of a record's line
 * @root:	of a header's line
 * @vcpu:	likewise
 * @error:	that ended the dump
 * @counts:	for the summary
 *
 * Guarded by the seq_file's mutex.
 */
struct vmem_dump {
	struct vmem_guest *guest;
	u32 only;
	bool summary;
	u32 format;
	struct vmem_walker walker;
	bool walking;
	struct vmem_space_aware_mapping *records;
	u32 nr;
	u32 next;
	u32 headers;
	enum vmem_dump_item item;
	struct vmem_space_aware_mapping rec;
	vmem_phys_t root;
	struct vmem_vcpu vcpu;
	int error;
	struct vmem_dump_counts counts;
};

static void vmem_dump_stop(struct vmem_dump *dump)
{
	if (dump->walking)
		vmem_walker_exit(&dump->walker);
	dump->walking = false;
}

/* The ids of the spaces of a format that are to be dumped. */
static int vmem_dump_ids(struct vmem_dump *dump,
			 const struct vmem_format_ops *ops, u32 *ids, u32 *nr)
{
	struct vmem_guest *guest = dump->guest;
	struct vmem_object *object;
	unsigned long id;

	if (down_read_killable(&guest->lock))
		return -EINTR;
	if (guest->dead) {
		up_read(&guest->lock);
		return -ENODEV;
	}
	xa_for_each(&guest->ids, id, object)
		if (object->kind == VMEM_OBJECT_SPACE &&
		    vmem_to_space(object)->ops == ops &&
		    (!dump->only || id == dump->only))
			ids[(*nr)++] = id;
	up_read(&guest->lock);
	return 0;
}

/* Begin the walk of a format. Return: 0, also if it has no space; -errno. */
static int vmem_dump_walk(struct vmem_dump *dump,
			  const struct vmem_format_ops *ops)
{
	const struct vmem_walk_want want = {
		.last		= U64_MAX,
		.flags		= VMEM_WALK_RESIDENT_ONLY,
		.budget		= U64_MAX,
		.seen_max	= VMEM_DUMP_SEEN_MAX,
	};
	u32 *ids, nr = 0;
	int ret;

	ids = kvcalloc(VMEM_SPACES_MAX, sizeof(*ids), GFP_KERNEL_ACCOUNT);
	if (!ids)
		return -ENOMEM;
	ret = vmem_dump_ids(dump, ops, ids, &nr);
	if (ret || !nr) {
		kvfree(ids);
		return ret;
	}
	memset(&dump->walker, 0, sizeof(dump->walker));
	dump->walking = true;
	dump->nr = 0;
	dump->next = 0;
	dump->headers = 0;
	return vmem_walker_init(&dump->walker, dump->guest, ids, nr, &want);
}

static int vmem_dump_header(struct vmem_dump *dump)
{
	struct vmem_guest *guest = dump->guest;
	struct vmem_space_object *space;
	int ret = 0;

	if (down_read_killable(&guest->lock))
		return -EINTR;
	space = guest->dead ? ERR_PTR(-ENODEV) :
		vmem_space_find(guest, dump->walker.ids[dump->headers]);
	if (IS_ERR(space)) {
		ret = PTR_ERR(space);
	} else {
		dump->root = vmem_table_gpa(space->space.root);
		dump->vcpu = space->space.facts.vcpu;
		dump->headers++;
		dump->item = VMEM_DUMP_HEADER;
	}
	up_read(&guest->lock);
	return ret;
}

/* One that is given in parts is counted with its first byte. */
static u64 vmem_dump_leaves(const struct vmem_space_aware_mapping *rec)
{
	if (rec->flags & VMEM_FRAME_PART)
		return !(rec->gpa & (BIT_ULL(rec->detail) - 1));
	return rec->len >> rec->detail;
}

static void vmem_dump_count(struct vmem_dump *dump)
{
	const struct vmem_space_aware_mapping *rec = &dump->rec;
	struct vmem_dump_counts *counts = &dump->counts;

	switch (rec->type) {
	case VMEM_REC_MAPPING:
		counts->leaves[rec->level] += vmem_dump_leaves(rec);
		break;
	case VMEM_REC_REFERENCE:
		counts->references++;
		break;
	case VMEM_REC_ABSENT:
		counts->absent++;
		break;
	case VMEM_REC_BAD:
		counts->malformed++;
		break;
	case VMEM_REC_END:
		counts->cap |= rec->detail != VMEM_END_COMPLETE;
		break;
	}
}

/* The tables of a walk that is over. At most twice VMEM_DUMP_SEEN_MAX slots. */
static void vmem_dump_count_tables(struct vmem_dump *dump)
{
	const struct vmem_seen *seen = &dump->walker.seen;
	u64 low = BIT_ULL(dump->walker.ops->fmt->page_lg2) - 1;
	unsigned long i;

	for (i = 0; i < BIT(seen->size_lg2); i++) {
		if (seen->slots[i].key)
			dump->counts.tables[(seen->slots[i].key & low) - 1]++;
		if (i % 4096 == 4095)
			cond_resched();
	}
}

/* What the guest has, for the summary's last line. */
static int vmem_dump_finish(struct vmem_dump *dump)
{
	struct vmem_dump_counts *counts = &dump->counts;
	struct vmem_guest *guest = dump->guest;
	struct vmem_object *object;
	unsigned long id;

	dump->item = dump->summary ? VMEM_DUMP_SUMMARY : VMEM_DUMP_END;
	if (!dump->summary)
		return 0;
	if (down_read_killable(&guest->lock))
		return -EINTR;
	/* its end takes the objects, whoever is looking */
	if (guest->dead) {
		up_read(&guest->lock);
		return -ENODEV;
	}
	xa_for_each(&guest->ids, id, object) {
		switch (object->kind) {
		case VMEM_OBJECT_REGION:
			counts->regions++;
			counts->pages += atomic_long_read(&container_of(object,
					struct vmem_region, object)->nr_pages);
			break;
		case VMEM_OBJECT_POOL:
			counts->pools++;
			break;
		case VMEM_OBJECT_SPACE:
			counts->spaces++;
			break;
		case VMEM_OBJECT_KINDS:
			break;
		}
	}
	up_read(&guest->lock);
	return 0;
}

/* One step on, to the next line or to none. */
static int vmem_dump_step(struct vmem_dump *dump)
{
	u32 space;

	if (dump->item == VMEM_DUMP_SUMMARY) {
		dump->item = VMEM_DUMP_END;
		return 0;
	}
	dump->item = VMEM_DUMP_NOTHING;
	if (!dump->walking) {
		if (dump->format == VMEM_NR_FORMATS)
			return vmem_dump_finish(dump);
		return vmem_dump_walk(dump, &vmem_formats[dump->format++]);
	}
	if (dump->next == dump->nr) {
		if (dump->walker.walk.finished) {
			vmem_dump_count_tables(dump);
			vmem_dump_stop(dump);
			return 0;
		}
		dump->next = 0;
		dump->nr = 0;
		return vmem_walker_step(&dump->walker, dump->records,
					VMEM_DUMP_RECORDS, &dump->nr);
	}
	space = min(dump->records[dump->next].space, dump->walker.nr - 1);
	if (!dump->summary && dump->headers <= space)
		return vmem_dump_header(dump);
	dump->rec = dump->records[dump->next++];
	if (dump->summary)
		vmem_dump_count(dump);
	else
		dump->item = VMEM_DUMP_RECORD;
	return 0;
}

static void *vmem_dump_current(struct vmem_dump *dump)
{
	if (dump->error)
		return ERR_PTR(dump->error);
	return dump->item == VMEM_DUMP_END ? NULL : dump;
}

static void *vmem_dump_seq_start(struct seq_file *m, loff_t *pos)
{
	struct vmem_dump *dump = m->private;

	if (!*pos) {
		vmem_dump_stop(dump);
		memset(&dump->counts, 0, sizeof(dump->counts));
		dump->format = 0;
		dump->item = VMEM_DUMP_NOTHING;
		dump->error = 0;
	}
	return vmem_dump_current(dump);
}

static void *vmem_dump_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct vmem_dump *dump = m->private;

	++*pos;
	dump->error = vmem_dump_step(dump);
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

static void vmem_show_path(struct seq_file *m,
			   const struct vmem_space_aware_mapping *rec)
{
	seq_printf(m, " path=0x%x entry=0x%llx", rec->path,
		   rec->type == VMEM_REC_REFERENCE ? rec->ref.entry :
						     rec->entry);
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
	const struct vmem_space_aware_mapping *rec = &dump->rec;

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
		vmem_show_path(m, rec);
		if (rec->flags & VMEM_FRAME_OUTSIDE)
			seq_puts(m, " outside");
		if (rec->flags & VMEM_FRAME_PART)
			seq_puts(m, " part");
		if (rec->effective & VMEM_SHADOW)
			seq_puts(m, " shadow");
		if (rec->leaf & VMEM_ENC)
			seq_puts(m, " enc");
		break;
	case VMEM_REC_REFERENCE:
		seq_printf(m, " -> space %u va=0x%llx depth=%u",
			   dump->walker.ids[rec->ref.owner],
			   rec->ref.their_va, rec->detail);
		vmem_show_path(m, rec);
		break;
	case VMEM_REC_BAD:
		seq_printf(m, " bad %s level=%u table=0x%llx",
			   bad[rec->detail], rec->level, rec->gpa);
		vmem_show_path(m, rec);
		break;
	case VMEM_REC_ABSENT:
		seq_printf(m, " absent level=%u table=0x%llx", rec->level,
			   rec->gpa);
		vmem_show_path(m, rec);
		break;
	}
	seq_putc(m, '\n');
}

static void vmem_show_summary(struct seq_file *m,
			      const struct vmem_dump_counts *counts)
{
	unsigned int i;

	seq_printf(m, "regions: %u\n", counts->regions);
	seq_printf(m, "pools: %u\n", counts->pools);
	seq_printf(m, "spaces: %u\n", counts->spaces);
	for (i = 0; i < VMEM_LEVELS_MAX; i++)
		seq_printf(m, "tables_level_%u: %llu\n", i, counts->tables[i]);
	for (i = 0; i < 3; i++)
		seq_printf(m, "leaves_%lu: %llu\n", BIT(12 + 9 * i),
			   counts->leaves[i]);
	seq_printf(m, "references: %llu\n", counts->references);
	seq_printf(m, "absent: %llu\n", counts->absent);
	seq_printf(m, "malformed: %llu\n", counts->malformed);
	seq_printf(m, "pages_held: %llu\n", counts->pages);
	seq_printf(m, "end: %s\n", counts->cap ? "cap" : "complete");
}

static int vmem_dump_seq_show(struct seq_file *m, void *v)
{
	const struct vmem_dump *dump = v;

	switch (dump->item) {
	case VMEM_DUMP_HEADER:
		seq_printf(m, "space %u root=0x%llx format=%s phys_bits=%u",
			   dump->walker.ids[dump->headers - 1], dump->root,
			   dump->walker.ops->fmt->name, dump->vcpu.phys_bits);
		if (dump->vcpu.flags)
			seq_printf(m, " vcpu=0x%x", dump->vcpu.flags);
		if (dump->vcpu.enc_bit)
			seq_printf(m, " enc_bit=%u", dump->vcpu.enc_bit);
		seq_putc(m, '\n');
		break;
	case VMEM_DUMP_RECORD:
		vmem_show_record(m, dump);
		break;
	case VMEM_DUMP_SUMMARY:
		vmem_show_summary(m, &dump->counts);
		break;
	case VMEM_DUMP_NOTHING:
	case VMEM_DUMP_END:
		break;
	}
	return 0;
}

static const struct seq_operations vmem_dump_seq_ops = {
	.start	= vmem_dump_seq_start,
	.next	= vmem_dump_seq_next,
	.stop	= vmem_dump_seq_stop,
	.show	= vmem_dump_seq_show,
};

static int vmem_dump_open(struct file *file, struct vmem_guest *guest,
			  u32 only, bool summary)
{
	struct vmem_space_aware_mapping *records;
	struct vmem_dump *dump;

	records = vmem_scratch_alloc(PAGE_SIZE);
	if (!records)
		return -ENOMEM;
	dump = __seq_open_private(file, &vmem_dump_seq_ops, sizeof(*dump));
	if (!dump) {
		vmem_scratch_free(records, PAGE_SIZE);
		return -ENOMEM;
	}
	/* Until this open() is over, the file and what it shows are there. */
	vmem_guest_hold(guest);
	dump->guest = guest;
	dump->only = only;
	dump->summary = summary;
	dump->records = records;
	return 0;
}

static int vmem_dump_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct vmem_dump *dump = m->private;

	vmem_dump_stop(dump);
	vmem_scratch_free(dump->records, PAGE_SIZE);
	vmem_guest_drop(dump->guest);
	return seq_release_private(inode, file);
}

static int vmem_summary_open(struct inode *inode, struct file *file)
{
	return vmem_dump_open(file, inode->i_private, 0, true);
}

static int vmem_spaces_open(struct inode *inode, struct file *file)
{
	return vmem_dump_open(file, inode->i_private, 0, false);
}

static int vmem_space_open(struct inode *inode, struct file *file)
{
	const struct vmem_space_object *space = inode->i_private;

	return vmem_dump_open(file, space->guest, space->object.id, false);
}

#define VMEM_DUMP_FOPS(name)						\
	static const struct file_operations vmem_##name##_fops = {	\
		.owner		= THIS_MODULE,				\
		.open		= vmem_##name##_open,			\
		.read		= seq_read,				\
		.llseek		= seq_lseek,				\
		.release	= vmem_dump_release,			\
	}
VMEM_DUMP_FOPS(summary);
VMEM_DUMP_FOPS(spaces);
VMEM_DUMP_FOPS(space);

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
	space->file = debugfs_create_file_unsafe(name, 0400, space->guest->dir,
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
