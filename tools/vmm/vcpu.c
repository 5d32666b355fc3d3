// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A machine of KVM in long mode, see vcpu.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ports.h"
#include "vcpu.h"

#define NR_VECTORS	32

/* The page of a vCPU: what is where. */
#define SYSTEM_IDT	0x000
#define SYSTEM_GDT	0x200
#define SYSTEM_TSS	0x240
#define SYSTEM_VECTORS	0x300
#define TSS_LEN		0x68
#define TSS_IST1	0x24
#define TSS_IO_MAP	0x66

/* SYSRET wants a user's code right behind a user's data. */
#define SELECTOR_CODE	0x08
#define SELECTOR_DATA	0x10
#define SELECTOR_TSS	0x18
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33

#define VECTOR_BP	3
#define VECTOR_PF	14
/* a user executes what is a supervisor's */
#define PF_USER_EXEC	0x15

#define RFLAGS_ONE	(1ULL << 1)
#define RFLAGS_TF	(1ULL << 8)
#define RFLAGS_IF	(1ULL << 9)
#define RFLAGS_DF	(1ULL << 10)
#define RFLAGS_NT	(1ULL << 14)
#define RFLAGS_AC	(1ULL << 18)
#define RFLAGS_USER	0x244dd5ULL	/* what POPF changes in user mode */

#define CR0_PE		(1ULL << 0)
#define CR0_MP		(1ULL << 1)
#define CR0_ET		(1ULL << 4)
#define CR0_NE		(1ULL << 5)
#define CR0_WP		(1ULL << 16)
#define CR0_PG		(1ULL << 31)
#define CR3_ROOT	0x000ffffffffff000ULL
#define CR4_PAE		(1ULL << 5)
#define CR4_PGE		(1ULL << 7)
#define CR4_OSFXSR	(1ULL << 9)
#define CR4_OSXMMEXCPT	(1ULL << 10)
#define CR4_LA57	(1ULL << 12)
#define CR4_SMEP	(1ULL << 20)
#define CR4_SMAP	(1ULL << 21)
#define EFER_SCE	(1ULL << 0)
#define EFER_LME	(1ULL << 8)
#define EFER_LMA	(1ULL << 10)
#define EFER_NX		(1ULL << 11)

#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_SFMASK	0xc0000084

/* Below 4 GiB and beyond all memory: KVM on Intel may want it. */
#define TSS_ADDR	0xfffbd000UL
#define SPARE_GPA	0xfff00000UL
#define PAGE_SIZE	0x1000UL

extern const char vcpu_vectors[];
extern const __u32 vcpu_vectors_len;
/* from vcpu_vectors on */
extern const __u32 vcpu_syscall, vcpu_sysret;

static int call(int fd, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(fd, request, arg);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/* Does KVM let vCPUs use the guest's tables themselves? */
static bool two_dimensional(void)
{
	static const char *const files[] = {
		"/sys/module/kvm_amd/parameters/npt",
		"/sys/module/kvm_intel/parameters/ept",
	};
	char answer;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		fd = open(files[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, &answer, 1) != 1)
			answer = 'N';
		close(fd);
		if (answer == 'Y' || answer == '1')
			return true;
	}
	return false;
}

static int read_cpuid(struct machine *m)
{
	const __u32 nr = 256;
	__u32 i;
	int ret;

	m->cpuid = calloc(1, sizeof(*m->cpuid) + nr * sizeof(m->cpuid->entries[0]));
	if (!m->cpuid)
		return -ENOMEM;
	m->cpuid->nent = nr;
	ret = call(m->kvm, KVM_GET_SUPPORTED_CPUID, m->cpuid);
	for (i = 0; !ret && i < m->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &m->cpuid->entries[i];

		if (entry->function == 7 && !entry->index) {
			m->has_smep = entry->ebx >> 7 & 1;
			m->has_smap = entry->ebx >> 20 & 1;
			m->has_la57 = entry->ecx >> 16 & 1;
		}
		if (entry->function == 0x80000001)
			m->has_1g = entry->edx >> 26 & 1;
	}
	return ret;
}

int machine_open(struct machine *m)
{
	int ret;

	memset(m, 0, sizeof(*m));
	m->vm = -1;
	m->spare = MAP_FAILED;
	m->shadowed = !two_dimensional();
	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (m->kvm < 0)
		return -errno;
	if (call(m->kvm, KVM_GET_API_VERSION, NULL) != KVM_API_VERSION)
		return -ENODEV;
	ret = call(m->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (ret < 0)
		return ret;
	m->run_len = ret;
	ret = read_cpuid(m);
	if (ret)
		return ret;
	m->spare = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (m->spare == MAP_FAILED)
		return -errno;
	m->vm = call(m->kvm, KVM_CREATE_VM, NULL);
	if (m->vm < 0)
		return m->vm;
	return call(m->vm, KVM_SET_TSS_ADDR, (void *)TSS_ADDR);
}

void machine_close(struct machine *m)
{
	__u32 i;

	for (i = 0; i < m->nr_vcpus; i++) {
		munmap(m->vcpus[i].run, m->run_len);
		close(m->vcpus[i].fd);
	}
	if (m->spare != MAP_FAILED)
		munmap(m->spare, PAGE_SIZE);
	if (m->vm >= 0)
		close(m->vm);
	if (m->kvm >= 0)
		close(m->kvm);
	free(m->cpuid);
}

static int slot(struct machine *m, __u32 number, __u64 gpa, void *host,
		__u64 len, __u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot			= number,
		.flags			= flags,
		.guest_phys_addr	= gpa,
		.memory_size		= len,
		.userspace_addr		= (unsigned long)host,
	};

	return call(m->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

int machine_memory(struct machine *m, __u64 gpa, void *host, __u64 len,
		   bool readonly)
{
	int ret = slot(m, m->nr_slots, gpa, host, len,
		       readonly ? KVM_MEM_READONLY : 0);

	if (!ret)
		m->nr_slots++;
	return ret;
}

int machine_guest_memfd(struct machine *m, __u64 len)
{
	struct kvm_create_guest_memfd create = {
		.size	= len,
		.flags	= GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
	};
	/* of this machine: what is offered depends on its type */
	int flags = call(m->vm, KVM_CHECK_EXTENSION,
			 (void *)(unsigned long)KVM_CAP_GUEST_MEMFD_FLAGS);

	if (flags < 0)
		return flags;
	if (create.flags & ~(__u64)flags)
		return -EOPNOTSUPP;
	return call(m->vm, KVM_CREATE_GUEST_MEMFD, &create);
}

int machine_memory_of(struct machine *m, __u64 gpa, void *host, __u64 len, int fd)
{
	struct kvm_userspace_memory_region2 region = {
		.slot			= m->nr_slots,
		.flags			= KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr	= gpa,
		.memory_size		= len,
		.userspace_addr		= (unsigned long)host,
		.guest_memfd		= fd,
	};
	int ret = call(m->vm, KVM_SET_USER_MEMORY_REGION2, &region);

	if (!ret)
		m->nr_slots++;
	return ret;
}

/*
 * KVM_SET_SREGS flushes nothing when CR0, CR3, CR4 and EFER are what they were:
 * to write the same CR3 again is no flush. When one of them changes, it resets
 * the vCPU's MMU and requests KVM_REQ_TLB_FLUSH_GUEST (__set_sregs() of Linux
 * 6.12), which the statistic tlb_flush counts: before the vCPU runs again, its
 * ASID is flushed on AMD, its VPID on Intel. (6.1 flushes in kvm_mmu_load(), for
 * the root that follows the reset, and doesn't count.) By the manuals that is all
 * PCIDs, global pages and paging-structure caches (APM 2, "TLB Control"; SDM 3,
 * "Operations That Invalidate Cached Mappings", of INVVPID). CR4.PGE is the bit
 * that every vCPU may change.
 */
static int vcpu_flush(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;
	int i, ret;

	ret = call(vcpu->fd, KVM_GET_SREGS, &sregs);
	for (i = 0; !ret && i < 2; i++) {
		sregs.cr4 ^= CR4_PGE;
		ret = call(vcpu->fd, KVM_SET_SREGS, &sregs);
	}
	return ret;
}

/*
 * Where KVM shadows the guest's tables, it is told of a table's change by the
 * guest's own writes only. Ours leave its shadow as it was, flush or no flush,
 * and that is thrown away when a memory slot, any of them, goes.
 */
int machine_flush(struct machine *m)
{
	int ret = 0;
	__u32 i;

	for (i = 0; !ret && i < m->nr_vcpus; i++)
		ret = vcpu_flush(&m->vcpus[i]);
	if (ret || !m->shadowed)
		return ret;
	ret = slot(m, m->nr_slots, SPARE_GPA, m->spare, PAGE_SIZE, KVM_MEM_READONLY);
	return ret ? ret : slot(m, m->nr_slots, SPARE_GPA, m->spare, 0, 0);
}

/* A gate to the n-th vector's code, on the stack of IST 1. INT3 is for users too. */
static void set_gate(void *idt, unsigned int n, __u64 to)
{
	__u64 gate[2] = {
		(to & 0xffff) | SELECTOR_CODE << 16 | 1ULL << 32 |
		(n == VECTOR_BP ? 0xeeULL : 0x8eULL) << 40 | (to >> 16 & 0xffff) << 48,
		to >> 32,
	};

	memcpy((char *)idt + n * sizeof(gate), gate, sizeof(gate));
}

static void set_system(const struct vcpu_start *start)
{
	__u64 va = start->system_va, tss = va + SYSTEM_TSS, ist = va + VCPU_SYSTEM_LEN;
	char *page = start->system;
	/* the accessed bits are set, so that no vCPU writes them */
	const __u64 gdt[] = {
		[SELECTOR_CODE / 8] = 0x00209b0000000000ULL,
		[SELECTOR_DATA / 8] = 0x00cf93000000ffffULL,
		[SELECTOR_TSS / 8] = (TSS_LEN - 1) | (tss & 0xffffff) << 16 |
				     0x8bULL << 40 | (tss >> 24 & 0xff) << 56,
		[SELECTOR_TSS / 8 + 1] = tss >> 32,
		[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffffULL,
		[SELECTOR_USER_CODE / 8] = 0x0020fb0000000000ULL,
	};
	/* behind its end: a program in user mode has no ports */
	const __u16 io_map = start->user ? TSS_LEN : 0;
	unsigned int n;

	memset(page, 0, VCPU_CODE_LEN);
	memcpy(page + SYSTEM_GDT, gdt, sizeof(gdt));
	memcpy(page + SYSTEM_TSS + TSS_IST1, &ist, sizeof(ist));
	memcpy(page + SYSTEM_TSS + TSS_IO_MAP, &io_map, sizeof(io_map));
	memcpy(page + SYSTEM_VECTORS, vcpu_vectors, vcpu_vectors_len);
	for (n = 0; n < NR_VECTORS; n++)
		set_gate(page + SYSTEM_IDT, n, va + SYSTEM_VECTORS + n * 16);
}

static void set_sregs(const struct machine *m, struct kvm_sregs *sregs,
		      const struct vcpu_start *start)
{
	const struct kvm_segment code = {
		.selector = SELECTOR_CODE, .limit = 0xffffffff, .type = 11,
		.present = 1, .s = 1, .l = 1, .g = 1,
	};
	const struct kvm_segment data = {
		.selector = SELECTOR_DATA, .limit = 0xffffffff, .type = 3,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){
		.selector = SELECTOR_TSS, .base = start->system_va + SYSTEM_TSS,
		.limit = TSS_LEN - 1, .type = 11, .present = 1,
	};
	sregs->ldt = (struct kvm_segment){ .type = 2, .unusable = 1 };
	sregs->gdt = (struct kvm_dtable){
		.base = start->system_va + SYSTEM_GDT,
		.limit = SYSTEM_TSS - SYSTEM_GDT - 1,
	};
	sregs->idt = (struct kvm_dtable){
		.base = start->system_va + SYSTEM_IDT, .limit = NR_VECTORS * 16 - 1,
	};
	sregs->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs->cr3 = start->cr3;
	sregs->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
		     (start->levels == 5 ? CR4_LA57 : 0);
	sregs->efer = EFER_LME | EFER_LMA | EFER_NX;
	if (!start->user)
		return;
	sregs->cr4 |= (m->has_smep ? CR4_SMEP : 0) | (m->has_smap ? CR4_SMAP : 0);
	sregs->efer |= EFER_SCE;
}

/*
 * What SYSCALL and SYSRET do. No single step comes along into supervisor mode, and
 * no leave to touch users' pages.
 */
static int set_calls(struct vcpu *vcpu, __u64 entry)
{
	const __u64 values[][2] = {
		{ MSR_STAR, (__u64)SELECTOR_CODE << 32 |
			    (__u64)(SELECTOR_USER_DATA - 8) << 48 },
		{ MSR_LSTAR, entry },
		{ MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC },
	};
	size_t i, nr = sizeof(values) / sizeof(values[0]);
	int ret = 0;

	vcpu->syscall = entry;
	for (i = 0; !ret && i < nr; i++) {
		union {
			struct kvm_msrs msrs;
			char room[sizeof(struct kvm_msrs) +
				  sizeof(struct kvm_msr_entry)];
		} arg = { .msrs = { .nmsrs = 1 } };

		arg.msrs.entries[0].index = values[i][0];
		arg.msrs.entries[0].data = values[i][1];
		ret = call(vcpu->fd, KVM_SET_MSRS, &arg);
		/* it answers how many were set */
		if (ret >= 0)
			ret = ret == 1 ? 0 : -EINVAL;
	}
	return ret;
}

/* A user begins as after a system call. */
static int set_regs(struct vcpu *vcpu, const struct vcpu_start *start)
{
	struct kvm_regs regs = {
		.rip	= start->rip,
		.rsp	= start->rsp,
		.rdi	= start->rdi,
		.rflags	= RFLAGS_ONE,
	};

	if (start->user) {
		regs.rcx = start->rip;
		regs.r11 = RFLAGS_ONE;
		regs.rip = start->system_va + SYSTEM_VECTORS + vcpu_sysret;
	}
	return call(vcpu->fd, KVM_SET_REGS, &regs);
}

static int vcpu_init(struct machine *m, struct vcpu *vcpu,
		     const struct vcpu_start *start)
{
	struct kvm_sregs sregs;
	int ret;

	if (start->levels == 5 && !m->has_la57)
		return -EOPNOTSUPP;
	ret = call(vcpu->fd, KVM_SET_CPUID2, m->cpuid);
	if (ret)
		return ret;
	ret = call(vcpu->fd, KVM_GET_SREGS, &sregs);
	if (ret)
		return ret;
	set_system(start);
	set_sregs(m, &sregs, start);
	vcpu->smap = sregs.cr4 & CR4_SMAP;
	ret = call(vcpu->fd, KVM_SET_SREGS, &sregs);
	if (!ret && start->user)
		ret = set_calls(vcpu, start->system_va + SYSTEM_VECTORS + vcpu_syscall);
	if (ret)
		return ret;
	vcpu->frame = (struct vcpu_frame *)((char *)start->system + VCPU_SYSTEM_LEN) - 1;
	return set_regs(vcpu, start);
}

int machine_vcpu(struct machine *m, const struct vcpu_start *start,
		 struct vcpu **out)
{
	struct vcpu *vcpu = &m->vcpus[m->nr_vcpus];
	int ret;

	if (m->nr_vcpus == VCPU_MAX)
		return -ENOSPC;
	vcpu->fd = call(m->vm, KVM_CREATE_VCPU, (void *)(unsigned long)m->nr_vcpus);
	if (vcpu->fd < 0)
		return vcpu->fd;
	vcpu->run = mmap(NULL, m->run_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		ret = -errno;
		close(vcpu->fd);
		return ret;
	}
	/* from here on machine_close() has it */
	m->nr_vcpus++;
	*out = vcpu;
	return vcpu_init(m, vcpu, start);
}

static void vcpu_stopped(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = {};

	call(vcpu->fd, KVM_GET_REGS, &regs);
	exit->event = VCPU_STOPPED;
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		snprintf(exit->why, sizeof(exit->why),
			 "%s of physical address 0x%llx at rip 0x%llx",
			 run->mmio.is_write ? "write" : "read",
			 run->mmio.phys_addr, regs.rip);
		break;
	case KVM_EXIT_SHUTDOWN:
		snprintf(exit->why, sizeof(exit->why), "triple fault");
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(exit->why, sizeof(exit->why),
			 "KVM's internal error %u at rip 0x%llx",
			 run->internal.suberror, regs.rip);
		break;
	default:
		snprintf(exit->why, sizeof(exit->why), "KVM's exit %u at rip 0x%llx",
			 run->exit_reason, regs.rip);
	}
}

/*
 * KVM that has neither VMX nor SVM (PVM, in patches to Linux) lets SYSCALL set rcx,
 * r11 and rip, but stays in user mode: there the first instruction is a fault.
 */
static bool call_faulted(const struct vcpu *vcpu)
{
	const struct vcpu_frame *frame = vcpu->frame;

	return vcpu->syscall && frame->vector == VECTOR_PF &&
	       frame->error == PF_USER_EXEC && frame->rip == vcpu->syscall;
}

int vcpu_run(struct vcpu *vcpu, struct vcpu_exit *exit)
{
	const struct kvm_run *run = vcpu->run;
	int ret;

	memset(exit, 0, sizeof(*exit));
	ret = call(vcpu->fd, KVM_RUN, NULL);
	if (ret)
		return ret;
	if (run->exit_reason != KVM_EXIT_IO ||
	    run->io.direction != KVM_EXIT_IO_OUT || run->io.count != 1) {
		vcpu_stopped(vcpu, exit);
		return 0;
	}
	exit->port = run->io.port;
	exit->bytes = run->io.size;
	memcpy(&exit->value, (const char *)run + run->io.data_offset, run->io.size);
	vcpu->call_faulted = exit->port == PORT_FAULT && call_faulted(vcpu);
	exit->event = exit->port == PORT_SYSCALL || vcpu->call_faulted ? VCPU_CALL :
		      exit->port == PORT_FAULT ? VCPU_FAULT : VCPU_OUT;
	return 0;
}

int vcpu_call(struct vcpu *vcpu, struct vcpu_call *system_call)
{
	struct kvm_regs regs;
	int ret = call(vcpu->fd, KVM_GET_REGS, &regs);

	if (ret)
		return ret;
	*system_call = (struct vcpu_call){
		.nr = regs.rax, .args = { regs.rdi, regs.rsi, regs.rdx },
	};
	if (vcpu->call_faulted) {
		system_call->nr = vcpu->frame->rax;
		system_call->args[2] = vcpu->frame->rdx;
	}
	return 0;
}

int vcpu_answer(struct vcpu *vcpu, __s64 answer)
{
	struct kvm_regs regs;
	int ret = call(vcpu->fd, KVM_GET_REGS, &regs);

	if (ret)
		return ret;
	if (vcpu->call_faulted) {
		/* IRET does what SYSRET would; who only jumped there made up r11 */
		vcpu->frame->rax = answer;
		vcpu->frame->rip = regs.rcx;
		vcpu->frame->rflags = (regs.r11 & RFLAGS_USER) | RFLAGS_ONE;
		return 0;
	}
	regs.rax = answer;
	return call(vcpu->fd, KVM_SET_REGS, &regs);
}

int vcpu_cr3(struct vcpu *vcpu, __u64 *cr3)
{
	struct kvm_sregs sregs;
	int ret = call(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (!ret)
		*cr3 = sregs.cr3 & CR3_ROOT;
	return ret;
}

int vcpu_replace_cr3(struct vcpu *vcpu, __u64 old, __u64 cr3)
{
	struct kvm_sregs sregs;
	int ret = call(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (ret || (sregs.cr3 & CR3_ROOT) != old)
		return ret;
	sregs.cr3 = cr3 | (sregs.cr3 & ~CR3_ROOT);
	return call(vcpu->fd, KVM_SET_SREGS, &sregs);
}

/* With SMAP, supervisor mode reads users' pages only with RFLAGS.AC. */
static int translate(struct vcpu *vcpu, struct kvm_translation *translation)
{
	struct kvm_regs regs, allowed;
	int ret, back;

	if (!vcpu->smap)
		return call(vcpu->fd, KVM_TRANSLATE, translation);
	ret = call(vcpu->fd, KVM_GET_REGS, &regs);
	if (ret)
		return ret;
	allowed = regs;
	allowed.rflags |= RFLAGS_AC;
	ret = call(vcpu->fd, KVM_SET_REGS, &allowed);
	if (!ret)
		ret = call(vcpu->fd, KVM_TRANSLATE, translation);
	back = call(vcpu->fd, KVM_SET_REGS, &regs);
	return ret ? ret : back;
}

int vcpu_translate(struct vcpu *vcpu, __u64 va, __u64 *gpa)
{
	struct kvm_translation translation = { .linear_address = va };
	int ret;

	ret = translate(vcpu, &translation);
	if (ret)
		return ret;
	if (!translation.valid)
		return -ENOENT;
	*gpa = translation.physical_address;
	return 0;
}
