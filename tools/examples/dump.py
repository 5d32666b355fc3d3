# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What is odd in a dump: pages that are both writable and executable, entries that are
malformed, and what the dump has not.

    python3 dump.py DUMP [ROOT...]

Without a root, those of the vCPUs are taken, as the dump's registers tell them.
"""

import sys

import vmem


def look(space):
    missing = 0
    walk = space.walk(follow=True, budget=1_000_000)
    for record in walk:
        missing += record.size if record.missing else 0
        if isinstance(record, vmem.Bad):
            if not record.missing:
                print(f"  {record.va:#x}: entry {record.entry:#x} is bad: {record.why}")
        elif record.writable and record.executable:
            print(f"  {record.va:#x} + {record.size:#x} -> {record.gpa:#x}: W+X, "
                  f"{'user' if record.user else 'supervisor'}")
    print(f"  {walk.end.leaves} leaves; {missing >> 10} KiB of addresses are not all in "
          f"the dump{'' if walk.end.complete else '; there is more'}")


def main(path, *roots):
    with vmem.open(path) as dump:
        print(f"{path}: {dump.format}")
        spaces = ([dump.space(root=int(root, 16)) for root in roots] or
                  [dump.space(vcpu=n) for n, vcpu in enumerate(dump.vcpus) if vcpu.paging])
        for root, space in {space.root: space for space in spaces}.items():
            print(f"space {root:#x}")
            look(space)


if len(sys.argv) < 2:
    sys.exit(__doc__)
main(*sys.argv[1:])
