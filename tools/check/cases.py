# SPDX-License-Identifier: GPL-2.0-only
"""Small memories and files as guests and tools produce them: each is made of a
few writes. Where nothing else is said, an image is 64 KiB from address 0 on with
its root at 0x1000, and the path to VA 0x400000 is 0x1000 -> 0x2000 -> 0x3000
(entry 2) -> 0x4000."""

import struct

KIB = 1024
SIZE = 64 * KIB
NX = 1 << 63
ENC = 1 << 51
SHARED = 1 << 47


def image(*writes, size=SIZE):
    """64-bit words at their places, zeros elsewhere."""
    data = bytearray(size)
    for at, *words in writes:
        struct.pack_into(f"<{len(words)}Q", data, at, *words)
    return bytes(data)


def path(*leaves, flags=0x67):
    """The usual path, and leaves from VA 0x400000 on."""
    return ((0x1000, 0x2000 | flags), (0x2000, 0x3000 | flags),
            (0x3010, 0x4000 | flags), (0x4000, *leaves))


def lime(*ranges):
    """(first address, bytes of it)"""
    return b"".join(struct.pack("<IIQQQ", 0x4c694d45, 1, first,
                                first + len(data) - 1, 0) + data
                    for first, data in ranges)


def elf(loads, note=b"", note_at=None, size=0):
    """A core: (offset, address, physical address, bytes in the file, in memory)
    of each LOAD, which come behind the PT_NOTE."""
    nr = len(loads) + 1 if note_at is None else 0
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 64, 0,
                       0, 64, 56, nr, 0, 0, 0)
    if nr:
        at = 64 + 56 * nr
        head += struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(note), len(note), 0)
        for load in loads:
            head += struct.pack("<IIQQQQQQ", 1, 7, *load, 0)
    return (head + note).ljust(size, b"\0")


# The guest that most of the files hold.
TREE = image(*path(0x8063))
NOTE = struct.pack("<III", 5, 4, 1) + b"CORE\0\0\0\0" + bytes(4)


def paging_elf():
    """As QEMU writes it with -p: LOADs by virtual addresses, that overlap."""
    head = elf([(0x100, 0xffff888000000000, 0, SIZE, SIZE),
                (0x100 + SIZE, 0xffffffff81000000, 0, 0x4000, 0x4000)], NOTE)
    return head.ljust(0x100, b"\0") + TREE + TREE[:0x4000]


def vbox_elf():
    """As VirtualBox writes it: a LOAD of a device that is not in the file."""
    head = elf([(0x138, 0, 0, 0x8000, 0x8000),
                (0x8138, 0, 0xe0000000, 0, 0x1000),
                (0x8138, 0, 0x8000, 0x8000, 0x9000)], NOTE)
    return head + TREE


FILES = {
    "01-shstk.img": image(*path(NX | 0x8065, NX | 0x9025)),
    "04-cbit.img": image(*path(ENC | 0x8063, 0x9063, flags=ENC | 0x63)),
    "04-tdx.img": image(*path(0x8063, SHARED | 0x9063)),
    "06-special.img": image(*path(NX | 0x8225, NX | 0x9267, NX | 0xa067)),
    "07-partial.img": image((0x1000, 0x2063), (0x2000, 0xe3)),
    "08-pat.img": image((0x1000, 0x2063), (0x2000, 0x3063, 0x400010e3),
                        (0x3010, 0x2010e3, 0x4063),
                        (0x4000, 0x8063, 0x90e3, 0xa063, 1 << 59 | 0xb063)),
    "09-protnone.img": image(*path(0xfffffffff7120, 0xdeadb002)),
    "11-amd.img": image((0x1000, 0x2163, 0x2063), (0x2000, 0x3163),
                        (0x3010, 0x4163), (0x4000, 0x8063)),
    "12-gb.img": image((0x1000, 0x2063), (0x2000, 0xe3)),
    "13-tagged.img": image(*path(0x8067), (0x1800, 0x2063)),
    "18-la57.img": image((0x1000, 0x2063), (0x2000, 0x3063), (0x3000, 0x4063),
                         (0x4010, 0x5063), (0x5000, 0x8063)),
    "20-cr3.img": TREE,

    "05.lime": lime((0, TREE[:0x2000]), (0x2000, TREE[0x2000:])),
    "05-gap.lime": lime((0x1000, TREE[0x1000:0x5000]),
                        (0x100000000, bytes(0x1000))),
    "05-vbox.elf": vbox_elf(),
    "05-paging.elf": paging_elf(),
    "05-xen-nophdr.elf": elf([], NOTE, note_at=0),
    "05.avml": struct.pack("<IIQQQ", 0x4c4d5641, 2, 0, SIZE - 1, 0) +
               b"\xff\x06\0\0sNaPpY",
    "05-kdump.flat": (b"makedumpfile\0\0\0\0" + struct.pack(">QQ", 1, 1)
                      ).ljust(4 * KIB, b"\0") + b"KDUMP   ".ljust(4 * KIB, b"\0"),
    "05-win.dmp": b"PAGEDU64".ljust(8 * KIB, b"\0") + TREE,
    "05-qemu.savevm": b"QEVM\0\0\0\3".ljust(8 * KIB, b"\0"),
}
