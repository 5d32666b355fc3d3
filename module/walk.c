// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks, and the descriptors that give their records.
 *
 * read() -> a page of records -> steps of the walker -> pieces of the core.
 *
 * A walk keeps no lock between two steps, and nothing that a table's page
 * could hold up; it looks its spaces up by id in each step.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "space.h"
#include "trace.h"
#include "walk.h"

#define VMEM_SEEN_LG2		10	/* slots to begin with */

#define VMEM_RECORDS		(PAGE_SIZE / sizeof(struct vmem_ioc_record))

/* Records are given to userspace as the core made them. */
#define VMEM_SAME(theirs, ours)						\
	static_assert(offsetof(struct vmem_ioc_record, theirs) ==	\
		      offsetof(struct vmem_space_aware_mapping, ours))
VMEM_SAME(type, type);
VMEM_SAME(level, level);
VMEM_SAME(detail, detail);
VMEM_SAME(flags, flags);
VMEM_SAME(space, space);
VMEM_SAME(va, va);
VMEM_SAME(gpa, gpa);
VMEM_SAME(their_va, ref.their_va);
VMEM_SAME(leaves, gpa);
VMEM_SAME(len, len);
VMEM_SAME(len, ref.span);
VMEM_SAME(refs, len);
VMEM_SAME(entry, entry);
VMEM_SAME(entry, ref.entry);
VMEM_SAME(bad, entry);
VMEM_SAME(leaf, leaf);
VMEM_SAME(effective, effective);
VMEM_SAME(owner, ref.owner);
VMEM_SAME(path, path);
static_assert(sizeof(struct vmem_ioc_record) ==
	      sizeof(struct vmem_space_aware_mapping));
static_assert(VMEM_IOC_REC_MAPPING == (int)VMEM_REC_MAPPING);
static_assert(VMEM_IOC_REC_REFERENCE == (int)VMEM_REC_REFERENCE);
static_assert(VMEM_IOC_REC_HOLE == (int)VMEM_REC_HOLE);
static_assert(VMEM_IOC_REC_BAD == (int)VMEM_REC_BAD);
static_assert(VMEM_IOC_REC_ABSENT == (int)VMEM_REC_ABSENT);
static_assert(VMEM_IOC_REC_END == (int)VMEM_REC_END);
static_assert(VMEM_IOC_REC_OUTSIDE == VMEM_FRAME_OUTSIDE);
static_assert(VMEM_IOC_BAD_RESERVED == (int)VMEM_BAD_RESERVED);
static_assert(VMEM_IOC_BAD_OUTSIDE == (int)VMEM_BAD_OUTSIDE);
static_assert(VMEM_IOC_BAD_LARGE == (int)VMEM_BAD_LARGE);
static_assert(VMEM_IOC_END_COMPLETE == (int)VMEM_END_COMPLETE);
static_assert(VMEM_IOC_END_BUDGET == (int)VMEM_END_BUDGET);
static_assert(VMEM_IOC_END_CAP == (int)VMEM_END_CAP);
static_assert(VMEM_IOC_WALK_FOLLOW == VMEM_WALK_FOLLOW);
static_assert(VMEM_IOC_WALK_LEAVES == VMEM_WALK_LEAVES);
static_assert(VMEM_IOC_WALK_HOLES == VMEM_WALK_HOLES);
static_assert(VMEM_IOC_WALK_IGNORE_AD == VMEM_WALK_IGNORE_AD);
static_assert(VMEM_IOC_WALK_RESIDENT_ONLY == VMEM_WALK_RESIDENT_ONLY);
static_assert(VMEM_IOC_WALK_NONPRESENT == VMEM_WALK_NONPRESENT);
static_assert(VMEM_IOC_REC_NONPRESENT == (int)VMEM_REC_NONPRESENT);
static_assert(VMEM_IOC_REC_PART == VMEM_FRAME_PART);
static_assert(VMEM_WALK_SPACES_MAX <= BIT(VMEM_SEEN_SPACES_LG2));
static_assert(VMEM_SPACES_MAX <= BIT(VMEM_SEEN_SPACES_LG2));

/* Room for twice the tables. Return: 0; -ENOBUFS: it is at its cap; -ENOMEM. */
static int vmem_walker_grow(struct vmem_walker *walker)
{
	struct vmem_seen *seen = &walker->seen, larger;
	struct vmem_seen_slot *slots;
	u32 lg2, at = 0;

	if (seen->slots && seen->nr >= walker->seen_max)
		return -ENOBUFS;
	lg2 = seen->slots ? seen->size_lg2 + 1 : VMEM_SEEN_LG2;
	slots = kvcalloc(BIT(lg2), sizeof(*slots), GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;
	vmem_seen_init(&larger, slots, lg2);
	larger.seed = seen->slots ? seen->seed : get_random_u64();
	larger.max = min_t(u64, larger.max, walker->seen_max);
	while (seen->slots && vmem_seen_rehash(&larger, seen, &at))
		cond_resched();
	kvfree(seen->slots);
	*seen = larger;
	return 0;
}

/* All of the spaces are there, and of one format. */
static int vmem_walker_look(struct vmem_walker *walker)
{
	struct vmem_guest *guest = walker->guest;
	struct vmem_space_object *space;
	int ret = 0;
	u32 i;

	if (down_read_killable(&guest->lock))
		return -EINTR;
	/* a reader of debugfs holds the struct only */
	if (guest->dead)
		ret = -ENODEV;
	for (i = 0; !ret && i < walker->nr; i++) {
		space = vmem_space_find(guest, walker->ids[i]);
		if (IS_ERR(space)) {
			ret = PTR_ERR(space);
			break;
		}
		if (walker->ops && walker->ops != space->ops) {
			ret = -EINVAL;
			break;
		}
		walker->ops = space->ops;
	}
	walker->generation = guest->generation;
	up_read(&guest->lock);
	return ret;
}

/**
 * vmem_walker_init() - begin a walk
 * @walker:	zeroed
 * @guest:	the guest
 * @ids:	of the spaces; kvfree() is done by vmem_walker_exit()
 * @nr:		how many, at least 1
 * @want:	what it is to do
 *
 * Context: sleeps; takes the guest's lock.
 * Return: 0; -ENOENT; -EINVAL: an id is no space's, or the formats differ;
 * -ENOMEM; -EINTR. vmem_walker_exit() is to follow in any case.
 */
int vmem_walker_init(struct vmem_walker *walker, struct vmem_guest *guest,
		     u32 *ids, u32 nr, const struct vmem_walk_want *want)
{
	int ret;

	walker->guest = guest;
	walker->ids = ids;
	walker->nr = nr;
	walker->seen_max = want->seen_max;
	vmem_piece_init(&walker->piece, guest);
	ret = vmem_walker_look(walker);
	if (ret)
		return ret;
	if (!(want->flags & VMEM_WALK_FOLLOW)) {
		ret = vmem_walker_grow(walker);
		if (ret)
			return ret;
	}
	walker->ops->engine->walk_init(walker->ops->fmt, &walker->walk,
				       want->start, want->last, want->flags,
				       want->budget, &walker->seen);
	return 0;
}

/**
 * vmem_walker_exit() - the end of a walk
 * @walker:	from vmem_walker_init(), whatever it returned
 */
void vmem_walker_exit(struct vmem_walker *walker)
{
	kvfree(walker->seen.slots);
	kvfree(walker->ids);
}

/* A piece. Return: 0, what the core returns, and -ENOENT. */
static int vmem_walker_piece(struct vmem_walker *walker,
			     struct vmem_space_aware_mapping *out, u32 max,
			     u32 *nr)
{
	struct vmem_walk *walk = &walker->walk;
	struct vmem_piece *piece = &walker->piece;
	struct vmem_space_object *space = NULL;
	int ret = 0;

	if (!walk->ending && walk->space < walker->nr) {
		space = vmem_space_find(walker->guest,
					walker->ids[walk->space]);
		if (IS_ERR(space))
			return PTR_ERR(space);
	}
	vmem_piece_begin(piece);
	if (space) {
		ret = walker->ops->engine->walk_space(walker->ops->fmt, piece,
						      &space->space, walk, out,
						      max, nr);
		if (ret == VMEM_ABSENT)
			vmem_space_absent(space, piece);
	} else {
		walker->ops->engine->walk_end(walker->ops->fmt, piece, walk, out,
					      max, nr);
	}
	vmem_piece_end(piece);
	return ret;
}

/**
 * vmem_walker_step() - go on with a walk, for one piece at most
 * @walker:	the walk, not finished
 * @out:	room for records
 * @max:	how many, at least 1
 * @nr:		in and out: how many there are
 *
 * A step may well end without a record.
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: 0; -ENOENT: a space was destroyed; -ENODEV: the guest has ended;
 * -ENOMEM; -EINTR. After an errno the walk can be gone on with.
 */
int vmem_walker_step(struct vmem_walker *walker,
		     struct vmem_space_aware_mapping *out, u32 max, u32 *nr)
{
	struct vmem_guest *guest = walker->guest;
	struct vmem_space_aware_mapping *end;
	int ret;

	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	if (down_read_killable(&guest->lock))
		return -EINTR;
	ret = guest->dead ? -ENODEV : vmem_walker_piece(walker, out, max, nr);
	if (walker->walk.finished && *nr) {
		end = &out[*nr - 1];
		if (guest->generation != walker->generation)
			end->flags |= VMEM_IOC_REC_CHANGED;
	}
	up_read(&guest->lock);

	switch (ret) {
	case VMEM_ABSENT:
		return vmem_piece_resident(&walker->piece);
	case -ENOBUFS:
		ret = vmem_walker_grow(walker);
		if (ret == -ENOBUFS) {
			vmem_walk_stop(&walker->walk, VMEM_END_CAP);
			ret = 0;
		}
		return ret;
	default:
		return min(ret, 0);
	}
}

/**
 * struct vmem_walk_file - a walk's descriptor
 * @lock:	the walk's mutex: readers take turns. Outermost, see struct
 *		vmem_guest. A reader may wait under it in its own page fault.
 * @walker:	the walk; it keeps the guest alive
 * @records:	a page of records that are to be given
 * @nr:		how many there are
 * @next:	the next one to be given
 *
 * All is guarded by @lock.
 */
struct vmem_walk_file {
	struct mutex lock;	/* readers take turns */
	struct vmem_walker walker;
	struct vmem_space_aware_mapping *records;
	u32 nr;
	u32 next;
};

static void vmem_walk_trace(const struct vmem_walk_file *file)
{
	const struct vmem_walker *walker = &file->walker;
	u32 i;

	trace_vmem_walk(walker->guest->number, walker->walk.space,
			walker->walk.va, file->nr);
	if (!trace_vmem_malformed_enabled())
		return;
	for (i = 0; i < file->nr; i++) {
		const struct vmem_space_aware_mapping *rec = &file->records[i];

		if (rec->type == VMEM_REC_BAD)
			trace_vmem_malformed(walker->guest->number,
					     walker->ids[rec->space], rec->va,
					     rec->level, rec->detail,
					     rec->entry);
	}
}

/* Fill the page again. Return: 0, also when there is nothing more; -errno. */
static int vmem_walk_fill(struct vmem_walk_file *file)
{
	int ret = 0;

	lockdep_assert_held(&file->lock);
	file->nr = 0;
	file->next = 0;
	while (!file->nr && !file->walker.walk.finished && !ret)
		ret = vmem_walker_step(&file->walker, file->records,
				       VMEM_RECORDS, &file->nr);
	if (file->nr) {
		vmem_walk_trace(file);
		ret = 0;
	}
	return ret;
}

static ssize_t vmem_walk_read(struct file *filp, char __user *buf, size_t count,
			      loff_t *pos)
{
	const size_t size = sizeof(struct vmem_ioc_record);
	struct vmem_walk_file *file = filp->private_data;
	size_t max = min_t(size_t, count / size, VMEM_READ_MAX), done = 0;
	unsigned long left;
	int ret = 0;
	u32 nr;

	if (!max)
		return -EINVAL;
	if (mutex_lock_killable(&file->lock))
		return -EINTR;
	/* What the host refused may be there now. */
	file->walker.piece.nr_refused = 0;
	while (done < max) {
		if (file->next == file->nr) {
			ret = vmem_walk_fill(file);
			if (ret || !file->nr)
				break;
		}
		nr = min_t(size_t, file->nr - file->next, max - done);
		left = copy_to_user(buf + done * size,
				    &file->records[file->next], nr * size);
		/* Records of which a part is missing stay. */
		nr -= DIV_ROUND_UP(left, size);
		file->next += nr;
		done += nr;
		if (left) {
			ret = -EFAULT;
			break;
		}
	}
	mutex_unlock(&file->lock);
	return done ? done * size : ret;
}

static void vmem_walk_free(struct vmem_walk_file *file)
{
	vmem_walker_exit(&file->walker);
	vmem_scratch_free(file->records, PAGE_SIZE);
	vmem_scratch_free(file, sizeof(*file));
}

static int vmem_walk_release(struct inode *inode, struct file *filp)
{
	struct vmem_walk_file *file = filp->private_data;
	struct vmem_guest *guest = file->walker.guest;

	vmem_walk_free(file);
	vmem_guest_put(guest);
	return 0;
}

static const struct file_operations vmem_walk_fops = {
	.owner		= THIS_MODULE,
	.read		= vmem_walk_read,
	.release	= vmem_walk_release,
};

/* The caller's ids, to be freed by kvfree(). */
static u32 *vmem_walk_copy_ids(const struct vmem_ioc_walk_create *create)
{
	size_t size = create->nr * sizeof(u32);
	u32 *ids = kvmalloc(size, GFP_KERNEL_ACCOUNT);

	if (!ids)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(ids, u64_to_user_ptr(create->spaces), size)) {
		kvfree(ids);
		return ERR_PTR(-EFAULT);
	}
	return ids;
}

static int vmem_walk_check(const struct vmem_ioc_walk_create *create)
{
	const u32 flags = VMEM_IOC_WALK_FOLLOW | VMEM_IOC_WALK_LEAVES |
			  VMEM_IOC_WALK_HOLES | VMEM_IOC_WALK_IGNORE_AD |
			  VMEM_IOC_WALK_RESIDENT_ONLY |
			  VMEM_IOC_WALK_NONPRESENT;

	if (create->flags & ~flags)
		return -EOPNOTSUPP;
	if (!create->nr || create->start > create->last)
		return -EINVAL;
	if (create->nr > VMEM_WALK_SPACES_MAX ||
	    create->seen_max > VMEM_SEEN_MAX)
		return -E2BIG;
	return 0;
}

/**
 * vmem_ioctl_walk_create() - WALK_CREATE
 * @call:	the call
 * @arg:	struct vmem_ioc_walk_create
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -E2BIG, -EFAULT, -ENOENT, -ENOMEM, -EMFILE,
 * -ENFILE, -EINTR.
 */
int vmem_ioctl_walk_create(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_walk_create *create = arg;
	struct vmem_walk_want want = {
		.start		= create->start,
		.last		= create->last,
		.flags		= create->flags,
		.budget		= create->budget ?: U64_MAX,
		.seen_max	= create->seen_max ?: VMEM_SEEN_MAX,
	};
	struct vmem_walk_file *file;
	u32 *ids;
	int ret;

	ret = vmem_walk_check(create);
	if (ret)
		return ret;
	ids = vmem_walk_copy_ids(create);
	if (IS_ERR(ids))
		return PTR_ERR(ids);
	file = vmem_scratch_alloc(sizeof(*file));
	if (!file) {
		kvfree(ids);
		return -ENOMEM;
	}
	mutex_init(&file->lock);
	ret = vmem_walker_init(&file->walker, call->guest, ids, create->nr,
			       &want);
	if (ret)
		goto err_file;
	file->records = vmem_scratch_alloc(PAGE_SIZE);
	if (!file->records) {
		ret = -ENOMEM;
		goto err_file;
	}
	ret = vmem_call_file(call, "[vmem-walk]", &vmem_walk_fops, file,
			     O_RDONLY | O_CLOEXEC);
	if (ret)
		goto err_file;
	stream_open(file_inode(call->file), call->file);
	vmem_guest_get(call->guest);
	create->out_fd = call->fd;
	return 0;

err_file:
	vmem_walk_free(file);
	return ret;
}
