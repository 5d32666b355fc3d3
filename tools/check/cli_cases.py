# SPDX-License-Identifier: GPL-2.0-only
"""What vmem(1) answers on the memories and files of cases.py, and on siblings of
theirs: other values of the same kind, and good ones, which get no hint."""

import bz2
import gzip
import lzma
import re
import struct
import zlib

import cli_access
from cases import FILES, KIB, NX, SIZE, TREE, image, path

VA = "0x400000"
ROOT = "0x1000"
GIB = 1 << 30


class Cases:
    """The files, and vmem over them."""

    def __init__(self, tests):
        self.tests = tests
        for name, data in FILES.items():
            (tests.tmp / name).write_bytes(data)

    def file(self, name, data=None):
        place = self.tests.tmp / name
        if data is not None:
            place.write_bytes(data)
        return str(place)

    def run(self, command, memory, *arguments, root=ROOT):
        done = self.tests.run(command, "-m", memory, "-r", root, *arguments)
        return (done.returncode, done.stdout.decode().splitlines(),
                done.stderr.decode())

    def records(self, name, *arguments, root=ROOT):
        """Of a walk, without the first and the last line."""
        return self.tests.lines("walk", "-m", self.file(name), "-r", root,
                                *arguments)[0][1:-1]

    def results(self, name, *arguments, root=ROOT):
        return self.tests.lines("translate", "-m", self.file(name), "-r", root,
                                *arguments)[0][1:]

    def gpa(self, what, name, gpa, *arguments, root=ROOT, notes=()):
        """A translation, and what is noted; nothing where nothing is to be."""
        status, out, err = self.run("translate", self.file(name), *arguments,
                                    root=root)
        good = (status == 0 and len(out) == 1 and
                out[0].split()[1] == f"{gpa:012x}" and
                all(note in err for note in notes) and bool(notes) == bool(err))
        self.tests.case(what, good, status, out, err)

    def hint(self, what, name, words, command, *arguments, root=ROOT):
        """One hint, with these words, on stderr; none if there are no words.
        Standard output is the same line by line, and has no trace of it."""
        status, out, err = self.run(command, self.file(name), *arguments,
                                    root=root)
        hints = [line for line in err.splitlines() if "hint:" in line]
        good = (status == 0 and len(hints) == bool(words) and
                all(word in hints[0] for word in words) and
                not any("hint" in line for line in out))
        self.tests.case(what, good, status, out, err)


def numbers(cases):
    for va in ("0000000000400000", "0x400000", "0X400000", "00000000`00400000",
               "0000_0000_0040_0000", "00400000", "40`0000", "0x40_0000"):
        cases.gpa(f"an address: {va}", "20-cr3.img", 0x8000, va)
    for va in ("ffff800000400000", "ffff8000`00400000", "FFFF_8000_0040_0000",
               "0xffff8000`00400000"):
        cases.gpa(f"an address: {va}", "13-tagged.img", 0x8000, va)
    cases.tests.expect("0 is 0, and 16 digits are hexadecimal", [
        r["va"] for r in cases.results("20-cr3.img", "0", "1234567812345678",
                                       "00", "abc", "9f")],
        ["0x0", "0x1234567812345678", "0x0", "0xabc", "0x9f"])
    for root in ("0000000000001000", "1_000", "1`000", "0x1000", "001000"):
        cases.gpa(f"a root: {root}", "20-cr3.img", 0x8000, VA, root=root)
    image_ = cases.file("20-cr3.img")
    for digits in ("4194304", "12345678", "1000", "9"):
        both = (hex(int(digits)), f"0x{digits}")
        for what, arguments in (
                ("an address", ["-r", ROOT, digits]),
                ("a root", ["-r", digits, VA]),
                ("a second root", ["-r", f"0x1000,{digits}", VA])):
            cases.tests.refused(f"{what} with two readings: {digits}", 2, both,
                                "translate", "-m", image_, *arguments)
        for what, arguments in (
                ("a begin", ["-m", image_, "-a", f"{digits}-0xffffffff"]),
                ("an end", ["-m", image_, "-a", f"0x1-{digits}"]),
                ("a length", ["-m", image_, "-a", f"0x1+{digits}"]),
                ("a place", ["-m", f"{image_}@{digits}"]),
                ("an offset", ["-m", f"{image_}@0:{digits}"]),
                ("a part's length", ["-m", f"{image_}@0:0+{digits}"])):
            cases.tests.refused(f"{what} with two readings: {digits}", 2, both,
                                "walk", "-r", ROOT, *arguments)
    for bad in ("0x", "`1000", "1000`", "10``00", "_1", "0x_1", "12g4", "-1",
                "+1", " 1", "1 ", "0x1.0", "", "0x10000000000000000",
                "123456789012345678901234567890", "0" * 50):
        cases.tests.refused(f"no address: {bad[:24]!r}", 2, ["vmem translate"],
                            "translate", "-m", image_, "-r", ROOT, "--", bad)
    for option, value in (("--budget", "1000"), ("--cap", "64"),
                          ("--budget", "0x40")):
        cases.tests.case(f"{option} {value} is a count", not cases.run(
            "walk", image_, option, value)[0])
    cases.tests.expect("a length with a unit is decimal", [
        r["len"] for r in cases.records("04-tdx.img", "-a", f"{VA}+8K")],
        [4096, 4096])


def roots(cases):
    for root, notes, more in (
            ("0x8000000000001005", ("bits 11:0", "bit 63"), ("--cpu",)),
            ("0x1018", ("bits 11:0",), ("bit 63", "--cpu")),
            ("0x6000000000001fff", ("bits 11:0", "LAM_U57", "LAM_U48",
                                    "--cpu lam57"), ("--cpu lam48",)),
            ("0x4000000000001000", ("LAM_U48", "--cpu lam48"), ("11:0",)),
            ("0x2000000000001000", ("LAM_U57", "--cpu lam57"), ("U48",)),
            ("0x10000000001000", ("bit 52",), ("--cpu",)),
            ("8000000000001000", ("bit 63",), ("11:0",))):
        cases.gpa(f"a CR3: {root}", "20-cr3.img", 0x8000, VA, root=root,
                  notes=("the root is 0x1000", *notes))
        err = cases.run("translate", cases.file("20-cr3.img"), VA, root=root)[2]
        cases.tests.case(f"a CR3, and no more is said: {root}",
                         not any(word in err for word in more), err)
    status, _, err = cases.run("walk", cases.file("04-cbit.img"),
                               root="0x8000000001000")
    cases.tests.case("a CR3 with an encryption bit that nobody told",
                     status == 1 and "in no memory" in err and
                     "--cpu c-bit=51" in err, err)
    cases.gpa("the same, the width told", "20-cr3.img", 0x8000, VA,
              "--cpu", "phys=48", root="0x8000000001000",
              notes=("--cpu c-bit=51",))
    status, _, err = cases.run("walk", cases.file("20-cr3.img"),
                               root="0x100001000")
    cases.tests.case("a root above the hole below 4 GiB", status == 1 and
                     "@0x100000000:0xc0000000" in err, err)
    image_ = cases.file("20-cr3.img")
    for facts, words in (
            ("amd,intel", ["`intel'", "vendor"]),
            ("lam48,lam57", ["lam57", "width of tags"]),
            ("uai,lam57", ["`lam57'", "UAI is AMD's"]),
            ("lam-sup,uai", ["`uai'", "LAM is Intel's"]),
            ("c-bit=51,shared-bit=47", ["shared-bit=47", "another"]),
            ("c-bit=51,shared-bit=51", ["shared-bit=51", "another"]),
            ("c-bit=51,c-bit=47", ["c-bit=47", "another"]),
            ("phys=40,phys=48", ["phys=48", "another width"]),
            ("phys=53", ["phys=53", "32 to 52"]),
            ("phys=", ["phys="]), ("c-bit=", ["c-bit="]),
            ("c-bit=12", ["c-bit=12", "32 to 51"]),
            ("shared-bit=63", ["shared-bit=63"]),
            ("arm", ["`arm'", "amd, intel"]), ("", ["amd, intel"]),
            ("amd,", ["amd, intel"]), ("cet ", ["`cet '"])):
        cases.tests.refused(f"--cpu {facts}", 2, ["--cpu", *words], "walk", "-m",
                            image_, "-r", ROOT, "--cpu", facts)
    cases.tests.refused("--cpu and --phys-bits differ", 2, ["another width"],
                        "walk", "-m", image_, "-r", ROOT, "--cpu", "phys=40",
                        "--phys-bits", "48")
    for cow in ("0", "8", "x", ""):
        cases.tests.refused(f"--cow={cow}", 2, ["--cow", "1 to 7"], "walk",
                            "-m", image_, "-r", ROOT, f"--cow={cow}")


def lines(cases):
    cases.tests.expect("Linux' bit 9 isn't Cow", [
        (r["kind"], r.get("soft")) for r in cases.records("06-special.img")],
        [("basic", [9]), ("basic", [9]), ("basic", None)])
    want = [("0x400000", True, None), ("0x600000", None, None),
            ("0x601000", True, None), ("0x602000", None, None),
            ("0x603000", None, 1), ("0x40000000", True, None)]
    cases.tests.expect("PAT and key, in JSON", [
        (r["va"], r.get("pat"), r.get("key"))
        for r in cases.records("08-pat.img")], want)
    # each bit that may differ between neighbours, against a leaf without it
    odd = [1 << n for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, *range(52, 64))]
    cases.file("bits.img", image(*path(*(
        (0x8000 + 0x1000 * n) | 1 | bit
        for n, bit in enumerate(b for bit in odd for b in (0, bit))))))
    out = cases.run("walk", cases.file("bits.img"))[1][1:-1]
    shown = [line.split(None, 4)[4] for line in out]
    cases.tests.case("each bit of an entry shows", len(out) == 2 * len(odd) and
                     all(a != b for a, b in zip(shown, shown[1:])), shown)
    for name, entry, words in (
            ("all keys", 0xf << 59, "key=15"), ("bits 10 and 58",
             1 << 10 | 1 << 58, "soft=10,58"),
            ("PAT and a key", 1 << 7 | 2 << 59, "pat  key=2")):
        cases.file("one.img", image(*path(0x8001 | entry)))
        out = cases.run("walk", cases.file("one.img"))[1][1]
        cases.tests.case(f"text: {name}", out.endswith(words), out)
        out = cases.run("translate", cases.file("one.img"), VA)[1][0]
        cases.tests.case(f"text, translated: {name}", out.endswith(words), out)

    # equal leaves below entries that grant different things they don't
    cases.file("paths.img", image(
        (0x1000, 0x2027), (0x2000, 0x3027), (0x3000, 0x4027, 0x5021),
        (0x4ff8, 0x8021), (0x5000, 0x9021, 0xb021)))
    out = cases.run("walk", cases.file("paths.img"))[1][1:-1]
    cases.tests.expect("neighbours that differ in their paths only", [
        re.findall(r"path=(\S+)", line) for line in out],
        [["rwxu/rwxu/rwxu"], ["rwxu/rwxu/r-x-"], []])
    cases.tests.expect("the same, in JSON", [
        r["path"] for r in cases.records("paths.img")],
        ["rwxu/rwxu/rwxu", "rwxu/rwxu/r-x-", "rwxu/rwxu/r-x-"])

    blank, seen = [], 0
    for name in FILES:
        if not name.endswith(".img"):
            continue
        for arguments in (["walk"], ["walk", "--leaves"], ["walk", "--follow"],
                          ["walk", "--budget", 2], ["walk", "--json"],
                          ["translate", VA, "0"]):
            for root in (ROOT, "0x1000,0x2000")[:1 + (arguments[0] == "walk")]:
                out = cases.run(arguments[0], cases.file(name), *arguments[1:],
                                root=root)[1]
                blank += [line for line in out if line != line.rstrip()]
                seen += len(out)
    cases.tests.case("no line ends with a blank", seen > 200 and not blank,
                     seen, blank)


def folds(cases):
    name = cases.file("zero.img", image(
        (0x1000, 0x2067), (0x1800, *[0x2067] * 255), (0x2000, 0x3067),
        (0x3000, 0x4067, *[0x5067] * 511), (0x4000, *[0x8025] * 512),
        (0x5000, *[0xa067] * 3, 0xb067)))
    cases.tests.expect("one frame, and references to one table, fold", cases.run(
        "walk", name)[1][1:-1], [
            "0000000000000000-00000000001fffff     2M  000000008000   4K  "
            "r-xu-a---  r-xu  512 times",
            "0000000000200000-0000000000201fff     8K  00000000a000   4K  "
            "rwxu-ad--  rwxu  W+X  2 times",
            "0000000000202000-0000000000203fff     8K  00000000a000   4K  "
            "rwxu-ad--  rwxu  W+X",
            "0000000000400000-000000003fffffff  1020M  -> the table at depth 3 "
            "that space 0x1000 has at 0000000000200000, rwxu, 510 times",
            "ffff800000000000-ffffff7fffffffff 130560G  -> the table at depth 1 "
            "that space 0x1000 has at 0000000000000000, rwxu, 255 times"])
    nr = 512 + 3 + 510 + 255
    cases.tests.expect("--no-fold: a line for each record",
                       len(cases.run("walk", name, "--no-fold")[1]) - 2, nr)
    cases.tests.expect("JSON is not folded", len(cases.records("zero.img")), nr)
    cases.tests.expect("--leaves: a line for each leaf", len(
        cases.run("walk", name, "--leaves", "-a", "0x0-0x203fff")[1]) - 2, 516)

    # the same three pages, below each entry of a table
    name = cases.file("runs.img", image(
        (0x1000, 0x2067), (0x2000, 0x3067), (0x3000, *[0x4067] * 512),
        (0x4000, *[0x8025 + 0x1000 * (n % 4) for n in range(512)])))
    out = cases.run("walk", name, "-F", "-a", "0x0-0x3fffff")[1]
    cases.tests.expect("the same run of frames again and again", out[1:-1], [
        "0000000000000000-00000000003fffff     4M  000000008000   4K  r-xu-a---  "
        "r-xu  256 times 16K"])
    name = cases.file("bad.img", image((0x1000, *[0x2083] * 512)))
    out = cases.run("walk", name)[1]
    cases.tests.case("a malformed entry again and again", len(out) == 4 and
                     all(", 256 times" in line for line in out[1:-1]), out)


def containers(cases):
    """Files that aren't raw are read as what they are, or named, with what to do."""
    def lzma_(data):
        return lzma.compress(data, preset=0)

    kernel = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HH", 2, 62)
    core32 = b"\x7fELF\1\1\1".ljust(16, b"\0") + struct.pack("<HH", 4, 3)
    small_window = zlib.compressobj(1, zlib.DEFLATED, 11)
    packed_lime = small_window.compress(FILES["05.lime"]) + small_window.flush()
    holes = bytearray(FILES["05-vbox.elf"])
    struct.pack_into("<2Q", holes, 0x138 + 0x4008, 0x10063, 0xe0000063)
    more = {
        "kernel.elf": kernel.ljust(SIZE, b"\0"),
        "core32.elf": core32.ljust(SIZE, b"\0"),
        "compressed.lime": b"\x38\x8d" + packed_lime[2:],
        "kdump": b"KDUMP   \6\0\0\0".ljust(SIZE, b"\0"),
        "diskdump": b"DISKDUMP\1\0\0\0".ljust(SIZE, b"\0"),
        "win32.dmp": b"PAGEDUMP".ljust(SIZE, b"\0"),
        "virsh.save": b"LibvirtQemudSave\2\0\0\0".ljust(SIZE, b"\0"),
        "xl.save": b"Xen saved domain, xl format\n \0 \r".ljust(SIZE, b"\0"),
        "vbox.sav": b"\x7fVirtualBox SavedState V2.0\n".ljust(SIZE, b"\0"),
        "vm.vmss": b"\xd2\xbe\xd2\xbe\x08\0\0\0".ljust(SIZE, b"\0"),
        "vm.vmsn": b"\xd1\xba\xd1\xba\x08\0\0\0".ljust(SIZE, b"\0"),
        "disk.qcow2": b"QFI\xfb\0\0\0\3".ljust(SIZE, b"\0"),
        "holes.elf": bytes(holes),
        "raw.gz": gzip.compress(TREE), "raw.bz2": bz2.compress(TREE),
        "raw.xz": lzma_(TREE), "raw.zz": zlib.compress(TREE, 6),
        "stub.zst": b"\x28\xb5\x2f\xfd\x04\0".ljust(SIZE, b"\0"),
        "raw.lz4": b"\x04\x22\x4d\x18\x40\0".ljust(SIZE, b"\0"),
        "raw.lzo": b"\x89LZO\0\r\n\x1a\n\x10".ljust(SIZE, b"\0"),
        "raw.zip": b"PK\3\4\x14\0".ljust(SIZE, b"\0")}
    for name, data in more.items():
        cases.file(name, data)
    for name, words in (
            ("05-win.dmp", "Windows 64_bits 0x2000"),
            ("05-qemu.savevm", "QEMU savevm"), ("diskdump", "diskdump"),
            ("win32.dmp", "Windows 32_bits 0x1000"),
            ("virsh.save", "libvirt --memory-only"), ("xl.save", "Xen"),
            ("vbox.sav", "VirtualBox dumpvmcore"), ("vm.vmss", "VMware .vmem"),
            ("vm.vmsn", "VMware"), ("disk.qcow2", "qcow2"),
            ("raw.bz2", "bzip2_-dc"), ("raw.xz", "xz_-dc"), ("raw.lz4", "lz4_-dc"),
            ("raw.lzo", "lzop_-dc"), ("raw.zip", "zip")):
        words = [word.replace("_", " ") for word in words.split()]
        for suffix in ("", "@0", "@0x100000"):
            cases.tests.refused(
                f"refused by its name: {name}{suffix}", 1,
                [name, "not raw", "What to do", f"{name}@", ":0", *words],
                "walk", "-m", cases.file(name) + suffix, "-r", ROOT)
    # what can't be read of its kind
    for name, words in (
            ("05-xen-nophdr.elf", "ELF_core without_program_headers Xen"),
            ("05.avml", "AVML"), ("05-kdump.flat", "flattened_kdump"),
            ("kernel.elf", "ELF_file no_core"), ("core32.elf", "ELF_core 32_bits"),
            ("kdump", "kdump"), ("stub.zst", "compressed")):
        words = [word.replace("_", " ") for word in words.split()]
        for suffix in ("", "@0"):
            cases.tests.refused(f"refused, for it can't be read: {name}{suffix}", 1,
                                [name, *words], "walk", "-m",
                                cases.file(name) + suffix, "-r", ROOT)
    # what is read; a dump is a whole guest, and has no place
    leaf = {"0x400000": ("0x8000", False, False)}
    for name, want in (
            ("05.lime", leaf), ("compressed.lime", leaf), ("05-paging.elf", leaf),
            ("05-gap.lime", {"0x400000": ("0x8000", True, False)}),
            ("05-vbox.elf", leaf), ("raw.gz", leaf), ("raw.zz", leaf),
            ("holes.elf", {**leaf, "0x401000": ("0x10000", False, True),
                           "0x402000": ("0xe0000000", False, True)})):
        for suffix in ("", "@0"):
            cases.tests.expect(f"read: {name}{suffix}", {
                r["va"]: (r["gpa"], r.get("outside", False),
                          bool(r.get("not_in_dump")))
                for r in cases.records(name + suffix)}, want)
        if not name.startswith(("raw", "compressed")):
            cases.tests.refused(f"not read where it can't lie: {name}@0x100000", 1,
                                [name], "walk", "-m",
                                cases.file(name) + "@0x100000", "-r", ROOT)
            cases.tests.refused(f"not read beside others: {name}", 1, [name], "walk",
                                "-m", cases.file(name), "-m",
                                cases.file("20-cr3.img") + "@0x10000000", "-r", ROOT)
    # bytes are bytes, where it is said; what is no whole page is refused for that
    for name in (*FILES, *more):
        if name.endswith(".img") or len(
                (cases.tests.tmp / name).read_bytes()) < 2 * KIB * 4:
            continue
        status, out, err = cases.run("walk", cases.file(name) + "@0:0")
        cases.tests.case(f"taken as bytes: {name}", status == 0 and
                         len(out) >= 2 and "not raw" not in err and
                         "compressed" not in err, out, err)

    # what a guest may have at its address 0 is no name of a file
    for what, begin in (
            ("zeros", b""), ("vectors of a PC", b"\x53\xff\0\xf0" * 256),
            ("a vector at f000:8d38", b"\x38\x8d\0\xf0" * 256),
            ("a vector at f000:9c78", b"\x78\x9c\0\xf0" * 256),
            ("a vector at 0008:8b1f", b"\x1f\x8b\0\0" * 256),
            ("PAGE, and no dump", b"PAGEFILE"), ("EMi", b"EMi"), ("BZh", b"BZh9"),
            ("makedump", b"makedumpfile is"), ("KDUMP", b"KDUMP  x")):
        cases.file("raw.img", begin + TREE[len(begin):])
        cases.gpa(f"raw memory that begins with {what}", "raw.img", 0x8000, VA)


def parts(cases):
    """Any byte of a file may be the first of a part."""
    def walk(what, *memories, want=("0x400000",), notes=()):
        done = cases.tests.run(
            "walk", *(word for memory in memories for word in ("-m", memory)),
            "-r", ROOT, "--json")
        found = re.findall(r'"va":"(\w+)","gpa"', done.stdout.decode())
        err = done.stderr.decode()
        cases.tests.case(what, done.returncode == 0 and found == list(want) and
                         all(note in err for note in notes) and
                         bool(notes) == bool(err), done)

    name = cases.file("05.lime")
    walk("a LiME capture by hand", f"{name}@0:0x20+0x2000",
         f"{name}@0x2000:0x2040")
    name = cases.file("05-gap.lime")
    with_frame = f"{cases.file('20-cr3.img')}@0x8000:0x8000"
    walk("one with a gap", f"{name}@0x1000:0x20+0x4000", with_frame)
    name = cases.file("05-vbox.elf")
    walk("an ELF core by hand", f"{name}@0:0x138+0x8000",
         f"{name}@0x8000:0x8138+0x8000")
    name = cases.file("05-win.dmp")
    walk("a crash dump by hand", f"{name}@0:0x2000+64K")
    for at in (1, 7, 8, 100, 4095, 4097, 0x12345):
        name = cases.file("shifted", b"\xff" * at + TREE)
        walk(f"from byte {at} on", f"{name}@0:{at:#x}")
        walk(f"from byte {at} on, a length", f"{name}@0:{at:#x}+64K")
    name = cases.file("shifted", b"\xff" * 7 + TREE + b"\xff" * 9)
    walk("bytes behind the last whole page", f"{name}@0:0x7",
         notes=("last 9 bytes are no whole page",))
    walk("a length that is no whole page", f"{name}@0:0x7+0x9123",
         notes=("last 291 bytes are no whole page",))
    walk("a length beyond the end", f"{name}@0:0x7+1M", notes=(
        "ends 0xefff7 bytes before", "last 9 bytes"))
    walk("a length of whole pages of a mapped part",
         f"{cases.file('20-cr3.img')}@0:0+0x9123", notes=("last 291 bytes",))
    cases.tests.refused("less than a page from there on", 1, ["no whole page"],
                        "walk", "-m", f"{name}@0:0x{SIZE:x}", "-r", ROOT)
    cases.tests.refused("none from there on", 1, ["none from"], "walk", "-m",
                        f"{name}@0:0x7777777", "-r", ROOT)
    cases.tests.refused("a part that overlaps", 1, ["overlaps"], "walk", "-m",
                        f"{name}@0:0x7", "-m", f"{name}@0x3000:0x9", "-r", ROOT)


def hints(cases):
    cases.hint("five levels read as four", "18-la57.img",
               ["page tables", "x86_64-5level", "1 leaf"], "walk")
    cases.hint("the same, a translation", "18-la57.img",
               ["page tables", "x86_64-5level"], "translate", "0x2000")
    cases.hint("the same, as JSON", "18-la57.img", ["x86_64-5level"], "walk",
               "--json")
    cases.hint("the same, as five", "18-la57.img", [], "walk", "-f",
               "x86_64-5level")
    cases.hint("four levels read as five", "20-cr3.img", ["x86_64-4level"],
               "walk", "-f", "x86_64-5level")
    cases.file("many.img", image(
        (0x1000, 0x2063), (0x2000, 0x3063), (0x3000, 0x4063),
        (0x4000, 0x5063, 0x6063, 0x7063), (0x5000, *[0x8003 + 0x1000 * n
                                                     for n in range(8)]),
        (0x6000, 0x8063), (0x7000, 0x9001)))
    cases.hint("five levels with many leaves, read as four", "many.img",
               ["x86_64-5level", "10 leaves"], "walk")
    cases.file("empty.img", image((0x8000, 1)))
    for command in (["walk"], ["translate", VA], ["walk", "--json"]):
        cases.hint(f"no entry is present: {command[0]}", "empty.img",
                   ["0x1000", "no entry that is present"], *command)
    cases.file("swapped.img", image((0x1000, *[0x123450] * 512)))
    cases.hint("entries, and none present", "swapped.img", ["0x1000", "present"],
               "walk")
    cases.hint("the second of two roots", "20-cr3.img", ["0x9000"], "walk",
               root="0x1000,0x9000")
    cases.file("noise.img", image((0x1000, *[0x9081 + 0x40 * n
                                             for n in range(64)])))
    cases.hint("most entries malformed", "noise.img", ["malformed"], "walk")
    cases.file("one-bad.img", image(*path(*[0x8063] * 8), (0x1008, 0x9081)))
    cases.hint("one malformed entry among good ones", "one-bad.img", [], "walk")

    cases.hint("an encryption bit that nobody told", "04-cbit.img",
               ["0x8000000002000", "c-bit=51", "shared-bit=51", "phys=N"], "walk")
    cases.hint("the same, a translation", "04-cbit.img", ["c-bit=51"],
               "translate", VA)
    cases.hint("a shared bit that nobody told", "04-tdx.img",
               ["0x800000009000", "shared-bit=47"], "walk")
    cases.hint("the same, a translation", "04-tdx.img", ["shared-bit=47"],
               "translate", "0x401000")
    for bit in (40, 45, 46, 48):
        cases.file("wide.img", image(*path(0x8063, 1 << bit | 0x123456000 | 3)))
        cases.hint(f"bit {bit} of an address", "wide.img",
                   ["far above all memory", "phys=N"], "walk")
        cases.hint(f"bit {bit} of an address, the width told", "wide.img", [],
                   "walk", "--cpu", f"phys={bit + 1}")
        cases.file("device.img", image(*path(0x8063, 1 << bit | 0x1b)))
        cases.hint(f"a device at bit {bit}", "device.img", [], "walk")
    for at in (4 * GIB, 4 * GIB + 0x5000, 5 * GIB):
        cases.file("high.img", image(*path(0x8063), (0x3000, at | 0x63)))
        cases.hint(f"a table at {at:#x}", "high.img",
                   [f"{at:#x}", "@0x100000000:0xc0000000", "q35"], "walk")
        cases.hint(f"a table at {at:#x}, a translation", "high.img",
                   ["@0x100000000:0xc0000000"], "translate", "0x1234")
    cases.file("low.img", image(*path(0x8063), (0x3000, 0xfee00063)))
    cases.hint("a table outside below 4 GiB", "low.img", [], "walk")
    cases.file("bar.img", image(*path(0x8063, 4 * GIB | 3)))
    cases.hint("a page outside above 4 GiB, which may be a device", "bar.img",
               [], "walk")

    for va, words in (
            ("0x2a00000000400000", ["0000000000400000", "lam57, lam48 or uai"]),
            ("0x0001000000400000", ["0000000000400000", "--cpu lam48 takes"]),
            ("0x7fff000000400000", ["0000000000400000", "--cpu lam48 takes"]),
            ("0x800000400000", ["ffff800000400000", "5level"]),
            ("0xd3ff800000400000", ["ffff800000400000", "lam-sup or uai"]),
            ("0x81ff800000400000", ["ffff800000400000", "lam-sup or uai"]),
            ("0x8000800000400000", ["ffff800000400000", "lam-sup"]),
            ("0xaa00000000400000", ["0000000000400000", "--cpu uai takes"]),
            ("0x8000000000400000", ["0000000000400000", "--cpu uai takes"]),
            ("0xffff000000400000", ["0000000000400000", "sign-extended"])):
        cases.hint(f"a non-canonical address: {va}", "13-tagged.img", words,
                   "translate", va)
    err = cases.run("translate", cases.file("13-tagged.img"),
                    "0x2a00000000400000", "0x800000400000", "0x3a00000000400000",
                    "0x900000400000", "0xffff800000400000")[2]
    cases.tests.expect("each hint once", err.count("hint:"), 2)
    cases.hint("a range in the hole between both halves", "20-cr3.img",
               ["ffff800000000000"], "walk", "-a",
               "0x800000000000-0xffff7fffffffffff")
    cases.hint("a range that reaches into it", "20-cr3.img", [], "walk", "-a",
               "0x0-0xffff7fffffffffff")

    # a 4-level tree, whose data is read as tables when five are told
    cases.file("data.img", image(
        *path(0x8003, 0x90e3, 0xa0e3, 0xb0e3), (0x8000, 0x9003, 0x12300000041)))
    cases.hint("four levels with data, read as five", "data.img",
               ["x86_64-4level"], "walk", "-f", "x86_64-5level")
    cases.file("five.img", image(
        (0x1000, 0x2063), (0x2000, 0x3063), (0x3000, 0x4063),
        (0x4000, 0x5063, *[0x6063] * 3), (0x5000, *[0x8003] * 8),
        (0x6000, *[NX | 0x8003] * 6)))
    cases.hint("none: five levels with malformed leaves", "five.img", [],
               "walk", "-f", "x86_64-5level", "--nxe-off")

    # good ones
    for name in ("01-shstk.img", "06-special.img", "08-pat.img", "13-tagged.img",
                 "20-cr3.img", "12-gb.img", "11-amd.img"):
        for arguments in (["walk"], ["walk", "--follow"], ["walk", "--leaves"],
                          ["translate", VA, "0"]):
            cases.hint(f"none: {name}, {' '.join(arguments)}", name, [],
                       *arguments)
    cases.file("self.img", image(*path(*[0x8063 + 0x1000 * n for n in range(4)]),
                                 (0x1f68, 0x1063)))
    cases.hint("none: a self-map", "self.img", [], "walk")
    cases.file("tables.img", image(*path(*[0x1000 * n | 0x63
                                           for n in range(1, 5)])))
    cases.hint("none: tables that are mapped as data", "tables.img", [], "walk")
    cases.file("rw.img", image(*path(*[0x8003 + 0x1000 * n for n in range(8)]),
                               (0x8000, *range(1, 2000, 3))))
    cases.hint("none: pages of numbers", "rw.img", [], "walk")
    demo = cases.tests.tmp / "demo"
    done = cases.tests.run("demo", "--save", demo)
    cases.tests.case("none: the demo", not done.stderr, done.stderr)
    cases.hint("none: the demo's file", "demo", [], "walk", root="0x1000,0x2000")


def run(tests):
    """All of it, on the program under test. Return: the files, for more."""
    cases = Cases(tests)
    for part in (numbers, roots, lines, folds, containers, parts, hints,
                 cli_access.run):
        part(cases)
    return cases
