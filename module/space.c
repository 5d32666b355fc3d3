// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces: making them, what they are, translating in them, their end.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "space.h"

/**
 * vmem_space_find() - the space of an id
 * @guest:	the guest
 * @id:		the caller's
 *
 * Context: vmem_guest.lock is held; the space is good as long as it is.
 * Return: the space, or an ERR_PTR(): -ENOENT; -EINVAL: no space.
 */
struct vmem_space_object *vmem_space_find(struct vmem_guest *guest, u32 id)
{
	struct vmem_object *object;

	object = vmem_object_find(guest, id, VMEM_OBJECT_SPACE);
	return IS_ERR(object) ? ERR_CAST(object) : vmem_to_space(object);
}

/**
 * vmem_space_free() - free a space
 * @space:	one that is out of the guest
 */
void vmem_space_free(struct vmem_space_object *space)
{
	kfree(space);
}

static void vmem_roots_free_list(struct vmem_root *root)
{
	struct vmem_root *next;

	for (; root; root = next) {
		next = root->next;
		kfree(root);
	}
}

/**
 * vmem_roots_free() - free the roots of all spaces
 * @store:	of a guest that has ended
 */
void vmem_roots_free(struct vmem_link_store *store)
{
	vmem_roots_free_list(store->roots);
	vmem_roots_free_list(store->spare_roots);
}

/**
 * vmem_space_absent() - the engine met a table of a space that is absent
 * @space:	the space
 * @piece:	the context
 *
 * Tables that will be needed soon are made resident with it, if they come at
 * once: those that are named behind it in the same table.
 *
 * Context: the piece that the engine ended with VMEM_ABSENT.
 */
void vmem_space_absent(const struct vmem_space_object *space,
		       struct vmem_piece *piece)
{
	vmem_piece_absent(piece);
	if (piece->absent_intent == VMEM_READ && piece->table)
		piece->nr_siblings =
			space->ops->engine->siblings(space->ops->fmt,
						     &space->space.facts,
						     piece->table,
						     piece->absent_gpa,
						     piece->siblings,
						     VMEM_SIBLINGS_MAX);
}

static unsigned int vmem_space_root_level(const struct vmem_space_object *space)
{
	return space->ops->fmt->nr_levels - 1;
}

/* The root is one that the guest uses. */
static int vmem_space_adopt(struct vmem_guest *guest,
			    struct vmem_space_object *space)
{
	vmem_phys_t gpa = vmem_table_gpa(space->space.root);
	struct vmem_pool_object *pool;
	bool inside;

	read_lock(&guest->residency);
	inside = vmem_region_at(guest, gpa);
	read_unlock(&guest->residency);
	if (!inside)
		return -ENXIO;

	pool = vmem_pool_object_at(guest, gpa);
	/* Or tables of the one would hang below those of the other. */
	if (pool && space->pool && space->pool != pool)
		return -EINVAL;
	return vmem_root_adopt(&guest->links, pool ? &pool->pool : NULL,
			       space->space.root, vmem_space_root_level(space),
			       &space->root);
}

/*
 * The root is a new table. Context: vmem_guest.lock is held for writing, and
 * let go while the table's page is made resident; the page that is set aside
 * keeps the pool.
 */
static int vmem_space_make_root(struct vmem_guest *guest,
				struct vmem_space_object *space,
				struct vmem_piece *piece)
{
	struct vmem_pool *pool = &space->pool->pool;
	vmem_pte_t *host;
	int ret;

	ret = vmem_pool_reserve(pool, &piece->supply.res, 1, 0);
	if (ret)
		return ret;
	space->space.root = vmem_pool_reserved(pool, &piece->supply.res, 0);
	if (!vmem_nameable(&space->space.facts, vmem_table_gpa(space->space.root),
			   vmem_table_gpa(space->space.root))) {
		vmem_pool_unreserve(pool, &piece->supply.res);
		return -EOVERFLOW;
	}
	for (;;) {
		vmem_piece_begin(piece);
		ret = vmem_piece_lookup(piece,
					vmem_table_gpa(space->space.root),
					VMEM_WRITE, &host);
		if (!ret)
			memset(host, 0, BIT(pool->table_lg2));
		else if (ret == VMEM_ABSENT)
			vmem_piece_absent(piece);
		vmem_piece_end(piece);
		if (ret != VMEM_ABSENT)
			break;

		up_write(&guest->lock);
		ret = vmem_piece_resident(piece);
		/* What was set aside is given back, whatever signal there is. */
		down_write(&guest->lock);
		if (ret)
			break;
	}
	if (ret) {
		vmem_pool_unreserve(pool, &piece->supply.res);
		return ret == VMEM_OUTSIDE ? -ENXIO : ret;
	}
	space->root = vmem_root_make(pool, &piece->supply.res,
				     vmem_space_root_level(space));
	space->tables = 1;
	return 0;
}

/**
 * vmem_space_root_moves() - would this space's root move to be changed?
 * @space:	the space
 *
 * Context: vmem_guest.lock is held.
 */
bool vmem_space_root_moves(const struct vmem_space_object *space)
{
	struct vmem_guest *guest = space->guest;
	const struct vmem_region *region;
	bool frozen;

	if (!(space->flags & VMEM_IOC_SPACE_MOVABLE))
		return false;
	read_lock(&guest->residency);
	region = vmem_region_at(guest, vmem_table_gpa(space->space.root));
	frozen = region && region->frozen;
	read_unlock(&guest->residency);
	return frozen;
}

static int vmem_space_find_root(struct vmem_guest *guest,
				struct vmem_space_object *space, u32 pool,
				struct vmem_piece *piece)
{
	struct vmem_object *object;

	if (pool) {
		object = vmem_object_find(guest, pool, VMEM_OBJECT_POOL);
		if (IS_ERR(object))
			return PTR_ERR(object);
		space->pool = vmem_to_pool(object);
		if (!vmem_link_admit(&guest->links, &space->space.facts,
				     vmem_pool_objects_idle(guest)))
			return -EINVAL;
	}
	return space->flags & VMEM_IOC_SPACE_NEW ?
	       vmem_space_make_root(guest, space, piece) :
	       vmem_space_adopt(guest, space);
}

/* @root: storage for a root, which the guest has from now on, if it is done. */
static int vmem_space_enter(struct vmem_guest *guest,
			    struct vmem_space_object *space, u32 pool,
			    struct vmem_piece *piece, struct vmem_root *root)
{
	int ret;

	lockdep_assert_held_write(&guest->lock);
	vmem_root_lend(&guest->links, root);
	ret = vmem_space_find_root(guest, space, pool, piece);
	if (ret) {
		kfree(vmem_root_take_back(&guest->links));
		return ret;
	}
	if (space->pool)
		space->pool->spaces++;
	list_add_tail(&space->link, &guest->spaces);
	space->made = guest->generation;
	return 0;
}

/*
 * The space leaves its root. Return: whether tables went into quarantine, for the
 * guest's next generation.
 */
static bool vmem_space_leave_root(struct vmem_guest *guest,
				  struct vmem_space_object *space)
{
	struct vmem_pool *pool = space->root->pool;
	bool gone;

	if (pool)
		pool->generation = guest->generation + 1;
	gone = vmem_root_leave(&guest->links, space->root);
	if (gone)
		vmem_pool_settle(pool);
	return gone;
}

static void vmem_space_leave(struct vmem_guest *guest,
			     struct vmem_space_object *space)
{
	lockdep_assert_held_write(&guest->lock);
	if (space->pool)
		space->pool->spaces--;
	list_del(&space->link);
	kfree(vmem_root_take_back(&guest->links));
}

/**
 * vmem_space_abort() - a space won't be published
 * @guest:	the guest
 * @space:	made by SPACE_CREATE
 *
 * Context: takes the guest's lock.
 */
void vmem_space_abort(struct vmem_guest *guest,
		      struct vmem_space_object *space)
{
	/* What isn't published must go, whatever signal there is. */
	down_write(&guest->lock);
	/* Others may have adopted its root, and mapped something. */
	if (space->flags & VMEM_IOC_SPACE_NEW &&
	    space->made == guest->generation)
		vmem_root_unmake(space->root);
	else if (vmem_space_leave_root(guest, space))
		guest->generation++;
	vmem_space_leave(guest, space);
	up_write(&guest->lock);
	vmem_space_free(space);
}

/**
 * vmem_space_destroy() - take a space out of the guest
 * @guest:	the guest, whose generation is raised afterwards
 * @space:	the space; vmem_space_free() is to follow
 * @answer:	what the caller must flush is filled in
 *
 * Context: vmem_guest.lock is held for writing.
 */
void vmem_space_destroy(struct vmem_guest *guest,
			struct vmem_space_object *space,
			struct vmem_ioc_destroy *answer)
{
	if (vmem_space_leave_root(guest, space))
		answer->out_flush = VMEM_IOC_FLUSH_ALL;
	vmem_space_leave(guest, space);
}

/**
 * vmem_space_item() - a space as LIST tells it
 * @space:	the space
 * @item:	zeroed but for the id
 *
 * Context: vmem_guest.lock is held.
 */
void vmem_space_item(const struct vmem_space_object *space,
		     struct vmem_ioc_item *item)
{
	item->kind = space->ops->id;
	item->flags = space->flags;
	item->pool = space->pool ? space->pool->object.id : 0;
	item->gpa = vmem_table_gpa(space->space.root);
	item->len = max_t(s64, space->tables, 0);
}

static int vmem_space_check(const struct vmem_ioc_space_create *create)
{
	const u32 flags = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_MOVABLE |
			  VMEM_VCPU_FLAGS;

	if (create->flags & ~flags || !vmem_format_find(create->format))
		return -EOPNOTSUPP;
	if (create->flags & VMEM_IOC_SPACE_NEW && create->root)
		return -EINVAL;
	if (create->flags & (VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_MOVABLE) &&
	    !create->pool)
		return -EINVAL;
	return 0;
}

/* What can be told from the arguments alone. */
static int vmem_space_init(struct vmem_space_object *space,
			   const struct vmem_ioc_space_create *create)
{
	const struct vmem_vcpu vcpu = {
		.phys_bits	= create->phys_bits,
		.flags		= create->flags & VMEM_VCPU_FLAGS,
		.cow		= create->cow,
		.enc_bit	= create->enc_bit,
	};
	const struct vmem_format *fmt;
	vmem_phys_t root;
	int ret;

	space->flags = create->flags;
	space->ops = vmem_format_find(create->format);
	fmt = space->ops->fmt;
	ret = space->ops->engine->facts(fmt, &space->space.facts, &vcpu);
	if (ret)
		return ret;
	/* as in an entry, the encryption bit is no part of the address */
	root = create->root & ~space->space.facts.enc;
	if (!IS_ALIGNED(root, BIT_ULL(fmt->page_lg2)))
		return -EINVAL;
	if (!vmem_nameable(&space->space.facts, root, root))
		return -EOVERFLOW;
	space->space.root = vmem_table(root);
	return 0;
}

/**
 * vmem_ioctl_space_create() - SPACE_CREATE
 * @call:	the call
 * @arg:	struct vmem_ioc_space_create
 *
 * Context: takes the guest's lock; may wait for a page of the pool.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -EOVERFLOW, -E2BIG, -ENOENT, -ENXIO,
 * -EROFS, -EIO, -EMLINK, -ENOSPC, -EAGAIN, -EBUSY, -ENOMEM, -EINTR.
 */
int vmem_ioctl_space_create(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_space_create *create = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_space_object *space;
	struct vmem_piece *piece;
	struct vmem_root *root;
	int ret;

	ret = vmem_space_check(create);
	if (ret)
		return ret;
	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	root = kzalloc(sizeof(*root), GFP_KERNEL_ACCOUNT);
	piece = vmem_scratch_alloc(sizeof(*piece));
	if (!space || !root || !piece) {
		ret = -ENOMEM;
		goto err_space;
	}
	vmem_piece_init(piece, guest);
	piece->changing = true;
	space->guest = guest;
	ret = vmem_space_init(space, create);
	if (ret)
		goto err_space;
	ret = vmem_object_reserve(guest, &space->object, VMEM_OBJECT_SPACE);
	if (ret)
		goto err_space;

	if (down_write_killable(&guest->lock)) {
		ret = -EINTR;
		goto err_object;
	}
	ret = vmem_space_enter(guest, space, create->pool, piece, root);
	up_write(&guest->lock);
	root = NULL;
	if (ret)
		goto err_object;

	create->out_id = space->object.id;
	create->out_root = vmem_table_gpa(space->space.root);
	call->made = &space->object;
	vmem_scratch_free(piece, sizeof(*piece));
	return 0;

err_object:
	vmem_object_unreserve(guest, &space->object);
err_space:
	vmem_scratch_free(piece, sizeof(*piece));
	kfree(root);
	kfree(space);
	return ret;
}

/**
 * vmem_ioctl_space_get() - SPACE_GET
 * @call:	the call
 * @arg:	struct vmem_ioc_space_get
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EINVAL, -EINTR.
 */
int vmem_ioctl_space_get(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_space_get *get = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_space_object *space;
	int ret = 0;

	if (get->flags)
		return -EOPNOTSUPP;
	if (down_read_killable(&guest->lock))
		return -EINTR;
	space = vmem_space_find(guest, get->id);
	if (IS_ERR(space)) {
		ret = PTR_ERR(space);
		goto out;
	}
	get->out_root = vmem_table_gpa(space->space.root);
	get->out_generation = guest->generation;
	get->out_tables = max_t(s64, space->tables, 0);
	get->out_links = vmem_root_links(space->root) - 1;
	get->out_flags = space->flags;
	get->out_phys_bits = space->space.facts.vcpu.phys_bits;
	get->out_cow = space->space.facts.vcpu.cow;
	get->out_enc_bit = space->space.facts.vcpu.enc_bit;
out:
	up_read(&guest->lock);
	return ret;
}

#define VMEM_TRANSLATE_BATCH	64

/* Results are given to userspace as the core made them. */
#define VMEM_SAME(theirs, ours)						\
	static_assert(offsetof(struct vmem_ioc_result, theirs) ==	\
		      offsetof(struct vmem_translation, ours))
VMEM_SAME(gpa, gpa);
VMEM_SAME(entry, entry);
VMEM_SAME(status, status);
VMEM_SAME(level, level);
VMEM_SAME(page_lg2, page_lg2);
VMEM_SAME(flags, flags);
VMEM_SAME(error_code, error_code);
VMEM_SAME(leaf, leaf);
VMEM_SAME(effective, effective);
VMEM_SAME(path, path);
static_assert(sizeof(struct vmem_ioc_result) ==
	      sizeof(struct vmem_translation));
static_assert(VMEM_IOC_OK == (int)VMEM_OK);
static_assert(VMEM_IOC_NOT_PRESENT == (int)VMEM_NOT_PRESENT);
static_assert(VMEM_IOC_NON_CANONICAL == (int)VMEM_NON_CANONICAL);
static_assert(VMEM_IOC_RESERVED == (int)VMEM_STATUS_RESERVED);
static_assert(VMEM_IOC_OUTSIDE == (int)VMEM_STATUS_OUTSIDE);
static_assert(VMEM_IOC_RESULT_OUTSIDE == VMEM_FRAME_OUTSIDE);
static_assert(VMEM_IOC_RESULT_PARTIAL == VMEM_FRAME_PARTIAL);
static_assert(VMEM_IOC_EFFECTIVE_SHADOW == VMEM_SHADOW);
static_assert(VMEM_IOC_ATTR_ENC == VMEM_ENC);
static_assert(VMEM_IOC_SPACE_NXE_OFF == VMEM_VCPU_NXE_OFF &&
	      VMEM_IOC_SPACE_COW_NONE == VMEM_VCPU_COW_NONE &&
	      VMEM_IOC_SPACE_AMD == VMEM_VCPU_AMD &&
	      VMEM_IOC_SPACE_NO_1G == VMEM_VCPU_NO_1G &&
	      VMEM_IOC_SPACE_CET == VMEM_VCPU_CET &&
	      VMEM_IOC_SPACE_LAM48 == VMEM_VCPU_LAM48 &&
	      VMEM_IOC_SPACE_LAM57 == VMEM_VCPU_LAM57 &&
	      VMEM_IOC_SPACE_LAM_SUP == VMEM_VCPU_LAM_SUP &&
	      VMEM_IOC_SPACE_UAI == VMEM_VCPU_UAI &&
	      VMEM_IOC_SPACE_ENC_SHARED == VMEM_VCPU_ENC_SHARED);
static_assert(VMEM_IOC_LEVELS_MAX == VMEM_LEVELS_MAX);
static_assert(VMEM_IOC_ATTR_R == VMEM_R && VMEM_IOC_ATTR_W == VMEM_W &&
	      VMEM_IOC_ATTR_X == VMEM_X && VMEM_IOC_ATTR_U == VMEM_U &&
	      VMEM_IOC_ATTR_G == VMEM_G && VMEM_IOC_ATTR_A == VMEM_A &&
	      VMEM_IOC_ATTR_D == VMEM_D && VMEM_IOC_ATTR_PCD == VMEM_PCD &&
	      VMEM_IOC_ATTR_PWT == VMEM_PWT && VMEM_IOC_ATTR_PAT == VMEM_PAT &&
	      VMEM_IOC_ATTR_COW == VMEM_COW &&
	      VMEM_IOC_ATTR_KEY_MASK == VMEM_KEY);

/* What a TRANSLATE works on; the last member is there where it is asked for. */
struct vmem_translate_work {
	struct vmem_piece piece;
	vmem_virt_t vas[VMEM_TRANSLATE_BATCH];
	struct vmem_translation results[VMEM_TRANSLATE_BATCH];
	u64 entries[VMEM_TRANSLATE_BATCH][VMEM_LEVELS_MAX];
};

/*
 * Pieces of a translation, as long as nobody else wants the guest.
 * Return: as vmem_translate(), and -ENOENT.
 */
static int vmem_translate_pieces(struct vmem_piece *piece, u32 id,
				 struct vmem_translate_batch *batch)
{
	struct vmem_space_object *space;
	int ret;

	space = vmem_space_find(piece->guest, id);
	if (IS_ERR(space))
		return PTR_ERR(space);
	do {
		cond_resched();
		vmem_piece_begin(piece);
		ret = space->ops->engine->translate(space->ops->fmt, piece,
						    &space->space, batch->vas,
						    batch->nr, batch->out,
						    batch->entries, &batch->done);
		if (ret == VMEM_ABSENT)
			vmem_space_absent(space, piece);
		vmem_piece_end(piece);
	} while (ret == VMEM_PAUSE && !vmem_guest_contended(piece->guest) &&
		 !fatal_signal_pending(current));
	return ret;
}

static int vmem_translate_do(struct vmem_piece *piece, u32 id,
			     struct vmem_translate_batch *batch)
{
	struct vmem_guest *guest = piece->guest;
	int ret;

	do {
		if (down_read_killable(&guest->lock))
			return -EINTR;
		ret = vmem_translate_pieces(piece, id, batch);
		up_read(&guest->lock);
		if (ret == VMEM_ABSENT)
			ret = vmem_piece_resident(piece) ?: VMEM_ABSENT;
		else if (ret == VMEM_PAUSE && fatal_signal_pending(current))
			ret = -EINTR;
	} while (ret > 0);
	return ret;
}

/* As vmem_ioctl_translate(). Results that are ready are given before an errno. */
static int vmem_translate_all(struct vmem_ioc_translate *ask,
			      struct vmem_translate_work *work)
{
	struct vmem_ioc_result __user *results = u64_to_user_ptr(ask->results);
	u64 __user *words = u64_to_user_ptr(ask->entries);
	u64 __user *vas = u64_to_user_ptr(ask->vas);
	struct vmem_translate_batch batch = {
		.vas		= work->vas,
		.out		= work->results,
		.entries	= ask->entries ? work->entries : NULL,
	};
	size_t at;
	int ret;

	do {
		at = ask->out_done;
		batch.nr = min_t(u32, ask->nr - at, VMEM_TRANSLATE_BATCH);
		batch.done = 0;
		if (copy_from_user(work->vas, &vas[at],
				   batch.nr * sizeof(work->vas[0])))
			return -EFAULT;
		ret = vmem_translate_do(&work->piece, ask->space, &batch);
		if (copy_to_user(&results[at], work->results,
				 batch.done * sizeof(work->results[0])))
			return -EFAULT;
		if (batch.entries &&
		    copy_to_user(&words[at * VMEM_LEVELS_MAX], work->entries,
				 batch.done * sizeof(work->entries[0])))
			return -EFAULT;
		ask->out_done += batch.done;
	} while (!ret && ask->out_done < ask->nr);
	return ret;
}

/**
 * vmem_ioctl_translate() - TRANSLATE
 * @call:	the call
 * @arg:	struct vmem_ioc_translate
 *
 * Context: takes the guest's lock, a batch at a time; may wait for tables.
 * Return: 0, -EOPNOTSUPP, -E2BIG, -EFAULT, -ENOENT, -EINVAL, -ENOMEM, -EINTR.
 */
int vmem_ioctl_translate(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_translate *ask = arg;
	struct vmem_translate_work *work;
	size_t size;
	int ret;

	if (ask->flags || ask->access || ask->mode || ask->pkru)
		return -EOPNOTSUPP;
	if (ask->nr > VMEM_TRANSLATE_MAX)
		return -E2BIG;

	size = ask->entries ? sizeof(*work) :
	       offsetof(struct vmem_translate_work, entries);
	work = vmem_scratch_alloc(size);
	if (!work)
		return -ENOMEM;
	vmem_piece_init(&work->piece, call->guest);
	ret = vmem_translate_all(ask, work);
	vmem_scratch_free(work, size);
	return ret;
}
