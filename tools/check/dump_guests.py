# SPDX-License-Identifier: GPL-2.0-only
"""Dumps of stock Debian guests: by QEMU in each form it has, of which each leaf of each
vCPU must be QEMU's own; by LiME within the guest; and what makedumpfile makes of them,
of which libkdumpfile says what is in it."""

import json
import pathlib
import shutil
import struct
import subprocess
import tempfile
import threading
import time

import dumps
import info_tlb
import linux_cases
from dumps import MIB, PAGE, Elf, Machine
from tests import BUILD

KERNEL = "stock-6.12"
READY = b"vmem-guest-ready"
UPPER = "0x8000000000000000-0xffffffffffffffff"
LEAVES = 60000      # a guest has more; fewer means that it did not boot
JUDGE = f"{BUILD}/dump-judge"


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


class Run:
    """One guest, and cases that are printed when it has ended: guests run side by
    side."""

    # pylint: disable-next=too-many-arguments
    def __init__(self, tmp, vmem, board, levels, size, is_newest, *, lime=False,
                 pti=False, full=False):
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=tmp))
        self.vmem = vmem
        self.levels = levels
        self.newest = is_newest
        self.lime = lime
        self.size = size
        self.board = board
        self.pti = pti
        self.full = full
        self.name = (f"{'the newest' if is_newest else 'this'} QEMU, {board}, "
                     f"{levels} levels, {size} MiB")
        self.cases = []
        self.took = 0
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def case(self, name, good, *why):
        self.cases.append((name, good, why))

    def work(self):
        start = time.monotonic()
        try:
            self.boot()
        except (OSError, RuntimeError, ValueError, AssertionError,
                subprocess.SubprocessError) as error:
            output_ = getattr(error, "stderr", "")
            self.case(f"{self.name}: its end", False, repr(error), output_)
        shutil.rmtree(self.dir)
        self.took = time.monotonic() - start

    def tell(self, tests):
        self.thread.join()
        with tests.group(f"a stock guest: {self.name}"):
            for name, good, why in self.cases:
                tests.case(name, good, *why)
        print(f"# {self.name}: {self.took:.1f} s", flush=True)

    # What vmem says

    def records(self, command, *arguments):
        """Of a run that ends well, and what was noted."""
        done = subprocess.run([self.vmem, command, *map(str, arguments), "--json"],
                              check=True, capture_output=True, stdin=subprocess.DEVNULL)
        return ([json.loads(line) for line in done.stdout.splitlines()],
                done.stderr.decode())

    def walk(self, path, *arguments):
        """Its leaves, also where one comes in parts; what isn't a leaf; the notes."""
        records, notes = self.records("walk", "-m", path, "--leaves", "--follow",
                                      *arguments)
        leaves, rest = {}, []
        for record in records[1:-1]:
            if "page" not in record:
                rest.append(record)
                continue
            if record.get("part"):
                for word in ("va", "gpa"):
                    record[word] = hex(int(record[word], 16) & -record["page"])
            leaves[record["va"]] = record
        if not records[-1]["end"]["complete"]:
            rest.append(records[-1])
        return list(leaves.values()), rest, notes

    # The guest

    def initrd(self, kernel):
        root = self.dir / "root"
        for name in ("bin", "dev", "proc", "tmp"):
            (root / name).mkdir(parents=True)
        shutil.copy("tools/check/dump-init", root / "init")
        (root / "processes").write_text(linux_cases.GUEST)
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        modules = pathlib.Path(kernel, "lib/modules").glob("*/kernel/drivers")
        drivers = next(modules)
        for name in ("firmware/qemu_fw_cfg", "block/virtio_blk"):
            module = root / pathlib.Path(f"{name}.ko").name
            module.write_bytes(subprocess.run(
                ["xz", "-dc", drivers / f"{name}.ko.xz"], check=True,
                stdout=subprocess.PIPE).stdout)
        if self.lime:
            shutil.copy(output("tools/vm/lime", KERNEL) + "/lime.ko", root)
        subprocess.run(["bash", "-c", f". tools/vm/common.sh; "
                        f"initramfs {root} {self.dir}/initrd"], check=True)
        shutil.rmtree(root)

    def boot(self):
        kernel = output("tools/vm/kernel", KERNEL)
        self.initrd(kernel)
        console, disk = self.dir / "console", self.dir / "disk"
        console.touch()
        start = time.monotonic()
        with open(disk, "wb") as file:
            file.truncate((self.size + 16) * MIB)
        image = pathlib.Path(kernel, "vmlinuz")
        with Machine(self.dir, self.board, self.size * MIB, "-kernel", image, "-initrd",
                     self.dir / "initrd", "-append",
                     f"console=ttyS0 panic=-1{' pti=on' if self.pti else ''}",
                     "-serial", f"file:{console}", "-device", "vmcoreinfo",
                     "-vga", "std", "-drive", f"file={disk},format=raw,if=virtio",
                     is_newest=self.newest, levels=self.levels,
                     stopped=False) as machine:
            machine.wait(console, READY)
            machine.ask("stop")
            self.case(f"it boots in {time.monotonic() - start:.0f} s", True)
            said = console.read_bytes()
            self.case(f"{self.name}: it has its modules", b"no " + b"lime" not in said and
                      b"no qemu_fw_cfg" not in said and b"no virtio" not in said)
            self.compare(machine, linux_cases.said(said.decode(errors="replace")))

    def compare(self, machine, processes):
        tlb = [info_tlb.leaves(machine.human("info tlb", n)) for n in range(2)]
        cr3 = [int(machine.human("info registers", n).split("CR3=")[1].split()[0], 16)
               for n in range(2)]
        forms = ["elf", "paging", "kdump-zlib"]
        if self.newest:
            forms.append("kdump-raw-zlib")
        for form in forms:
            path = machine.dump(form)
            self.same_leaves(form, path, tlb, cr3)
            self.facts(form, path)
            if form in ("elf", "kdump-zlib"):
                linux_cases.run(self, path, processes, form, self.pti)
            if form == "elf" and self.lime:
                self.others(path)
            if path.exists():
                path.unlink()

    def same_leaves(self, form, path, tlb, cr3):
        for vcpu in range(2):
            options = ["--vcpu", vcpu] if vcpu else []
            # info tlb is of the half that the vCPU is in
            if self.pti and cr3[vcpu] >> 12 & 1:
                options += ["--kpti", "user"]
            start = time.monotonic()
            leaves, rest, notes = self.walk(path, *options)
            took = time.monotonic() - start
            # of vCPUs in user mode QEMU saves what these map, and so no tables
            if form == "paging" and all(value >> 12 & 1 for value in cr3):
                self.case(f"{form}, vCPU {vcpu}: its root isn't in the dump",
                          not leaves and [r.get("bad") for r in rest] == ["not-in-dump"] and
                          hex(cr3[vcpu] & ~0xfff) in notes, rest[:3], notes)
                continue
            same, only = info_tlb.compare(leaves, tlb[vcpu])
            self.case(f"{form}, vCPU {vcpu}: {len(leaves)} leaves are QEMU's, "
                      f"with{'' if options else 'out'} an option",
                      same and not rest and len(leaves) > LEAVES and took < 60 and
                      hex(cr3[vcpu] & ~0xfff) in notes and
                      f"{self.levels}level" in notes,
                      f"only ours, only QEMU's: {only}", rest[:3], notes, took)

    def facts(self, form, path):
        """Points 8, 9, 11 and 13, as QEMU has them of a guest that runs."""
        if form in ("elf", "paging"):
            elf = Elf(path)
            names = [name for name, _, _ in elf.notes]
            self.case(f"{form}: notes", names == [
                b"CORE", b"CORE", b"QEMU", b"QEMU", b"VMCOREINFO"], names)
            info = elf.notes[-1][2]
            self.case(f"{form}: VMCOREINFO has no NUL", b"\0" not in info and
                      b"NUMBER(phys_base)=" in info and b"KERNELOFFSET=" in info)
            if form == "elf":
                self.case("VRAM is memory", any(
                    load.paddr == 0xfd000000 and load.memsz == 16 * MIB
                    for load in elf.loads))
                self.case("memory above the hole", any(
                    load.paddr >= 1 << 32 for load in elf.loads) == (self.size > 2800))
            else:
                self.case(f"paging: {len(elf.loads)} LOADs", len(elf.loads) > 1000)
        else:
            with open(path, "rb") as file:
                head = file.read(PAGE * 4)
            if form == "kdump-zlib":
                head = head[PAGE + 16:]
            self.case(f"{form}: the sub-header has 2 blocks with VMCOREINFO",
                      struct.unpack_from("<I", head, 432)[0] == 2)

    # What others write

    def kernel_half(self, path, root, *arguments):
        leaves, rest, _ = self.walk(path, "-r", root, "--range", UPPER, *arguments)
        return {r["va"]: (r["gpa"], r["page"], r["entry"]) for r in leaves}, rest, leaves

    def roots(self, path, *arguments):
        return [r["root"] for r in self.records("roots", "-m", path, *arguments)[0]]

    def others(self, core):
        known = self.roots(core)
        want = self.kernel_half(core, known[0])[0]
        self.case("roots of QEMU's core", len(known) > 2 and len(want) > LEAVES, known)
        judged = output(JUDGE, core)
        self.by_lime(core)
        (self.dir / "disk").unlink()
        moved = self.dir / "moved"
        dumps.headers_moved(core, moved)
        self.case("a core with its headers at 64: the same pages",
                  output(JUDGE, moved) == judged, judged)
        version = "this makedumpfile", "the newest makedumpfile"
        # zstd is in none before 1.7.6; of an ELF core that lacks zeros nobody can tell
        # them from other pages that it lacks
        some = [(False, "-c -d0"), (False, "-l -d31"), (False, "-F -c -d31"),
                (False, "-E -d30"), (True, "-z -d31"), (True, "-F -z -d31")]
        every = [(is_newest, f"{form} -d{level}") for is_newest in (False, True)
                 for form in ("-c", "-l", "-E", "-F -c", "-F -l", "-z", "-F -z")
                 for level in (0, 30, 31)
                 if (is_newest or "-z" not in form) and (form, level) != ("-E", 31)]
        for is_newest, options in every if self.full else some:
            options = options.split()
            path = self.dir / "made"
            self.makedumpfile(is_newest, options, moved, path)
            self.by_makedumpfile(f"{version[is_newest]} {' '.join(options)}", options,
                                 path, known, want)
            path.unlink()
        moved.unlink()

    def makedumpfile(self, is_newest, options, core, path):
        command = ["makedumpfile", *options, core]
        if "-F" not in options:
            command.append(path)
        with open(path if "-F" in options else "/dev/null", "wb") as out:
            done = subprocess.run(dumps.newest(*command) if is_newest else command,
                                  check=False, stdout=out, stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr.decode()[-1000:]}")

    # pylint: disable-next=too-many-arguments
    def by_makedumpfile(self, name, options, path, known, want):
        found = self.roots(path)
        self.case(f"{name}: the same roots are found", found[:1] == known[:1] and
                  len(found) > 4 and set(found[:5]) <= set(known), found, known)
        half, rest, leaves = self.kernel_half(path, found[0])
        self.case(f"{name}: the kernel half of a root", half == want and not rest,
                  rest[:3], len(half), len(want))
        lost = [r for r in leaves if r.get("not_in_dump")]
        self.case(f"{name}: what was left out is said", bool(lost) == (
            "-d0" not in options), len(lost))
        # where all of a leaf was left out, any of its addresses will do
        lost = [r for r in lost if r["not_in_dump"] == r["len"]]
        if lost:
            va = lost[len(lost) // 2]["va"]
            answer = self.records("translate", "-m", path, "-r", found[0], va)[0][1]
            self.case(f"{name}: the same of one address", answer["status"] == "ok" and
                      answer.get("not_in_dump"), answer)
        leaves, rest, notes = self.walk(path)
        self.case(f"{name}: registers have come through", len(leaves) > LEAVES and
                  "vCPU 0" in notes, notes, rest[:3])
        # libkdumpfile of Debian 12 reads no flattened ones
        judge = [] if "-F" in options else ["kdumpfile"]
        done = subprocess.run([JUDGE, path, *judge], check=False, capture_output=True,
                              text=True)
        said = done.stdout.strip()
        self.case(f"{name}: {said}", not done.returncode and
                  int(said.split()[0]) > 1000 and ("-E" in options or " 0 more" in said),
                  done.stderr)

    def by_lime(self, core):
        """The guest has gone on for a moment after LiME had it: entries of its kernel
        half that were changed since are few, none of its own text."""
        disk = self.dir / "disk"
        end = 0
        ranges = []
        with open(disk, "r+b") as file:
            while True:
                file.seek(end)
                head = file.read(32)
                if head[:4] != b"EMiL":
                    break
                first, last = struct.unpack("<QQ", head[8:24])
                ranges.append((first, last))
                end += 32 + last - first + 1
            file.truncate(end)
        self.case("LiME: ranges as it has them", len(ranges) >= 2 and
                  any((last + 1) % PAGE for _, last in ranges),
                  [tuple(map(hex, r)) for r in ranges])
        options = ["-f", f"x86_64-{self.levels}level"]
        found = self.roots(disk, *options)
        known = self.roots(core)
        self.case("LiME: roots are found that QEMU's core has", found and
                  found[0] in known, found, known)
        half, rest, _ = self.kernel_half(disk, found[0], *options)
        want = self.kernel_half(core, found[0])[0]
        accessed = ~0x60

        def sure(leaves):
            return {(va, gpa, page, int(entry, 16) & accessed)
                    for va, (gpa, page, entry) in leaves.items()}
        other = sure(half) ^ sure(want)
        text = [va for va, *_ in other if int(va, 16) >= 0xffffffff80000000 and
                int(va, 16) < 0xffffffffc0000000]
        self.case(f"LiME: the kernel half of a root, but {len(other)} entries",
                  len(half) > LEAVES and len(other) < 300 and not text and not rest,
                  list(other)[:9], text[:5], rest[:3])


def run(tests, full):
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Iinclude/uapi", "-Itools/lib",
                    "-D__SANE_USERSPACE_TYPES__", "-o", JUDGE,
                    "tools/check/dump-judge.c", f"{BUILD}/libvmem.a", "-lkdumpfile",
                    "-llzo2", "-lsnappy", "-lzstd", "-lz"], check=True)
    guests = [("pc", 4, 256, False, {"lime": True, "full": full}),
              ("q35", 5, 2816, True, {"pti": True})]
    if full:
        guests += [(board, levels, 4608, is_newest, {"pti": levels == 4})
                   for board in ("pc", "q35") for levels in (4, 5)
                   for is_newest in (False, True)]
    runs = []
    for board, levels, size, is_newest, options in guests:
        runs.append(Run(tests.tmp, tests.vmem, board, levels, size, is_newest,
                        **options))
        if len(runs) % 2 == 0:
            runs[-2].tell(tests)
            runs[-1].tell(tests)
    return runs
