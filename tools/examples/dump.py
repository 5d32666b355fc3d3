# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What is odd in a dump: what it has not, pages that are both writable and executable,
and entries that are malformed.

    python3 dump.py DUMP [ROOT...]

Without a root, those of the vCPUs are taken, as the dump's registers tell them, and of
what user mode has, those of the processes, where the guest's Linux tells of them.
"""

import sys

import vmem


USER = 0x00ffffffffffffff
ALL = 0xffffffffffffffff


def spaces_of(dump):
    """Whose each is, and how far to look: the kernel's half is the same in all."""
    for n, vcpu in enumerate(dump.vcpus):
        if vcpu.paging:
            yield f"vCPU {n}", dump.space(vcpu=n), ALL
    try:
        for process in dump.linux().processes:
            # a name may be anything: repr() has no control characters
            half = "user" if process.user_root else "kernel"
            yield (f"pid {process.pid} {process.name!r}",
                   dump.space(pid=process.pid, kpti=half), USER)
    except vmem.Error as error:
        print(f"processes aren't known: {error.strerror}")


def look(space, last):
    walk = space.walk(last=last, follow=True, budget=1_000_000)
    for record in walk:
        if isinstance(record, vmem.Bad):
            print(f"  {record.va:#x}: entry {record.entry:#x} is bad: {record.why}")
        elif record.wx:
            print(f"  {record.va:#x} + {record.size:#x} -> {record.gpa:#x}: W+X")
        if record.missing:
            print(f"  {record.va:#x} + {record.size:#x}: not all of it is in the dump")
    print(f"  {walk.end.leaves} leaves{'' if walk.end.complete else '; there is more'}")


def main(path, *roots):
    with vmem.open(path) as dump:
        print(f"{path}: {dump.format}{f', but {dump.trouble}' if dump.trouble else ''}")
        for gpa, size, here in dump.ranges():
            if not here:
                print(f"not in the dump: {gpa:#x} + {size:#x}")
        spaces = ([("a root", dump.space(root=int(root, 16)), ALL) for root in roots]
                  or spaces_of(dump))
        for whose, space, last in spaces:
            print(f"{whose}: {space.root:#x}")
            look(space, last)


if len(sys.argv) < 2:
    sys.exit(__doc__)
main(*sys.argv[1:])
