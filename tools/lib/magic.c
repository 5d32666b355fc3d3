// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The one table of how files with a guest's memory begin.
 *
 * Raw memory begins with whatever a guest has at address 0: zeros, or the
 * vectors of real mode (an offset and a segment, of 16 bits each, mostly the
 * same again and again). So a name of less than four bytes counts only together
 * with what must stand behind it.
 */
#include <string.h>

#include "magic.h"

#define BYTES(s)	.bytes = (s), .nr = sizeof(s) - 1

#define QEMU_DUMP \
	"have a dump written, in QEMU's monitor by `dump-guest-memory FILE'"
#define WHOLE \
	"it is a guest of its own: give it alone, as --memory FILE without @GPA"
#define UNPACK(command) \
	"unpack it first: " command

static unsigned int le16(const unsigned char *p)
{
	return p[0] | (unsigned int)p[1] << 8;
}

/* e_type and e_phnum stand at the same place in all ELF files of 64 bits. */
static int elf_core(const unsigned char *head, size_t len)
{
	return len >= 64 && head[4] == 2 && le16(head + 16) == 4;
}

static int elf_core_without_headers(const unsigned char *head, size_t len)
{
	return elf_core(head, len) && !le16(head + 56);
}

/* An executable or an object: no memory at all. */
static int elf_other(const unsigned char *head, size_t len)
{
	return len >= 18 && le16(head + 16) != 4;
}

/*
 * Behind the two bytes of its header a zlib stream has a block with Huffman
 * codes, fixed or its own: a compressor of memory gives no stored one first.
 */
static int deflated(const unsigned char *head, size_t len)
{
	unsigned int type = len > 2 ? head[2] >> 1 & 3 : 0;

	return type == 1 || type == 2;
}

/* The level of compression, and the number that begins each block. */
static int bzip2_block(const unsigned char *head, size_t len)
{
	return len >= 10 && head[3] >= '1' && head[3] <= '9' &&
	       !memcmp(head + 4, "1AY&SY", 6);
}

/* pzstd's frame with the length of what comes, which others skip, and one of zstd. */
static int zstd_skipped(const unsigned char *head, size_t len)
{
	return len >= 16 && !memcmp(head + 12, "\x28\xb5\x2f\xfd", 4);
}

/* In the order in which they are tried. */
static const struct vmem_magic magics[] = {
	{ .name = "an ELF core without program headers, as Xen's `xl dump-core' writes",
	  .advice = "its pages stand in the section .xen_pages, in no order that the addresses follow: have the memory written raw",
	  BYTES("\177ELF"), .check = elf_core_without_headers },
	{ .name = "an ELF core (QEMU's dump-guest-memory, VirtualBox, /proc/vmcore)",
	  .advice = WHOLE, .reader = VMEM_MAGIC_ELF,
	  BYTES("\177ELF"), .check = elf_core },
	{ .name = "an ELF file that is no core: a program or a kernel",
	  .advice = "it holds no guest's memory",
	  BYTES("\177ELF"), .check = elf_other },
	{ .name = "an ELF core", .advice = WHOLE, .reader = VMEM_MAGIC_ELF,
	  BYTES("\177ELF") },

	{ .name = "a LiME capture", .advice = WHOLE, .reader = VMEM_MAGIC_LIME,
	  BYTES("EMiL") },
	{ .name = "a compressed LiME capture (a zlib stream)", .advice = WHOLE,
	  .reader = VMEM_MAGIC_ZLIB, BYTES("\x38\x8d"), .check = deflated },
	{ .name = "an AVML capture", .advice = WHOLE, .reader = VMEM_MAGIC_AVML,
	  BYTES("AVML") },

	{ .name = "a flattened kdump file of makedumpfile or QEMU", .advice = WHOLE,
	  .reader = VMEM_MAGIC_KDUMP, BYTES("makedumpfile\0\0\0\0") },
	{ .name = "a kdump file (makedumpfile, QEMU)", .advice = WHOLE,
	  .reader = VMEM_MAGIC_KDUMP, BYTES("KDUMP   ") },
	{ .name = "a diskdump file",
	  .advice = "its pages are compressed one by one: have the memory written raw",
	  BYTES("DISKDUMP") },

	{ .name = "a crash dump of Windows of 64 bits",
	  .advice = "in a full dump the runs of memory follow one another from 0x2000 on: give each by hand, FILE@GPA:OFFSET+LEN; other dumps leave pages out",
	  BYTES("PAGEDU64") },
	{ .name = "a crash dump of Windows of 32 bits",
	  .advice = "in a full dump the runs of memory follow one another from 0x1000 on: give each by hand, FILE@GPA:OFFSET+LEN; other dumps leave pages out",
	  BYTES("PAGEDUMP") },

	{ .name = "a state saved by QEMU (savevm, migrate)",
	  .advice = "pages stand in it as they were sent: " QEMU_DUMP,
	  BYTES("QEVM") },
	{ .name = "a state saved by libvirt (virsh save)",
	  .advice = "`virsh dump --memory-only' writes an ELF core instead, which is read",
	  BYTES("LibvirtQemud") },
	{ .name = "a state saved by VirtualBox",
	  .advice = "`VBoxManage debugvm VM dumpvmcore' writes an ELF core instead, which is read",
	  BYTES("\177VirtualBox SavedState ") },
	{ .name = "a state saved by Xen (xl save)",
	  .advice = "pages stand in it as they were sent: have the memory written raw",
	  BYTES("Xen saved domain") },
#define VMWARE(magic) \
	{ .name = "a snapshot or a suspended state of VMware (.vmsn, .vmss)", \
	  .advice = "the memory is raw in the file .vmem beside it, if there is one; above the hole below 4 GiB it is to be given by hand, FILE@0x100000000:0xc0000000", \
	  BYTES(magic) }
	VMWARE("\xd0\xbe\xd0\xbe"),
	VMWARE("\xd2\xbe\xd2\xbe"),
	VMWARE("\xd3\xbe\xd3\xbe"),
	VMWARE("\xd1\xba\xd1\xba"),
	VMWARE("\xd2\xba\xd2\xba"),
#undef VMWARE
	{ .name = "a qcow2 image: a disk",
	  .advice = "it holds no memory, but perhaps a snapshot with one: `qemu-img snapshot -l' lists them",
	  BYTES("QFI\xfb") },

	{ .name = "compressed with gzip",
	  .advice = UNPACK("`gzip -dc'"),
	  .reader = VMEM_MAGIC_ZLIB, BYTES("\x1f\x8b\x08") },
	{ .name = "compressed with zstd",
	  .advice = UNPACK("`zstd -dc'"),
	  .reader = VMEM_MAGIC_ZSTD, BYTES("\x28\xb5\x2f\xfd") },
	{ .name = "compressed with pzstd",
	  .advice = UNPACK("`zstd -dc'"), .reader = VMEM_MAGIC_ZSTD,
	  BYTES("\x50\x2a\x4d\x18\x04\0\0\0"), .check = zstd_skipped },
	{ .name = "compressed with xz",
	  .advice = UNPACK("`xz -dc'"), BYTES("\xfd\x37zXZ\0") },
	{ .name = "compressed with bzip2",
	  .advice = UNPACK("`bzip2 -dc'"), BYTES("BZh"),
	  .check = bzip2_block },
	{ .name = "compressed with lz4",
	  .advice = UNPACK("`lz4 -dc'"), BYTES("\x04\x22\x4d\x18") },
	{ .name = "compressed with lzop",
	  .advice = UNPACK("`lzop -dc'"), BYTES("\x89LZO\0\r\n\x1a\n") },
#define ZLIB(magic) \
	{ .name = "a zlib stream", \
	  .advice = UNPACK("`zlib-flate -uncompress' or `pigz -dz'"), \
	  .reader = VMEM_MAGIC_ZLIB, BYTES(magic), .check = deflated }
	ZLIB("\x78\x01"),
	ZLIB("\x78\x5e"),
	ZLIB("\x78\x9c"),
	ZLIB("\x78\xda"),
#undef ZLIB
	{ .name = "a zip archive",
	  .advice = UNPACK("`unzip'"), BYTES("PK\3\4") },
};

const struct vmem_magic *vmem_magic_find(const void *head, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct vmem_magic *magic = &magics[i];

		if (len < magic->nr || memcmp(head, magic->bytes, magic->nr))
			continue;
		if (!magic->check || magic->check(head, len))
			return magic;
	}
	return NULL;
}
