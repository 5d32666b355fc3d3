// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The processes of a guest's Linux: the list that begins at init_task, whose members are
 * where BTF says. A guest may be stopped, or copied while it runs, in the middle of a
 * change, and may be hostile: a task that was met before ends the list, which then is read
 * from its other end, too, and so does a limit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "btf.h"
#include "kallsyms.h"
#include "kernel.h"
#include "kpti.h"
#include "seen.h"

#define BTF_LEN_MAX	(1U << 26)
#define TASKS_MAX	(1U << 18)	/* processes, and threads that are looked at */
#define PF_KTHREAD	0x00200000

/* Where members are. */
struct offsets {
	__u64 tasks, flags, pid, comm, mm, signal, thread_node;
	__u64 thread_head;
	__u64 pgd;
};

/**
 * struct walk - a walk over the list
 * @kernel:	whose it is
 * @at:		where members are
 * @seen:	tasks that were met
 * @left:	how many more may be
 * @list:	out
 */
struct walk {
	struct kernel *kernel;
	struct offsets at;
	struct seen seen;
	__u32 left;
	struct vmem_linux_list *list;
};

static int find_offsets(const struct btf *btf, struct offsets *at)
{
	const struct {
		const char *type, *member;
		__u64 *offset;
	} members[] = {
		{ "task_struct", "tasks", &at->tasks },
		{ "task_struct", "flags", &at->flags },
		{ "task_struct", "pid", &at->pid },
		{ "task_struct", "comm", &at->comm },
		{ "task_struct", "mm", &at->mm },
		{ "task_struct", "signal", &at->signal },
		{ "task_struct", "thread_node", &at->thread_node },
		{ "signal_struct", "thread_head", &at->thread_head },
		{ "mm_struct", "pgd", &at->pgd },
	};
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!btf_member(btf, members[i].type, members[i].member, members[i].offset))
			return -ENOENT;
	return 0;
}

/* Where members are, by the types that lie from @start to @stop. */
static int read_offsets(struct kernel *kernel, __u64 start, __u64 stop, struct offsets *at)
{
	struct btf btf;
	void *data;
	int ret;

	if (stop <= start || stop - start > BTF_LEN_MAX)
		return -EINVAL;
	data = malloc(stop - start);
	if (!data)
		return -ENOMEM;
	ret = kernel_read(kernel, start, data, stop - start);
	if (!ret)
		ret = btf_open(&btf, data, stop - start);
	if (!ret) {
		ret = find_offsets(&btf, at);
		btf_close(&btf);
	}
	free(data);
	return ret;
}

/* The root of user mode, where there is one of its own. Entries are little-endian. */
static __u64 user_root(struct kernel *kernel, __u64 root)
{
	__u64 pair[2][KPTI_ENTRIES];

	if (root & KPTI_USER || kernel_guest(kernel->guest, root, pair[0], KERNEL_PAGE) ||
	    kernel_guest(kernel->guest, root + KPTI_USER, pair[1], KERNEL_PAGE) ||
	    !kpti_is_pair(pair[0], pair[1]))
		return 0;
	return root + KPTI_USER;
}

static int add(struct walk *walk, const struct vmem_linux_process *process)
{
	struct vmem_linux_list *list = walk->list;
	size_t nr = list->nr;
	void *room;

	if (!(nr & (nr - 1))) {
		room = reallocarray(list->processes, nr ? 2 * nr : 1, sizeof(*process));
		if (!room)
			return -ENOMEM;
		list->processes = room;
	}
	list->processes[list->nr++] = *process;
	return 0;
}

/*
 * The memory of a process whose first thread has ended, but not others: it is theirs.
 * Return: 0, if it has none any more, too.
 */
static int threads_mm(struct walk *walk, __u64 task, __u64 *mm)
{
	__u64 signal, head, node;
	int ret = kernel_read_64(walk->kernel, task + walk->at.signal, &signal);

	head = signal + walk->at.thread_head;
	/* of one that is being reaped */
	if (ret || !signal)
		return ret;
	ret = kernel_read_64(walk->kernel, head, &node);
	while (!ret && !*mm && node != head && walk->left) {
		walk->left--;
		ret = kernel_read_64(walk->kernel, node - walk->at.thread_node + walk->at.mm, mm);
		if (!ret)
			ret = kernel_read_64(walk->kernel, node, &node);
	}
	return ret;
}

/* What isn't a thread of the kernel, and hasn't ended, is a process. */
static int visit(struct walk *walk, __u64 task)
{
	struct vmem_linux_process process = { 0 };
	__u64 mm, pgd;
	__u32 flags;
	int ret = kernel_read_32(walk->kernel, task + walk->at.flags, &flags);

	if (!ret)
		ret = kernel_read_32(walk->kernel, task + walk->at.pid, &process.pid);
	if (!ret)
		ret = kernel_read(walk->kernel, task + walk->at.comm, process.comm,
				  sizeof(process.comm) - 1);
	if (!ret)
		ret = kernel_read_64(walk->kernel, task + walk->at.mm, &mm);
	if (ret)
		return ret;
	if (flags & PF_KTHREAD) {
		walk->list->nr_kernel++;
		return 0;
	}
	if (!mm)
		ret = threads_mm(walk, task, &mm);
	if (!mm) {
		walk->list->nr_ended++;
		return ret;
	}
	ret = kernel_read_64(walk->kernel, mm + walk->at.pgd, &pgd);
	if (!ret)
		ret = kernel_translate(walk->kernel, pgd, &process.root);
	if (ret)
		return ret;
	if (process.root & (KERNEL_PAGE - 1))
		return -EINVAL;
	process.user_root = user_root(walk->kernel, process.root);
	return add(walk, &process);
}

/* Say what is wrong with the list, if it isn't known yet. */
static void damaged(struct walk *walk, __u64 task, const char *what)
{
	if (!walk->list->why[0])
		snprintf(walk->list->why, sizeof(walk->list->why),
			 "the list of processes is damaged: the one at 0x%llx %s", task, what);
}

/*
 * From init_task on, in one direction. Return: 0: back at init_task, or at a task that was
 * met; -EAGAIN: it ends elsewhere; -ENOMEM.
 */
static int go(struct walk *walk, __u64 init, __u64 link)
{
	__u64 task = init, next;
	int ret;

	for (;;) {
		if (kernel_read_64(walk->kernel, task + walk->at.tasks + link, &next)) {
			damaged(walk, task, "can't be read");
			return -EAGAIN;
		}
		task = next - walk->at.tasks;
		if (task == init)
			return 0;
		if (!walk->left) {
			damaged(walk, task, "is one too many");
			return -EAGAIN;
		}
		walk->left--;
		ret = seen_add(&walk->seen, task);
		if (ret == -EEXIST)
			damaged(walk, task, "comes again");
		if (ret)
			return ret == -EEXIST ? -EAGAIN : ret;
		ret = visit(walk, task);
		if (ret == -ENOMEM)
			return ret;
		if (ret)
			damaged(walk, task, "doesn't hold together");
	}
}

static int walk_list(struct walk *walk, __u64 init)
{
	int ret = go(walk, init, 0);

	/* backwards */
	if (ret == -EAGAIN)
		ret = go(walk, init, 8);
	seen_end(&walk->seen);
	return ret == -EAGAIN ? 0 : ret;
}

static int read_list(struct kernel *kernel, const struct vmem_linux *about,
		     struct vmem_linux_list *list)
{
	struct kallsyms_symbol symbols[] = {
		{ .name = "init_task" }, { .name = "__start_BTF" }, { .name = "__stop_BTF" },
	};
	const struct vmcoreinfo info = { about->info, about->info_len };
	struct walk walk = { .kernel = kernel, .left = TASKS_MAX, .list = list };
	const char *what = "kernel's table of symbols";
	int ret = kallsyms_find(kernel, &info, symbols, 3);

	if (!ret && (!symbols[0].found || !symbols[1].found || !symbols[2].found))
		ret = -ENOENT;
	if (!ret) {
		what = "kernel's description of its types (BTF)";
		ret = read_offsets(kernel, symbols[1].value, symbols[2].value, &walk.at);
	}
	if (!ret) {
		what = "list of processes";
		ret = walk_list(&walk, symbols[0].value);
	}
	if (ret)
		snprintf(list->why, sizeof(list->why), "the %s %s", what,
			 ret == -ENOENT ? "isn't there, or hasn't what is needed" :
			 ret == -EINVAL ? "doesn't hold together" :
			 ret == -ENODATA ? "isn't in the dump" : strerror(-ret));
	return ret;
}

int vmem_linux_processes(struct vmem_guest *guest, const struct vmem_linux *about,
			 struct vmem_linux_list *list)
{
	struct kernel kernel;
	int ret;

	*list = (struct vmem_linux_list){ 0 };
	if (about->info_len > sizeof(about->info))
		return -EINVAL;
	ret = kernel_open(&kernel, guest, about);
	if (ret)
		return ret;
	ret = read_list(&kernel, about, list);
	kernel_close(&kernel);
	if (ret) {
		free(list->processes);
		list->processes = NULL;
		list->nr = 0;
	}
	return ret;
}
