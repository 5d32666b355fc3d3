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
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../vmem/call.h"
#include "calls.h"
#include "scratch.h"
#include "space.h"
#include "trace.h"
#include "walk.h"

#define VMEM_SEEN_LG2		10	/* slots to begin with */

#define VMEM_RECORDS		(PAGE_SIZE / sizeof(struct vmem_ioc_record))

static struct vmem_walker *vmem_walker_of(struct vmem_work *work)
{
	return container_of(work, struct vmem_walker, work);
}

/* Room for twice the tables; at its cap the walk ends. Return: 0; -ENOMEM. */
static int vmem_walker_grow(struct vmem_work *work)
{
	struct vmem_walker *walker = vmem_walker_of(work);
	struct vmem_seen *seen = &walker->seen, larger;
	struct vmem_seen_slot *slots;
	u32 lg2, at = 0;

	if (seen->slots && seen->nr >= walker->seen_max) {
		vmem_walk_stop(&walker->walk, VMEM_END_CAP);
		return 0;
	}
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

/* A piece; when there are records it is over. Return: as the engine, and -ENOENT. */
static int vmem_walker_piece(struct vmem_work *work)
{
	struct vmem_walker *walker = vmem_walker_of(work);
	struct vmem_walk *walk = &walker->walk;
	struct vmem_space_object *space;
	int ret = 0;

	if (!walk->ending && walk->space < walker->nr) {
		space = vmem_space_find(work->piece.guest,
					walker->ids[walk->space]);
		if (IS_ERR(space))
			return PTR_ERR(space);
		ret = walker->ops->engine->walk_space(walker->ops->fmt,
						      &work->piece,
						      &space->space, walk,
						      walker->records,
						      VMEM_RECORDS,
						      &walker->nr_records);
		if (ret == VMEM_ABSENT)
			vmem_space_absent(space, &work->piece);
	} else {
		walker->ops->engine->walk_end(walker->ops->fmt, &work->piece,
					      walk, walker->records,
					      VMEM_RECORDS, &walker->nr_records);
	}
	if (walker->nr_records || walk->finished)
		return 0;
	return ret ?: VMEM_PAUSE;
}

static int vmem_walker_leave(struct vmem_work *work, int ret)
{
	struct vmem_walker *walker = vmem_walker_of(work);

	if (walker->walk.finished && walker->nr_records &&
	    work->piece.guest->generation != walker->generation)
		walker->records[walker->nr_records - 1].flags |=
			VMEM_IOC_REC_CHANGED;
	return ret;
}

static const struct vmem_work_ops vmem_walker_ops = {
	.piece		= vmem_walker_piece,
	.leave		= vmem_walker_leave,
	.storage	= vmem_walker_grow,
};

/* All of the spaces are there, and of one format. */
static int vmem_walker_look(struct vmem_walker *walker)
{
	struct vmem_guest *guest = walker->work.piece.guest;
	int ret = vmem_guest_look(guest);
	struct vmem_space_object *space;
	u32 i;

	if (ret)
		return ret;
	for (i = 0; !ret && i < walker->nr; i++) {
		space = vmem_space_find(guest, walker->ids[i]);
		if (IS_ERR(space))
			ret = PTR_ERR(space);
		else if (walker->ops && walker->ops != space->ops)
			ret = -EINVAL;
		else
			walker->ops = space->ops;
	}
	walker->generation = guest->generation;
	up_read(&guest->lock);
	return ret;
}

/**
 * vmem_walker_init() - begin a walk
 * @walker:	zeroed but for the ids of the spaces, at least one; kvfree() of them is
 *		done by vmem_walker_exit()
 * @guest:	the guest
 * @want:	how many ids there are, and what is to be done
 *
 * Context: sleeps; takes the guest's lock.
 * Return: 0; -ENOENT; -EINVAL: an id is no space's, or the formats differ;
 * -ENODEV: the guest has ended; -ENOMEM; -EINTR. vmem_walker_exit() is to follow
 * in any case.
 */
int vmem_walker_init(struct vmem_walker *walker, struct vmem_guest *guest,
		     const struct vmem_ioc_walk_create *want)
{
	int ret;

	vmem_work_init(&walker->work, guest, &vmem_walker_ops);
	walker->nr = want->nr;
	walker->seen_max = want->seen_max ?: VMEM_SEEN_MAX;
	ret = vmem_walker_look(walker);
	if (!ret && !(want->flags & VMEM_WALK_FOLLOW))
		ret = vmem_walker_grow(&walker->work);
	if (ret)
		return ret;
	walker->records = vmem_scratch_alloc(PAGE_SIZE);
	if (!walker->records)
		return -ENOMEM;
	walker->ops->engine->walk_init(walker->ops->fmt, &walker->walk,
				       want->start, want->last, want->flags,
				       want->budget ?: U64_MAX, &walker->seen);
	return 0;
}

/**
 * vmem_walker_exit() - the end of a walk
 * @walker:	from vmem_walker_init(), whatever it returned
 *
 * Context: sleeps.
 */
void vmem_walker_exit(struct vmem_walker *walker)
{
	vmem_work_exit(&walker->work);
	vmem_scratch_free(walker->records, PAGE_SIZE);
	kvfree(walker->seen.slots);
	kvfree(walker->ids);
}

/**
 * vmem_walker_step() - the next records of a walk
 * @walker:	the walk, not finished
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: 0: there are records, at most a page of them, or the walk is finished;
 * -ENOENT: a space was destroyed; -ENODEV: the guest has ended; -ENOMEM; -EINTR.
 * After an errno the walk can be gone on with.
 */
int vmem_walker_step(struct vmem_walker *walker)
{
	walker->nr_records = 0;
	return vmem_work_run(&walker->work);
}

/**
 * struct vmem_walk_file - a walk's descriptor
 * @lock:	the walk's mutex: readers take turns. Outermost, see struct
 *		vmem_guest. A reader may wait under it in its own page fault.
 * @walker:	the walk; it keeps the guest alive
 * @next:	the next one of its records to be given
 *
 * All is guarded by @lock.
 */
struct vmem_walk_file {
	struct mutex lock;	/* readers take turns */
	struct vmem_walker walker;
	u32 next;
};

static void vmem_walk_trace(const struct vmem_walker *walker)
{
	u64 guest = walker->work.piece.guest->number;
	const struct vmem_space_aware_mapping *rec;

	trace_vmem_walk(guest, walker->walk.space, walker->walk.va,
			walker->nr_records);
	if (!trace_vmem_malformed_enabled())
		return;
	for (rec = walker->records; rec < walker->records + walker->nr_records;
	     rec++)
		if (rec->type == VMEM_REC_BAD)
			trace_vmem_malformed(guest, walker->ids[rec->space],
					     rec->va, rec->level, rec->detail,
					     rec->entry);
}

/* Fill the page again. Return: 0, also when there is nothing more; -errno. */
static int vmem_walk_fill(struct vmem_walk_file *file)
{
	struct vmem_walker *walker = &file->walker;
	int ret;

	lockdep_assert_held(&file->lock);
	file->next = 0;
	walker->nr_records = 0;
	if (walker->walk.finished)
		return 0;
	ret = vmem_walker_step(walker);
	if (walker->nr_records)
		vmem_walk_trace(walker);
	return ret;
}

static ssize_t vmem_walk_read(struct file *filp, char __user *buf, size_t count,
			      loff_t *pos)
{
	const size_t size = sizeof(struct vmem_ioc_record);
	struct vmem_walk_file *file = filp->private_data;
	struct vmem_walker *walker = &file->walker;
	size_t max = min_t(size_t, count / size, VMEM_READ_MAX), done = 0;
	unsigned long left;
	int ret = 0;
	u32 nr;

	if (!max)
		return -EINVAL;
	if (mutex_lock_killable(&file->lock))
		return -EINTR;
	/* What the host refused may be there now. */
	if (walker->work.piece.absence)
		walker->work.piece.absence->nr_refused = 0;
	while (done < max) {
		if (file->next == walker->nr_records) {
			ret = vmem_walk_fill(file);
			if (ret || !walker->nr_records)
				break;
		}
		nr = min_t(size_t, walker->nr_records - file->next, max - done);
		left = copy_to_user(buf + done * size,
				    &walker->records[file->next], nr * size);
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
	vmem_scratch_free(file, sizeof(*file));
}

static int vmem_walk_release(struct inode *inode, struct file *filp)
{
	struct vmem_walk_file *file = filp->private_data;
	struct vmem_guest *guest = file->walker.work.piece.guest;

	vmem_walk_free(file);
	vmem_guest_put(guest);
	return 0;
}

static const struct file_operations vmem_walk_fops = {
	.owner		= THIS_MODULE,
	.read		= vmem_walk_read,
	.release	= vmem_walk_release,
};

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
	size_t size = create->nr * sizeof(u32);
	struct vmem_walk_file *file;
	int ret;

	ret = vmem_ioc_walk_create_check(create);
	if (ret)
		return ret;
	file = vmem_scratch_alloc(sizeof(*file));
	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	file->walker.ids = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!file->walker.ids)
		ret = -ENOMEM;
	else if (copy_from_user(file->walker.ids,
				u64_to_user_ptr(create->spaces), size))
		ret = -EFAULT;
	if (!ret)
		ret = vmem_walker_init(&file->walker, call->guest, create);
	if (!ret)
		ret = vmem_call_file(call, "[vmem-walk]", &vmem_walk_fops, file,
				     O_RDONLY | O_CLOEXEC);
	if (ret) {
		vmem_walk_free(file);
		return ret;
	}
	stream_open(file_inode(call->file), call->file);
	create->out_fd = call->fd;
	return 0;
}
