# SPDX-License-Identifier: GPL-2.0-only
"""The machines whose MMUs judge what vmem says of accesses, and how each runs the
rig's guest: emulators, of this Debian and the newest, KVM in a VM that emulates its
processor, once on the guest's own tables and once on KVM's shadow of them, and this
machine's KVM where it has one."""

import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tools/check"))
import tests  # noqa: E402  pylint: disable=wrong-import-position

MMU = f"{tests.BUILD}/mmu/mmu"
GUEST = f"{tests.BUILD}/mmu/guest.bin"
TIMEOUT = 300       # seconds, against hanging
MIB = 128           # RIG_MEMORY_LEN
LIST = 32           # MiB: RIG_LIST
KERNEL = "stock-new"
NEWEST = """. tools/vm/common.sh; in_tree emulators env TERM=vt100 "$@" """

# Debian's build of Bochs starts in its debugger, and wants a terminal and a VGA BIOS.
BOCHSRC = """\
plugin_ctrl: unmapped=1, serial=1
config_interface: textconfig
display_library: term
romimage: file={tmp}/rom, address=0xfff00000
vgaromimage: file={tmp}/vga
vga: extension=none
cpu: model={cpu}, count=1, ips=1000000, reset_on_triple_fault=0
memory: guest={mib}, host={mib}
com1: enabled=1, mode=file, dev={out}
pci: enabled=0
ata0: enabled=0
log: {tmp}/log
panic: action=fatal
error: action=report
info: action=ignore
"""


class Machine:
    """A judge, see mmu.h; parts: in how many the whole matrix is run on it."""

    def __init__(self, judge, levels, parts, what, cpu="", newest=False):
        # pylint: disable=too-many-arguments,too-many-positional-arguments
        self.judge = judge
        self.levels = levels
        self.parts = parts
        self.cpu = cpu
        self.newest = newest
        self.what = what

    @functools.cached_property
    def name(self):
        """With the version."""
        return f"{version(self.judge, self.newest)}, {self.what}"


def emulators(newest):
    """QEMU and Bochs, of this Debian or the newest."""
    return [
        Machine("qemu", 4, 5, "4 levels", "max,phys-bits=40", newest),
        Machine("qemu", 5, 5, "5 levels", "max,phys-bits=46", newest),
        Machine("qemu", 5, 5, "Intel, 5 levels, 52 bits",
                "max,phys-bits=52,vendor=GenuineIntel", newest),
        Machine("qemu", 4, 5, "no pages of 1 GiB", "max,phys-bits=36,pdpe1gb=off",
                newest),
        Machine("bochs", 4, 61, "tigerlake", "tigerlake", newest),
        Machine("bochs", 4, 61, "penryn", "core2_penryn_t9600", newest),
        Machine("bochs", 4, 61, "ryzen", "ryzen", newest),
    ]


IN_VM = [
    Machine("kvm-qemu", 4, 5, "4 levels"),
    Machine("kvm-qemu", 5, 5, "5 levels"),
    Machine("kvm-shadow", 4, 5, "4 levels"),
    Machine("kvm-shadow", 5, 5, "5 levels"),
]
HERE = [Machine("kvm", 4, 5, "4 levels"), Machine("kvm", 5, 5, "5 levels")]


def program(newest, *command):
    """A command of this Debian, or of the newest."""
    command = [str(word) for word in command]
    return ["bash", "-c", NEWEST, "-", *command] if newest else command


@functools.lru_cache(None)
def version(judge, newest):
    """As people call it."""
    if judge == "kvm":
        kind = "PVM" if os.path.exists("/sys/module/kvm_pvm") else "KVM"
        return f"{kind} of this machine's Linux " + re.match(
            r"\d+\.\d+", os.uname().release)[0]
    if judge.startswith("kvm-"):
        release = pathlib.Path(output("tools/vm/kernel", KERNEL).strip(), "release")
        walker = version("qemu", False) if judge == "kvm-qemu" else "its shadow"
        return f"KVM of Linux {release.read_text().strip()} on {walker}"
    if judge == "bochs":
        # it ends with another status than 0
        done = subprocess.run(program(newest, "bochs", "--help"), check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")
        return re.search(r"Bochs x86 Emulator ([\d.]+)", done.stdout)[0].replace(
            " x86 Emulator", "")
    text = output(*program(newest, "qemu-system-x86_64", "--version"))
    return "QEMU " + re.search(r"version ([\d.]+)", text)[1]


def output(*command):
    """What a command prints that ends well."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def qemu(tmp, machine, out):
    """The command of a machine whose memory is tmp/memory."""
    return ["qemu-system-x86_64", "-accel", "tcg", "-machine",
            "isapc,memory-backend=memory", "-object",
            f"memory-backend-file,id=memory,size={MIB}M,mem-path={tmp}/memory,share=on",
            "-cpu", machine.cpu, "-m", MIB, "-nodefaults", "-display", "none",
            "-no-reboot", "-bios", tmp / "rom", "-serial", f"file:{out}",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def bochs(tmp, machine, out):
    """The same."""
    (tmp / "vga").write_bytes(bytes(32768))
    (tmp / "bochsrc").write_text(BOCHSRC.format(tmp=tmp, cpu=machine.cpu, mib=MIB,
                                                out=out))
    (tmp / "commands").write_text("continue\n")
    return ["bochs", "-q", "-f", tmp / "bochsrc", "-rc", tmp / "commands"]


def guest(tmp, machine, what, seed, out, *facts):
    """Runs the guest, whose output goes to out: it ends with "end"."""
    in_memory = machine.judge == "qemu"
    subprocess.run([MMU, "rom", what, machine.judge, str(machine.levels), seed, GUEST,
                    tmp / "rom", tmp / "list" if in_memory else "-", *facts], check=True)
    command = bochs(tmp, machine, out)
    if in_memory:
        with open(tmp / "memory", "wb") as memory:
            memory.truncate(MIB << 20)
            memory.seek(LIST << 20)
            memory.write((tmp / "list").read_bytes())
        command = qemu(tmp, machine, out)
    # Both end with a status that is not 0 when the guest says so.
    done = subprocess.run(program(machine.newest, *command), check=False,
                          timeout=TIMEOUT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "TERM": "vt100"})
    lines = out.read_text().splitlines() if out.exists() else []
    if not lines or not lines[-1].startswith("end "):
        print(done.stdout.decode(errors="replace")[-2000:], lines[-5:],
              file=sys.stderr)
        raise RuntimeError(f"the guest did not come to its end in {machine.name}")


def judged(machine, what, seed):
    """Whether it agrees, and the lines that say so."""
    if machine.judge == "kvm":
        done = subprocess.run([MMU, "kvm", what, "kvm", str(machine.levels), seed,
                               machine.name, GUEST], check=False, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, text=True)
        return done.returncode == 0, done.stdout.splitlines()
    with tempfile.TemporaryDirectory(dir=f"{tests.BUILD}/mmu") as tmp:
        tmp = pathlib.Path(tmp).resolve()
        guest(tmp, machine, what, seed, tmp / "facts")
        guest(tmp, machine, what, seed, tmp / "text", tmp / "facts")
        memory = tmp / "memory" if machine.judge == "qemu" else "-"
        done = subprocess.run([MMU, "judge", what, machine.judge, seed, machine.name,
                               tmp / "text", memory], check=False,
                              stdout=subprocess.PIPE, text=True)
        return done.returncode == 0, [
            "# " + (tmp / "facts").read_text().splitlines()[0],
            *done.stdout.splitlines()]


IN_VM_SCRIPT = """#!/bin/sh
. /lib.sh

shadow()
{
	rmmod kvm_amd && insmod /modules/kvm-amd.ko* npt=0
}

echo KTAP version 1
told_kernel
"""


def in_vm(runs, seed, module=False):
    """A machine and what of the cases each, in one VM: the lines of its output, as they
    come. A machine on KVM's shadow comes behind those on their own tables. The module
    is asked, or the library."""
    script = IN_VM_SCRIPT
    if module:
        script += 'check "insert" module_insert\n'
    shadow = False
    for machine, what in runs:
        if machine.judge == "kvm-shadow" and not shadow:
            script += 'check "from here on, KVM shadows tables" shadow\n'
            shadow = True
        script += (f'check "{machine.name}, {what}" selftest /bin/mmu kvm {what} '
                   f'{machine.judge} {machine.levels} {seed} "{machine.name}" '
                   "/guest.bin\n")
    if module:
        script += 'check "remove" module_remove\n'
    script += "plan\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        with subprocess.Popen(
                ["tools/vm/run", KERNEL, "--emulate", "--timeout", "3000", "--module",
                 "irqbypass", "--module", "kvm-amd", "--file", f"{MMU}:bin/mmu",
                 "--file", GUEST, file.name], stdout=subprocess.PIPE,
                text=True) as vm:
            yield from (line.rstrip("\n") for line in vm.stdout)
        if vm.returncode:
            raise RuntimeError("KVM in a VM: not all was well")


def here():
    """The machines of this machine's KVM, and why others can't be."""
    able, lacking = [], []
    for machine in HERE:
        done = subprocess.run([MMU, "kvm", "0/1000003", "kvm", str(machine.levels), "1",
                               "it", GUEST], check=False, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        # whatever else is wrong is found out when it judges
        if done.returncode == 3:
            lacking.append(f"this machine, {machine.what}: {done.stderr.strip()}")
        else:
            able.append(machine)
    return able, lacking


def pairs(what, seed):
    """How many pairs of two values come, of a processor that has all, and how often each
    combination does; None: a pair that could come doesn't."""
    facts = pathlib.Path(tests.BUILD, "mmu", "facts")
    facts.write_text("facts vendor 756e6547 width 28 virt 39 nx 1 1g 1 smep 1 smap 1 "
                     "pku 1 pks 1 cet 1 la57 1 lam 0 levels 5\n")
    done = subprocess.run([MMU, "pairs", what, seed, facts], check=False,
                          stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    said = re.search(r"of (\d+) pairs of values, each combination (\d+) times", done.stdout)
    return (int(said[1]), int(said[2])) if done.returncode == 0 else None
