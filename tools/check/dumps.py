# SPDX-License-Identifier: GPL-2.0-only
"""Dumps for the check: by QEMU, of guests that run and of guests whose tables were
written by hand, and by hand where no tool can be made to write what others have."""

import ctypes
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time
import zlib

from cases import lime  # pylint: disable=unused-import

PAGE = 4096
MIB = 1 << 20
GIB = 1 << 30
NX = 1 << 63
PG, PAE, LA57 = 1 << 31, 1 << 5, 1 << 12
NEWEST = '. tools/vm/common.sh; in_tree emulators "$@"'
PT_LOAD, PT_NOTE = 1, 4
EHDR, PHDR = "<16sHHIQQQIHHHHHH", "<IIQQQQQQ"


def newest(*command):
    """A command of the newest release that is in the tree of emulators."""
    return ["bash", "-c", NEWEST, "-", *map(str, command)]


class Tables:
    """Tables that are written by hand, page by page from the addresses given."""

    def __init__(self, levels, pages):
        self.levels = levels
        self.pages = iter(pages)
        self.words = {}
        self.leaves = {}
        self.root = self.table()

    def table(self):
        gpa = next(self.pages)
        self.words[gpa] = [0] * 512
        return gpa

    def map(self, va, gpa, level=0, flags=0x63):
        """A leaf of this level. Returns the tables on the way to it."""
        table, way = self.root, []
        for at in range(self.levels - 1, level, -1):
            way.append(table)
            slot = va >> 12 + 9 * at & 511
            if not self.words[table][slot]:
                self.words[table][slot] = self.table() | 0x67
            table = self.words[table][slot] & ~0xfff & (1 << 52) - 1
        way.append(table)
        self.words[table][va >> 12 + 9 * level & 511] = (
            gpa | flags | (0x80 if level else 0))
        self.leaves[va] = gpa, PAGE << 9 * level
        return way

    def write(self, put):
        for gpa, words in self.words.items():
            put(gpa, struct.pack("<512Q", *words))


def high(va, levels):
    """An address of the upper half as it is written."""
    bits = 48 if levels == 4 else 57
    return va | (1 << 64) - (1 << bits) if va >> bits - 1 else va


class Gdb:
    """As much of gdb as sets control registers through QEMU's stub."""

    CR0, CR3, CR4, EFER = 27, 29, 30, 32

    def __init__(self, sock):
        self.stream = sock.makefile("rwb", buffering=0)
        # which says that it knows registers by number
        self.ask("qSupported:xmlRegisters=i386")
        self.ask("qXfer:features:read:target.xml:0,ffb")

    def ask(self, text):
        data = text.encode()
        self.stream.write(b"$%s#%02x" % (data, sum(data) & 255))
        answer = b""
        while not re.search(rb"\$[^#]*#..$", answer):
            byte = self.stream.read(1)
            if not byte:
                raise RuntimeError(f"gdbstub: nothing more after {answer}")
            answer += byte
        self.stream.write(b"+")
        return answer[answer.index(b"$") + 1:-3].decode()

    def set(self, vcpu, register, value):
        self.ask(f"Hg{vcpu + 1:x}")
        answer = self.ask(f"P{register:x}={struct.pack('<Q', value).hex()}")
        if answer != "OK":
            raise RuntimeError(f"gdbstub: register {register}: {answer}")


class Machine:
    """QEMU of this release, or the newest: stopped before its first instruction, unless
    it is given a kernel; its memory in a file that may be written before."""

    def __init__(self, directory, board, size, *options, is_newest=False, vcpus=2,
                 levels=4, stopped=True):
        # pylint: disable=too-many-arguments
        self.dir = pathlib.Path(directory).resolve()
        self.newest = is_newest
        # where memory goes on at 4 GiB
        self.low = (size if size < (3584 * MIB if board == "pc" else 2816 * MIB) else
                    3 * GIB if board == "pc" else 2 * GIB)
        self.memory = open(self.dir / "memory", "w+b")
        self.memory.truncate(size)
        self.qemu = self.qmp = self.gdb = None
        self.number = 0
        self.levels = levels
        cpu = "max" if levels == 5 else "max,la57=off"
        self.command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-accel", "tcg", "-smp", str(vcpus), "-cpu", cpu,
            "-machine", f"{board},memory-backend=m", "-m", f"{size // MIB}M",
            "-object", f"memory-backend-file,id=m,size={size},share=on,"
            f"mem-path={self.dir}/memory", *(["-S"] if stopped else []),
            *map(str, options)]

    def put(self, gpa, data):
        """Before it is started."""
        self.memory.seek(gpa if gpa < self.low else gpa - 4 * GIB + self.low)
        self.memory.write(data)

    def start(self):
        self.memory.close()
        pairs = [socket.socketpair() for _ in range(2)]
        fds = [theirs.fileno() for _, theirs in pairs]
        command = self.command + [
            "-chardev", f"socket,id=qmp,fd={fds[0]}", "-mon", "chardev=qmp,mode=control",
            "-chardev", f"socket,id=gdb,fd={fds[1]}", "-gdb", "chardev:gdb"]
        # pylint: disable-next=consider-using-with
        self.qemu = subprocess.Popen(newest(*command) if self.newest else command,
                                     pass_fds=fds, stdin=subprocess.DEVNULL)
        for _, theirs in pairs:
            theirs.close()
        self.qmp = pairs[0][0].makefile("rw", encoding="utf-8")
        self.gdb = pairs[1][0]
        self.qmp.readline()
        self.ask("qmp_capabilities")
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
        (self.dir / "memory").unlink()

    def ask(self, command, **arguments):
        self.qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            line = self.qmp.readline()
            if not line:
                raise RuntimeError("QEMU has ended")
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def human(self, line, vcpu=0):
        return self.ask("human-monitor-command",
                        **{"command-line": line, "cpu-index": vcpu}).replace("\r", "")

    def paging(self, *roots):
        """Long mode for the first vCPUs, by their CR3."""
        gdb = Gdb(self.gdb)
        for vcpu, root in enumerate(roots):
            if root is None:
                continue
            gdb.set(vcpu, Gdb.CR4, PAE | (LA57 if self.levels == 5 else 0))
            gdb.set(vcpu, Gdb.EFER, 0x900)
            gdb.set(vcpu, Gdb.CR3, root)
            gdb.set(vcpu, Gdb.CR0, PG | 0x33)

    def dump(self, form="elf", name=None, **options):
        """With the formats of dump-guest-memory, and "paging"."""
        path = self.dir / (name or f"{form}{self.number}")
        self.number += 1
        if form not in ("elf", "paging"):
            options["format"] = form
        self.ask("dump-guest-memory", paging=form == "paging", protocol=f"file:{path}",
                 **options)
        return path

    def wait(self, console, text, seconds=300):
        end = time.monotonic() + seconds
        while text not in console.read_bytes():
            if time.monotonic() > end or self.qemu.poll() is not None:
                raise TimeoutError(f"the guest never said {text!r}, see {console}")
            time.sleep(0.2)


# ELF

class Elf:
    """What the headers of a core say, which is small enough to be read."""

    def __init__(self, path):
        with open(path, "rb") as file:
            head = file.read(64)
            (self.ident, self.type, self.machine, _, _, self.phoff, self.shoff, _,
             self.ehsize, self.phentsize, self.phnum, _, _, _) = struct.unpack(
                 EHDR, head)
            nr = self.phnum
            if nr == 0xffff:
                file.seek(self.shoff)
                nr = struct.unpack("<I", file.read(64)[44:48])[0]
            file.seek(self.phoff)
            table = file.read(nr * 56)
        headers = [struct.unpack_from(PHDR, table, n * 56) for n in range(nr)]
        self.loads = [Load(*header) for header in headers if header[0] == PT_LOAD]
        self.note = next((Load(*h) for h in headers if h[0] == PT_NOTE), None)
        with open(path, "rb") as file:
            file.seek(self.note.offset if self.note else 0)
            self.notes = list(notes(file.read(self.note.filesz if self.note else 0)))


class Load:
    """A program header."""

    def __init__(self, kind, flags, offset, vaddr, paddr, filesz, memsz, align):
        # pylint: disable=too-many-arguments
        self.kind, self.flags, self.align = kind, flags, align
        self.offset, self.vaddr, self.paddr = offset, vaddr, paddr
        self.filesz, self.memsz = filesz, memsz


def notes(data):
    """(name, type, content) of each."""
    at = 0
    while at + 12 <= len(data):
        name, desc, kind = struct.unpack_from("<III", data, at)
        content = at + 12 + (name + 3 & ~3)
        yield data[at + 12:at + 12 + name].rstrip(b"\0"), kind, data[
            content:content + desc]
        at = content + (desc + 3 & ~3)


def note(name, kind, desc):
    name += b"\0"
    return (struct.pack("<III", len(name), len(desc), kind) +
            name.ljust(len(name) + 3 & ~3, b"\0") +
            desc.ljust(len(desc) + 3 & ~3, b"\0"))


def qemu_note(cr3, cr0=PG | 0x33, cr4=PAE, size=440):
    """The registers of a vCPU as QEMU has them."""
    desc = struct.pack("<II", 1, size).ljust(392, b"\0") + struct.pack(
        "<5Q", cr0, 0, 0, cr3, cr4)
    return note(b"QEMU", 0, desc.ljust(size, b"\0"))


def elf(loads, notes_=b"", phoff=64, machine=62, nr=None, ehsize=64):
    """loads: (paddr, bytes, memory size or None, offset or None: where it comes)."""
    nr_headers = len(loads) + 1
    at = phoff + nr_headers * 56
    many = nr_headers >= 0xffff
    section = b""
    shoff = 0
    if many:
        shoff, section = at, bytes(44) + struct.pack("<I", nr_headers) + bytes(16)
        at += 64
    headers = bytearray(struct.pack(PHDR, PT_NOTE, 0, at, 0, 0, len(notes_),
                                    len(notes_), 0))
    at += len(notes_)
    body = bytearray()
    for paddr, data, memory, pad in loads:
        body += bytes(pad or 0)
        headers += struct.pack(PHDR, PT_LOAD, 0, at + len(body), 0, paddr, len(data),
                               len(data) if memory is None else memory, 0)
        body += data
    head = struct.pack(EHDR, b"\x7fELF\2\1\1", 4, machine, 1, 0, phoff, shoff, 0,
                       ehsize, 56, 0xffff if many else nr_headers if nr is None else nr,
                       64, many, 0)
    return head.ljust(phoff, b"\0") + bytes(headers) + section + notes_ + bytes(body)


def headers_moved(source, target):
    """A core of QEMU's as makedumpfile wants it, with its program headers at 64. The
    file becomes the other one. What lay there is the section header, which says
    nothing of a core with few LOADs."""
    core = Elf(source)
    assert core.phnum < 0xffff
    os.rename(source, target)
    with open(target, "r+b") as file:
        file.seek(core.phoff)
        table = file.read(core.phnum * 56)
        end = core.phoff + len(table)
        assert 64 + len(table) <= end <= min(load.offset for load in core.loads)
        file.seek(32)
        file.write(struct.pack("<QQ", 64, 0))
        file.seek(52)
        file.write(struct.pack("<HHHHHH", 64, 56, core.phnum, 64, 0, 0))
        file.write(table)
        file.write(bytes(end - file.tell()))


# kdump

ZLIB, LZO, SNAPPY, ZSTD = 1, 2, 4, 0x20


def library(name):
    return ctypes.CDLL(name)


def packed(data, how):
    """A page, compressed."""
    out = ctypes.create_string_buffer(3 * PAGE)
    size = ctypes.c_size_t(len(out))
    if how == ZLIB:
        return zlib.compress(data, 1)
    if how == LZO:
        work = ctypes.create_string_buffer(1 << 17)
        status = library("liblzo2.so.2").lzo1x_1_compress(
            data, ctypes.c_size_t(len(data)), out, ctypes.byref(size), work)
        assert not status
    elif how == SNAPPY:
        status = library("libsnappy.so.1").snappy_compress(
            data, ctypes.c_size_t(len(data)), out, ctypes.byref(size))
        assert not status
    elif how == ZSTD:
        zstd = library("libzstd.so.1").ZSTD_compress
        zstd.restype = ctypes.c_size_t
        size.value = zstd(out, size, data, ctypes.c_size_t(len(data)), 1)
        assert size.value < len(out)
    else:
        return data
    return out.raw[:size.value]


# pylint: disable-next=too-many-arguments
def kdump(pages, nr_pfns, notes_=b"", how=lambda gpa: 0, exist=None, status=1,
          machine=b"x86_64", sub_blocks=1, phys_base=0):
    """pages: content by address. exist: addresses of pages that are memory."""
    exist = set(pages) if exist is None else set(exist)
    blocks = 2 * -(-nr_pfns // (8 * PAGE))
    bitmaps = [bytearray(blocks // 2 * PAGE) for _ in range(2)]
    for bitmap, gpas in zip(bitmaps, (exist, pages)):
        for gpa in gpas:
            bitmap[gpa // PAGE // 8] |= 1 << gpa // PAGE % 8
    head = b"KDUMP   " + struct.pack("<I", 6) + b"".join(
        word.ljust(65, b"\0") for word in (b"Linux", b"", b"", b"", machine, b""))
    head = head.ljust(424, b"\0") + struct.pack(
        "<IIIII", status, PAGE, sub_blocks, blocks, min(nr_pfns, 0xffffffff))
    head = head.ljust(PAGE, b"\0")
    note_at = PAGE + 104
    sub = struct.pack("<QII", phys_base, 0, 0) + bytes(16) + bytes(16)
    sub += struct.pack("<QQ", note_at, len(notes_))
    sub = sub.ljust(96, b"\0") + struct.pack("<Q", nr_pfns) + notes_
    assert len(sub) <= sub_blocks * PAGE
    sub = sub.ljust(sub_blocks * PAGE, b"\0")
    begin = head + sub + bytes(bitmaps[0]) + bytes(bitmaps[1])
    at = len(begin) + 24 * len(pages)
    descriptors, data, same = bytearray(), bytearray(), {}
    for gpa in sorted(pages):
        flags = how(gpa)
        content = packed(pages[gpa], flags)
        where = same.get((flags, content))
        if where is None:
            where = same[flags, content] = at + len(data)
            data += content
        descriptors += struct.pack("<QIIQ", where, len(content), flags, 0)
    return begin + bytes(descriptors) + bytes(data)


def flat(data, cuts, end=True):
    """A file in records: (first, last or bytes) in the order given."""
    head = b"makedumpfile\0\0\0\0" + struct.pack(">QQ", 1, 1)
    out = bytearray(head.ljust(PAGE, b"\0"))
    for first, last in cuts:
        part = last if isinstance(last, bytes) else data[first:last]
        out += struct.pack(">qq", first, len(part)) + part
    return bytes(out) + (struct.pack(">qq", -1, -1) if end else b"")


def flat_records(path):
    """(address, length) of each record of a flattened file; None: it has no end."""
    records = []
    with open(path, "rb") as file:
        file.seek(PAGE)
        while True:
            head = file.read(16)
            if len(head) < 16:
                return records, False
            at, length = struct.unpack(">qq", head)
            if at == length == -1:
                return records, True
            records.append((at, length))
            file.seek(length, 1)


# Captures

def crc32c(data):
    """As snappy's frames have it, masked."""
    crc = 0xffffffff
    for byte in data:
        crc = CRC[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xffffffff
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def _crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        yield byte


CRC = list(_crc_table())


def snappy_frames(data, plain=False):
    out = b"\xff\x06\0\0sNaPpY"
    for at in range(0, len(data), 1 << 16):
        part = data[at:at + (1 << 16)]
        small = part if plain else packed_block(part)
        body = struct.pack("<I", crc32c(part)) + small
        out += bytes([1 if plain else 0]) + len(body).to_bytes(3, "little") + body
    return out


def packed_block(data):
    snappy = library("libsnappy.so.1")
    size = ctypes.c_size_t(len(data) * 2 + 64)
    out = ctypes.create_string_buffer(size.value)
    assert not snappy.snappy_compress(data, ctypes.c_size_t(len(data)), out,
                                      ctypes.byref(size))
    return out.raw[:size.value]


def avml(*ranges, plain=False):
    """Version 2: (first address, bytes), whole pages. The last address is in it, and the
    length behind a stream is the stream's."""
    out = []
    for first, data in ranges:
        frames = snappy_frames(data, plain)
        out.append(struct.pack("<IIQQQ", 0x4c4d5641, 2, first, first + len(data) - 1, 0) +
                   frames + struct.pack("<Q", len(frames)))
    return b"".join(out)


def packed_zstd(data):
    compress = library("libzstd.so.1").ZSTD_compress
    compress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(len(data) + 4096)
    size = compress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)), 1)
    assert size < len(out)
    return out.raw[:size]


def lime_compressed(data):
    """One zlib stream over all of it, of a small window, as the kernel makes it."""
    stream = zlib.compressobj(6, zlib.DEFLATED, 11)
    packed_ = stream.compress(data) + stream.flush()
    return b"\x38\x8d" + packed_[2:]
