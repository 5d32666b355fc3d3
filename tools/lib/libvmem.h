/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * libvmem: a guest's memory, and the address spaces in it.
 *
 * One interface with two back ends. vmem_open() talks to the module through
 * /dev/vmem. vmem_open_local() runs the same page-table core in this process,
 * over memory of this process: no module, no privileges, and no call into the
 * kernel. The calls, their structs (<linux/vmem.h>) and their errnos are the
 * same, and so are, byte for byte, the tables that both build.
 *
 * Every call takes its struct as the ioctl does: zeroed but for what it is to say
 * and its `size`, which VMEM_INIT() does; fields named out_* are written whatever
 * the result. What a field means is said in Documentation/uapi.rst.
 *
 * Errors are returned, as -errno; errno itself is not touched on purpose. A
 * pointer that a call hands out (a guest, a walker, a mapping) is NULL when the
 * call fails, so that it can be closed all the same.
 *
 * Threads: with the module, all calls on a guest may run together. A local
 * guest and its walkers are used by one thread at a time.
 */
#ifndef _LIBVMEM_H
#define _LIBVMEM_H

#include <linux/vmem.h>
#include <stddef.h>

#ifdef __cplusplus
template <typename vmem_arg> inline vmem_arg vmem_sized(vmem_arg arg)
{
	arg.size = sizeof(arg);
	return arg;
}
#define VMEM_INIT(arg, ...)	vmem_sized(decltype(arg){ __VA_ARGS__ })
#else
/**
 * VMEM_INIT() - the struct of a call, to begin with
 * @arg:	the variable
 * @...:	what it is to say, as .field = value
 *
 * What isn't said is zero; the size is right. In C (from C99 on)
 *
 *	struct vmem_ioc_map map = VMEM_INIT(map, .space = id, .nr = 1);
 *
 * In C++ (from C++11 on), where `.field = value` needs C++20, the order of the fields,
 * and of g++ that -Wextra leaves missing ones alone,
 *
 *	vmem_ioc_map map = VMEM_INIT(map);
 *	map.space = id;
 */
#define VMEM_INIT(arg, ...)	{ .size = sizeof(arg), __VA_ARGS__ }
#endif

/**
 * VMEM_PTR() - a pointer, as the structs have it
 * @p:		the pointer
 */
#define VMEM_PTR(p)		((__u64)(unsigned long)(p))

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct vmem_guest;
struct vmem_walker;

/**
 * vmem_version() - version of the library
 *
 * Return: a constant string, "major.minor.patch".
 */
const char *vmem_version(void);

/**
 * vmem_open() - a new guest, kept by the module
 * @path:	of the device; NULL: /dev/vmem
 * @guest:	out: the guest
 *
 * Return: 0; what open(2) answers; -ENOTTY: not vmem's device; -ENOMEM.
 */
int vmem_open(const char *path, struct vmem_guest **guest);

/**
 * vmem_open_fd() - a guest that a descriptor names
 * @fd:		an open /dev/vmem, or a view of one; vmem_close() closes it
 * @guest:	out: the guest
 *
 * Return: 0; -EBADF; -ENOTTY: not vmem's; -ENOMEM. On failure @fd stays open.
 */
int vmem_open_fd(int fd, struct vmem_guest **guest);

/**
 * vmem_open_local() - a new guest, kept in this process
 * @guest:	out: the guest
 *
 * Its user regions name memory of this process, which is read, and written
 * unless the region is frozen, whenever a call needs it: it stays mapped until
 * the region is destroyed, and reading it must not fault. (A mapping of a file
 * that is cut short meanwhile raises SIGBUS, as for any reader.)
 *
 * Pointers in the structs are followed: -EFAULT is never answered. Descriptors
 * there are none, nor rights, nor quotas of the host.
 *
 * Return: 0; -ENOMEM.
 */
int vmem_open_local(struct vmem_guest **guest);

/**
 * vmem_close() - let go of a guest
 * @guest:	the guest, or NULL
 *
 * It ends with the last walker on it, with the module also with the last
 * descriptor and mapping.
 */
void vmem_close(struct vmem_guest *guest);

/**
 * vmem_guest_fd() - the descriptor behind a guest
 * @guest:	the guest
 *
 * Return: the descriptor, which stays the guest's; -EBADF: a local guest.
 */
int vmem_guest_fd(const struct vmem_guest *guest);

/**
 * vmem_guest_info() - version, formats and limits
 * @guest:	the guest
 * @arg:	@arg->formats may be 0
 *
 * Return: 0; -EINVAL, -E2BIG, -EOPNOTSUPP: @arg itself; -EFAULT.
 */
int vmem_guest_info(struct vmem_guest *guest, struct vmem_ioc_info *arg);

/**
 * vmem_guest_view() - a descriptor of the same guest with fewer rights
 * @guest:	the guest
 * @arg:	the rights; out: the descriptor, for vmem_open_fd() or to be passed
 *		to another process
 *
 * Return: 0; -EOPNOTSUPP: a local guest, or unknown rights; -EACCES: more
 * rights than @guest has; -EMFILE, -ENFILE, -ENOMEM; -EINVAL, -E2BIG, -EFAULT.
 */
int vmem_guest_view(struct vmem_guest *guest, struct vmem_ioc_view *arg);

/**
 * vmem_guest_list() - what there is of a kind
 * @guest:	the guest
 * @arg:	kind, cursor, room; out: items, the next cursor
 *
 * Return: 0; -EOPNOTSUPP: unknown kind; -EINVAL, -E2BIG, -ENOMEM, -EFAULT,
 * -EACCES.
 */
int vmem_guest_list(struct vmem_guest *guest, struct vmem_ioc_list *arg);

/**
 * vmem_guest_flushed() - every vCPU has flushed what it caches of tables
 * @guest:	the guest
 * @arg:	the generation that a call had answered before the flush
 *
 * Tables freed until then may be taken again.
 *
 * Return: 0; -EINVAL: a generation from the future; -E2BIG, -EOPNOTSUPP,
 * -EFAULT, -EACCES.
 */
int vmem_guest_flushed(struct vmem_guest *guest, struct vmem_ioc_flushed *arg);

/**
 * vmem_guest_destroy() - destroy a region, pool or space
 * @guest:	the guest
 * @arg:	its id
 *
 * Addresses that vmem_gpa_to_host() told of an owned region end with the call for
 * that region, even if it is refused.
 *
 * Return: 0; -ENOENT; -EBUSY: it is in use; -EINVAL, -E2BIG, -EOPNOTSUPP,
 * -EFAULT, -EACCES.
 */
int vmem_guest_destroy(struct vmem_guest *guest, struct vmem_ioc_destroy *arg);

/**
 * vmem_region_create() - guest-physical memory
 * @guest:	the guest
 * @arg:	where it is, and where it lies in this process (kind user) or that
 *		it is to be made (kind owned)
 *
 * Return: 0; -EINVAL: alignment, length 0, or no range of user addresses;
 * -EOVERFLOW: it wraps, or lies beyond what any format reaches; -EEXIST: it
 * overlaps another; -EOPNOTSUPP: unknown kind or flag; -ENOMEM: the host's
 * memory, or RLIMIT_MEMLOCK; -E2BIG: too many regions; -EINTR: a signal, call it
 * again; -EFAULT, -EACCES.
 */
int vmem_region_create(struct vmem_guest *guest,
		       struct vmem_ioc_region_create *arg);

/**
 * vmem_region_set() - freeze a region, or thaw it
 * @guest:	the guest
 * @arg:	id, mask and value
 *
 * Return: 0; -ENOENT; -EINVAL: not a region; -EBUSY: it holds part of a pool;
 * -EOPNOTSUPP, -E2BIG, -EFAULT, -EACCES.
 */
int vmem_region_set(struct vmem_guest *guest, struct vmem_ioc_region_set *arg);

/**
 * vmem_region_dirty() - which pages of a region vmem wrote
 * @guest:	the guest
 * @arg:	id, range, and room for a bit a page; with VMEM_IOC_DIRTY_CLEAR those
 *		that are told aren't any more
 *
 * What vCPUs write is told elsewhere: see "Live migration and snapshots" in
 * Documentation/uapi.rst.
 *
 * Return: 0; -ENOENT; -EINVAL: not a region, alignment, length 0; -EOVERFLOW: the
 * range wraps; -ENXIO: it isn't wholly inside the region; -E2BIG: it is longer than
 * VMEM_IOC_DIRTY_LEN_MAX; -EFAULT: nothing is cleared; -ENOMEM; -EOPNOTSUPP,
 * -EACCES.
 */
int vmem_region_dirty(struct vmem_guest *guest,
		      struct vmem_ioc_region_dirty *arg);

/**
 * vmem_region_mmap() - map owned memory into this process
 * @guest:	the guest
 * @offset:	the region's out_mmap_offset, plus multiples of the host's page
 * @len:	bytes
 * @prot:	PROT_READ, PROT_WRITE
 * @addr:	out: where it is; munmap(2) ends it
 *
 * Return: 0; -EINVAL: not wholly inside an owned region, or alignment;
 * -EACCES; -ENOMEM, and what else mmap(2) answers.
 */
int vmem_region_mmap(struct vmem_guest *guest, __u64 offset, size_t len,
		     int prot, void **addr);

/**
 * vmem_pool_create() - where tables are taken from
 * @guest:	the guest
 * @arg:	ranges of guest-physical memory
 *
 * Return: 0; -EINVAL: alignment, length 0 or no range; -EOVERFLOW: a range wraps;
 * -ENXIO: in no region; -EROFS: in a frozen one; -EEXIST: ranges or pools overlap;
 * -EBUSY: the root of a space lies there; -E2BIG: too many ranges, pages or pools;
 * -ENOMEM; -EOPNOTSUPP, -EFAULT, -EACCES.
 */
int vmem_pool_create(struct vmem_guest *guest,
		     struct vmem_ioc_pool_create *arg);

/**
 * vmem_pool_grow() - a pool gets more ranges
 * @guest:	the guest
 * @arg:	its id and ranges of guest-physical memory; out: how many tables it has
 *
 * Return: 0; -ENOENT; -EINVAL: not a pool, alignment, length 0 or no range;
 * -EOVERFLOW: a range wraps; -ENXIO: in no region; -EROFS: in a frozen one;
 * -EEXIST: ranges or pools overlap; -EBUSY: the root of a space lies there;
 * -E2BIG: too many ranges or pages, with those that it has; -ENOMEM; -EOPNOTSUPP,
 * -EFAULT, -EACCES.
 */
int vmem_pool_grow(struct vmem_guest *guest, struct vmem_ioc_pool_grow *arg);

/**
 * vmem_pool_stat() - how much of a pool is in use
 * @guest:	the guest
 * @arg:	its id; out: numbers of tables
 *
 * Return: 0; -ENOENT; -EINVAL: not a pool; -E2BIG, -EOPNOTSUPP, -EFAULT,
 * -EACCES.
 */
int vmem_pool_stat(struct vmem_guest *guest, struct vmem_ioc_pool_stat *arg);

/**
 * vmem_space_create() - an address space: a new one, or one that is there
 * @guest:	the guest
 * @arg:	format, and a root or VMEM_IOC_SPACE_NEW
 *
 * Return: 0; -EINVAL: alignment of the root, NEW with a root, NEW or MOVABLE without
 * a pool, a root that is a page of a pool and not in use at that level, facts that
 * no vCPU has, or that differ from those of other spaces with a pool; -EOVERFLOW:
 * the root lies beyond the width; -ENXIO: in no region, or the host can't give it;
 * -EROFS: NEW, and the pool's memory can't be written; -EIO: it is poisoned;
 * -EOPNOTSUPP: unknown format or flag; -ENOENT, -EINVAL: the pool; -EMLINK: the
 * root has all the links that it may have; -E2BIG: too many spaces; -ENOSPC,
 * -EAGAIN, -EBUSY: NEW, and the pool has no table, as vmem_space_map(); -ENOMEM;
 * -E2BIG, -EFAULT, -EACCES.
 */
int vmem_space_create(struct vmem_guest *guest,
		      struct vmem_ioc_space_create *arg);

/**
 * vmem_space_get() - a space's root, and its guest's generation
 * @guest:	the guest
 * @arg:	its id
 *
 * Return: 0; -ENOENT; -EINVAL: not a space; -E2BIG, -EOPNOTSUPP, -EFAULT,
 * -EACCES.
 */
int vmem_space_get(struct vmem_guest *guest, struct vmem_ioc_space_get *arg);

/**
 * vmem_space_map() - map and unmap a list of ranges
 * @guest:	the guest
 * @arg:	space and mappings; out: how far it came, what to flush; if it was
 *		refused, where, and how many tables lack
 *
 * Each mapping is checked whole before any of it is changed, with
 * VMEM_IOC_MAP_ATOMIC the whole list.
 *
 * What EEXIST, EMLINK and EOPNOTSUPP are about tells "Which it was" in
 * Documentation/uapi.rst, by @arg->change.out_at_va and out_at_level.
 *
 * Return: 0; -ENOENT: the space; -EINVAL: alignment, length 0, a range that is
 * not canonical, no pool, a table of another pool, mappings of an atomic list
 * that overlap; -EOVERFLOW: a sum wraps, or an address is wider than the space's;
 * -EEXIST: something is mapped there, an entry above grants less or other, or the
 * guest itself named a page of a pool; -ERANGE: part of a larger leaf; -EMLINK:
 * below a table with more than one link; -ENXIO: a table in no region;
 * -EROFS: in a frozen one; -ENOSPC; -EAGAIN: call it again after
 * vmem_guest_flushed(); -EBUSY: other calls, or a vCPU, are in the way, call it
 * again; -E2BIG: over the budget, or too many mappings;
 * -EOPNOTSUPP: the format, or this version, can't; -ENOMEM; -EIO, -EINTR,
 * -EFAULT, -EACCES.
 */
int vmem_space_map(struct vmem_guest *guest, struct vmem_ioc_map *arg);

/**
 * vmem_space_unmap() - unmap a range, and free the tables left empty
 * @guest:	the guest
 * @arg:	space and range; out: pages unmapped, what to flush
 *
 * Return: as vmem_space_map(); a hole is no error.
 */
int vmem_space_unmap(struct vmem_guest *guest, struct vmem_ioc_unmap *arg);

/**
 * vmem_space_protect() - other attributes for what is mapped in a range
 * @guest:	the guest
 * @arg:	space, range, attributes to set and to clear; out: pages that
 *		changed, what to flush
 *
 * What is not mapped stays so. A leaf that is Cow isn't made writable, unless
 * VMEM_IOC_ATTR_COW is cleared with it.
 *
 * Return: as vmem_space_map(); -EINVAL: an attribute to be set and cleared;
 * -EOPNOTSUPP: one that the format has no bit for.
 */
int vmem_space_protect(struct vmem_guest *guest, struct vmem_ioc_protect *arg);

/**
 * vmem_space_promote() - larger leaves in the place of tables full of small ones
 * @guest:	the guest
 * @arg:	space and range, the levels of the leaves to be made; out: how many
 *		tables stay, and mostly why, what to flush
 *
 * A table that can't be replaced is no error.
 *
 * Return: 0; -ENOENT: the space; -EINVAL: alignment, a range that is not canonical,
 * no pool; -EOPNOTSUPP: levels that have no larger leaves; -EMLINK: others have the
 * root; for a table that moves -EOVERFLOW, -ENOSPC, -EAGAIN and -EBUSY, as
 * vmem_space_map(); -EROFS: one that may not; -ENXIO: the host can't give a table;
 * -E2BIG: over the budget; -ENOMEM; -EIO, -EINTR, -EFAULT, -EACCES.
 */
int vmem_space_promote(struct vmem_guest *guest, struct vmem_ioc_promote *arg);

/**
 * vmem_space_link() - show a table of one place at another place
 * @guest:	the guest
 * @arg:	space and address; the space that has the table, its address there
 *		and its depth; out: what to flush
 *
 * The table, which is of the pool of both spaces, lives until it is unmapped
 * at the last of its places.
 *
 * Return: as vmem_space_map(); -ENOENT: a space, or there is no table;
 * -EINVAL: not the base of its span, depth 0, spaces of several pools or
 * formats, a table that is no page of their pool; -EMLINK: too many links.
 */
int vmem_space_link(struct vmem_guest *guest, struct vmem_ioc_link *arg);

/**
 * vmem_space_translate() - what addresses translate to
 * @guest:	the guest
 * @arg:	space and addresses; out: a result an address
 *
 * An address that does not translate, or an access that is refused, is no error: its
 * result says why. With VMEM_IOC_ACCESS_SET_AD one that goes through sets A and D; the
 * results tell what was there before.
 *
 * Return: 0; -ENOENT; -EINVAL: not a space, no such access, no vCPU with such a mode;
 * -E2BIG: too many addresses; -EOPNOTSUPP: unknown flags; for what is to be set -EROFS:
 * frozen or unwritable memory, and -EBUSY: a vCPU changes an entry again and again, call
 * again; -ENOMEM; -EINTR, -EFAULT, -EACCES.
 */
int vmem_space_translate(struct vmem_guest *guest,
			 struct vmem_ioc_translate *arg);

/**
 * vmem_space_map_one() - map one range by the largest pages
 * @guest:	the guest
 * @space:	its id
 * @va:		virtual address
 * @gpa:	what it is to translate to
 * @len:	bytes
 * @attrs:	VMEM_IOC_ATTR_*, R among them; with COW the mapping is of kind cow,
 *		and without W
 * @change:	out: what vCPUs must flush, the root, where a mapping that was refused
 *		stopped; NULL: where nothing of a new space runs yet, it needn't be
 *		known
 *
 * It is vmem_space_map() with one mapping and no flags, the page sizes those of
 * INFO: each place gets the largest page for which both addresses are aligned, and
 * which the vCPU has. To learn these the descriptor needs the right to read.
 *
 * Return: as vmem_space_map().
 */
int vmem_space_map_one(struct vmem_guest *guest, __u32 space, __u64 va, __u64 gpa,
		 __u64 len, __u32 attrs, struct vmem_ioc_change *change);

/**
 * vmem_gpa_to_host() - where guest-physical memory lies in this process
 * @guest:	the guest
 * @gpa:	its address
 * @len:	bytes, at least 1
 * @addr:	out: the same bytes, all of them
 *
 * Of a user region that is what vmem_region_create() was given by this very @guest.
 * Owned regions, whoever made them, are mapped when they are first asked for,
 * for reading only where the descriptor hasn't the right to change; the address is
 * good until vmem_guest_destroy() is asked to destroy the region, even where that is
 * refused, or vmem_close(). Until then no one else destroys the region (EBUSY).
 *
 * What is done to @guest past the library, by its descriptor, isn't known here.
 * vmem's own rules, of frozen memory say, are not those of the memory told.
 *
 * Return: 0; -ENXIO: in no region; -ERANGE: the region ends before @len bytes do;
 * -EREMOTE: a user region that was made by another process, or by another
 * descriptor's guest; -EINVAL: @len is 0; of an owned region what
 * vmem_region_mmap() answers; -ENOMEM, -EACCES.
 */
int vmem_gpa_to_host(struct vmem_guest *guest, __u64 gpa, size_t len,
		     void **addr);

/**
 * struct vmem_stop - how far vmem_space_read() or vmem_space_write() came
 * @done:	bytes that were copied
 * @va:		the address that couldn't be
 * @result:	what vmem_space_translate() says of it, its status WRITE, USER or EXEC
 *		where the tables don't grant what was needed; only with -EFAULT,
 *		-ENXIO, -EREMOTE, -EROFS and what mapping the memory answered
 */
struct vmem_stop {
	size_t done;
	__u64 va;
	struct vmem_ioc_result result;
};

/**
 * vmem_space_read() - read guest memory through a space
 * @guest:	the guest
 * @space:	its id
 * @va:		virtual address
 * @buf:	where to
 * @len:	bytes
 * @need:	permissions that the tables have to grant, VMEM_IOC_ATTR_R, W, X, U;
 *		0: any, as a debugger wants it
 * @stop:	out: how far it came; NULL: it needn't be known
 *
 * Reads up to the first address that can't be. The tables are taken as they are
 * found page by page, and no accessed bit is set. Memory that this process itself
 * can't reach, as a region over nothing that is mapped, raises a signal.
 *
 * Return: 0: all of it; -EFAULT: an address doesn't translate, or isn't granted
 * @need; -ENXIO: it translates to what is in no region, as a device is; -EREMOTE:
 * to a region of another process (as vmem_gpa_to_host()); -EOVERFLOW: the range
 * wraps; -EOPNOTSUPP: other permissions; what vmem_space_translate() and
 * vmem_gpa_to_host() answer, or of a dump vmem_dump_read().
 */
int vmem_space_read(struct vmem_guest *guest, __u32 space, __u64 va, void *buf,
	      size_t len, __u32 need, struct vmem_stop *stop);

/**
 * vmem_space_write() - write guest memory through a space
 * @guest:	the guest
 * @space:	its id
 * @va:		virtual address
 * @buf:	what
 * @len:	bytes
 * @need:	as vmem_space_read(). 0 writes to read-only pages too, as a debugger does
 *		that sets a breakpoint, and to a Cow page for all who have it; with
 *		VMEM_IOC_ATTR_W only where the tables grant it.
 * @stop:	out: how far it came; NULL: it needn't be known
 *
 * The whole range is looked at first: what is refused is refused with nothing
 * written, unless somebody changes the tables meanwhile. No dirty bit is set.
 * Frozen memory isn't written: who means that writes by vmem_gpa_to_host().
 *
 * Return: as vmem_space_read(); -EROFS: frozen; -EACCES: the descriptor may not change
 * owned memory.
 */
int vmem_space_write(struct vmem_guest *guest, __u32 space, __u64 va, const void *buf,
	       size_t len, __u32 need, struct vmem_stop *stop);

/**
 * vmem_walk_create() - begin a walk of one or more spaces
 * @guest:	the guest
 * @arg:	spaces, range and flags; out_fd is the walker's
 * @walker:	out: what the records are read from
 *
 * Return: 0; -ENOENT: a space; -EINVAL: no space, spaces of several formats,
 * or a range that is reversed; -E2BIG: too many spaces, or more tables to be
 * remembered than INFO tells; -EOPNOTSUPP; -ENOMEM, -EMFILE, -ENFILE; -EFAULT,
 * -EACCES.
 */
int vmem_walk_create(struct vmem_guest *guest,
		     struct vmem_ioc_walk_create *arg,
		     struct vmem_walker **walker);

/**
 * vmem_walk_read() - the next records of a walk
 * @walker:	the walk
 * @records:	room for them
 * @nr:		how many fit
 *
 * The last record is of type VMEM_IOC_REC_END.
 *
 * Return: how many records were given, 0: no more; -EINVAL: @nr is 0; -ENOENT:
 * its space was destroyed; -ENOMEM: call it again; -EINTR, -EFAULT.
 */
int vmem_walk_read(struct vmem_walker *walker, struct vmem_ioc_record *records,
		   size_t nr);

/**
 * vmem_walk_fd() - the descriptor behind a walk
 * @walker:	the walk
 *
 * Return: the descriptor, which stays the walker's; -EBADF: of a local guest.
 */
int vmem_walk_fd(const struct vmem_walker *walker);

/**
 * vmem_walk_close() - end a walk
 * @walker:	the walk, or NULL
 */
void vmem_walk_close(struct vmem_walker *walker);

/**
 * struct vmem_rebuild - what vmem_rebuild() makes
 * @size:	of this struct
 * @nr:		how many spaces the walk is of
 * @spaces:	one for each, as for vmem_space_create() with VMEM_IOC_SPACE_NEW; out:
 *		its id and its root
 * @place:	asked for each run of pages, NULL: all stay where they are. @record is
 *		that of the walk, @mapping what is about to be made of it, or of what
 *		is left of it: any of it but its address may be changed, and its length
 *		made less, after which the rest is asked for. NULL for @mapping:
 *		nothing can be made of the record. 0: make it; 1: leave it out; -errno:
 *		stop with that.
 * @data:	for @place
 * @out_record:	what couldn't be rebuilt; all zero: it was something else
 * @out_change:	of the call that was refused
 */
struct vmem_rebuild {
	__u32 size;
	__u32 nr;
	struct vmem_ioc_space_create *spaces;
	int (*place)(void *data, const struct vmem_ioc_record *record,
		     struct vmem_ioc_mapping *mapping);
	void *data;
	struct vmem_ioc_record out_record;
	struct vmem_ioc_change out_change;
};

/**
 * vmem_rebuild() - make spaces of what a walk tells of others
 * @guest:	where: any guest, that of the walk too
 * @walker:	a walk that nothing was read of yet
 * @arg:	the spaces to be made
 *
 * Pages keep their size, attributes (software bits, A and D too) and the permissions
 * of the path to them, tables that are shared are shared, entries that aren't present
 * and hold bits are made if the walk gives them (VMEM_IOC_WALK_NONPRESENT). So a walk
 * of the new spaces gives the same records, but for the entries of references, and for
 * how holes are cut by tables in which there is nothing, as these aren't made.
 * What the walk cut (it began or ended inside a large page) or @place made smaller is
 * mapped by the largest pages that fit.
 *
 * A table that several places of the walk show, but in which there is nothing, or all was
 * left out, is made empty. Nothing can be made of malformed entries, of tables that
 * couldn't be read, of entries not present above the level of the smallest pages, and
 * of a reference to an empty table where the tables above it are there and shared
 * (EMLINK), or grant other than R, W and X (EEXIST): @place may leave these out.
 *
 * No vCPU knows the new spaces: there is nothing to be flushed. If anything fails they
 * are destroyed; the tables that were theirs wait for vmem_guest_flushed().
 *
 * Return: 0; -EINVAL: no space, a record of a space more than there are, a walk that was
 * read before, or what @place answered; -E2BIG: the walk ended early, by its budget or
 * cap; -EOPNOTSUPP: a record of which nothing can be made; what @place,
 * vmem_walk_read(), vmem_space_create(), vmem_space_map() and vmem_space_link()
 * answer.
 */
int vmem_rebuild(struct vmem_guest *guest, struct vmem_walker *walker,
		 struct vmem_rebuild *arg);

#pragma GCC visibility pop

#include "libvmem-dump.h"

#ifdef __cplusplus
}
#endif

#endif /* _LIBVMEM_H */
