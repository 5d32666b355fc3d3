# SPDX-License-Identifier: GPL-2.0-only
"""What vmem(1) answers when it is told what the vCPU is; where memory ends inside
a leaf; and entries that are not present."""

from cases import FILES, SIZE, image, path
from cli_cases import GIB, ROOT, VA


def facts(cases):
    """What is said of the vCPU."""
    def outcome(result):
        return (result["status"], result["level"], result.get("gpa"))

    def lookup(what, name, want, *arguments, root=ROOT):
        cases.tests.expect(what, [outcome(r) for r in cases.results(
            name, *arguments, root=root)], want)

    one, two = ("ok", 0, "0x8000"), ("ok", 0, "0x9000")
    cases.tests.expect("CET: a page of a shadow stack", [
        r.get("shadow_stack") for r in
        cases.records("01-shstk.img", "--cpu", "cet")], [True, None])
    cases.tests.expect("no CET: no page of a shadow stack", [
        r.get("shadow_stack") for r in cases.records("01-shstk.img")],
        [None, None])
    out = cases.run("walk", cases.file("01-shstk.img"), "--cpu=cet")[1]
    cases.tests.case("CET: in text", "shadow-stack" in out[1] and
                     "shadow-stack" not in out[2], out)
    out = cases.run("translate", cases.file("01-shstk.img"), "--cpu=cet", VA)[1]
    cases.tests.case("CET: translated", out[0].endswith("  shadow-stack"), out)
    for level, at in enumerate((0x3010, 0x2000, 0x1000)):
        data = bytearray(FILES["01-shstk.img"])
        data[at] &= ~2 & 0xff
        cases.file("ro.img", bytes(data))
        cases.tests.expect(f"CET: none below an entry of level {level + 1} "
                           "without W", [r.get("shadow_stack") for r in
                                         cases.records("ro.img", "--cpu=cet")],
                           [None, None])

    for bit in (51, 47, 40):
        enc = 1 << bit
        cases.file("enc.img", image(*path(enc | 0x8063, 0x9063,
                                          flags=enc | 0x63)))
        root = hex(enc | 0x1000)
        lookup(f"c-bit={bit}", "enc.img", [one, two], VA, "0x401000", "--cpu",
               f"c-bit={bit}", root=root)
        cases.tests.expect(f"c-bit={bit}: it is shown, and extents end", [
            (r["va"], r.get("encrypted"), r.get("shared")) for r in
            cases.records("enc.img", "--cpu", f"c-bit={bit}", root=root)],
            [("0x400000", True, None), ("0x401000", None, None)])
        cases.file("tdx.img", image(*path(0x8063, enc | 0x9063)))
        cases.tests.expect(f"shared-bit={bit}", [
            (r["gpa"], r.get("encrypted"), r.get("shared")) for r in
            cases.records("tdx.img", "--cpu", f"shared-bit={bit}")],
            [("0x8000", None, None), ("0x9000", None, True)])
    lookup("SEV", "04-cbit.img", [one, two], VA, "0x401000", "--cpu=c-bit=51",
           root="0x8000000001000")
    lookup("SEV, a narrow address", "04-cbit.img", [one, two], VA, "0x401000",
           "--cpu=c-bit=51,phys=43")
    lookup("TDX", "04-tdx.img", [two], "0x401000", "--cpu=shared-bit=47")
    out = cases.run("walk", cases.file("04-cbit.img"), "--cpu=c-bit=51")[1]
    cases.tests.case("SEV: in text", out[1].endswith("  encrypted") and
                     "encrypted" not in out[2], out)
    out = cases.run("walk", cases.file("04-tdx.img"), "--cpu=shared-bit=47")[1]
    cases.tests.case("TDX: in text", out[2].endswith("  shared") and
                     "shared" not in out[1], out)
    cases.hint("SEV, told: no hint", "04-cbit.img", [], "walk", "--cpu=c-bit=51")
    cases.hint("TDX, told: no hint", "04-tdx.img", [], "walk",
               "--cpu=shared-bit=47")

    lookup("bit 8 of a PML4E, of a PDPTE: AMD", "11-amd.img",
           [("reserved", 3, None), one], VA, "0x8000400000", "--cpu", "amd")
    for arguments in ((), ("--cpu=intel",)):
        lookup(f"the same: {arguments or 'nothing told'}", "11-amd.img",
               [one, one], VA, "0x8000400000", *arguments)
    cases.file("amd5.img", image((0x5000, 0x1163, 0x1063), (0x1000, 0x2063),
                                 (0x2000, 0x3163), (0x3010, 0x4163),
                                 (0x4000, 0x8063)))
    lookup("bit 8 of a PML5E: AMD", "amd5.img",
           [("reserved", 4, None), one], VA, "0x1000000400000", "--cpu=amd", "-f",
           "x86_64-5level", root="0x5000")

    lookup("no pages of 1 GiB", "12-gb.img", [("reserved", 2, None)] * 2,
           "0x1234", "0x3fffffff", "--cpu=no-1g")
    lookup("pages of 1 GiB", "12-gb.img", [("ok", 2, "0x1234")], "0x1234")
    cases.tests.case("no pages of 1 GiB: walked", [
        r.get("bad") in ("ps", "reserved") for r in
        cases.records("12-gb.img", "--cpu=no-1g")] == [True])
    cases.file("2m.img", image((0x1000, 0x2063), (0x2000, 0x3063),
                               (0x3000, 0xe3)))
    lookup("no pages of 1 GiB, one of 2 MiB", "2m.img", [("ok", 1, "0x1234")],
           "0x1234", "--cpu=no-1g")
    lookup("no NX", "01-shstk.img", [("reserved", 0, None)], VA, "--cpu=no-nx")
    lookup("no NX, as before", "01-shstk.img", [("reserved", 0, None)], VA,
           "--nxe-off")
    cases.file("wide.img", image(*path(1 << 40 | 3)))
    lookup("40 bits", "wide.img", [("reserved", 0, None)], VA, "--cpu=phys=40")
    lookup("41 bits", "wide.img", [("ok", 0, "0x10000000000")], VA,
           "--cpu=phys=41")

    cases.tests.expect("Linux' bit 9, told to be Cow: no leaf with W", [
        r["kind"] for r in cases.records("06-special.img", "--cow=1")],
        ["cow", "basic", "basic"])

    tag = ("0x2a00000000400000", "0x800000400000", "0xffff800000400000")
    out = ("non-canonical", 4, None)
    lookup("tags: none are told", "13-tagged.img", [out, out, one], *tag)
    for name in ("lam48", "lam57", "uai"):
        lookup(f"tags: {name}", "13-tagged.img", [one, out, one], *tag, "--cpu",
               name, root="0x4000000000001000")
    lookup("tags: lam-sup", "13-tagged.img", [out, one, one], tag[0],
           "0xd2ff800000400000", tag[2], "--cpu=lam-sup")
    lookup("tags: between bits 47 and 57", "13-tagged.img", [one, out],
           "0x00aa000000400000", "0x00aa800000400000", "--cpu=lam48")
    lookup("tags: not for lam57", "13-tagged.img", [out],
           "0x00aa000000400000", "--cpu=lam57")
    cases.file("tagged5.img", image((0x5000, 0x1063), *path(0x8063)))
    lookup("tags: with 5 levels bits 55:48 too", "tagged5.img",
           [one, one, one, ("non-canonical", 5, None)], tag[0],
           "0x00aa000000400000", VA, "0x800000400000", "--cpu=lam48", "-f",
           "x86_64-5level", root="0x5000")
    cases.hint("tags: told, no hint", "13-tagged.img", [], "translate", tag[0],
               "--cpu=lam57")


def memory(cases):
    """Leaves that memory backs in part, and entries that are not present."""
    got = cases.results("07-partial.img", "0x1234", "0xffff", "0x10000",
                        "0x20000000")
    cases.tests.expect("outside is of the byte", [
        (r["gpa"], r.get("partial"), r.get("outside")) for r in got],
        [("0x1234", True, None), ("0xffff", True, None),
         ("0x10000", None, True), ("0x20000000", None, True)])
    cases.tests.expect("a leaf in part: where memory ends", [
        (r["va"], r["len"], r.get("part"), r.get("outside"))
        for r in cases.records("07-partial.img")],
        [("0x0", SIZE, True, None),
         ("0x10000", GIB - SIZE, True, True)])
    name = cases.file("07-partial.img")
    lines_ = cases.tests.lines("walk", "-m", name, "-m", f"{name}@0x100000",
                               "-m", f"{name}@0x200000", "-r", ROOT)[0]
    cases.tests.expect("a leaf with five borders of memory inside", [
        (r["va"], r.get("outside")) for r in lines_[1:-1]],
        [("0x0", None), ("0x10000", True), ("0x100000", None),
         ("0x110000", True), ("0x200000", None), ("0x210000", True)])
    cases.tests.expect("and it is one leaf", lines_[-1]["end"]["leaves"], 1)
    out = cases.run("walk", name)[1]
    cases.tests.case("a leaf in part: in text", len(out) == 4 and
                     out[1].endswith("  part") and
                     out[2].endswith("  part  outside"), out)

    held = [(0x400000, 0xfffffffff7120), (0x401000, 0xdeadb002)]
    cases.tests.expect("entries that are not present, when asked", [
        (r["va"], r["len"], r["level"], r["nonpresent"], r["entry"]) for r in
        cases.records("09-protnone.img", "--nonpresent")],
        [(hex(va), 4096, 0, True, hex(entry)) for va, entry in held])
    cases.tests.expect("and not, when not", cases.records("09-protnone.img"), [])
    cases.tests.expect("translated they are shown", [
        (r["status"], r["entry"]) for r in
        cases.results("09-protnone.img", VA, "0x401000")],
        [("not-present", hex(entry)) for _, entry in held])
    out = cases.run("walk", cases.file("09-protnone.img"), "--nonpresent")[1]
    cases.tests.expect("in text", out[1:-1], [
        f"{va:016x}-{va + 4095:016x}     4K  -- entry {entry:016x} of level 0: "
        "not present" for va, entry in held])
    cases.file("levels.img", image(
        (0x1000, 0x2063, 0x1e), (0x2000, 0x3063, 0x80), (0x3000, 0x4063, 0xe2),
        (0x4000, 0x8063, *[0x1234560] * 3, 0, 0x1234560)))
    cases.tests.expect("runs of them, at each level", [
        (r["va"], r["len"], r["level"], r["entry"])
        for r in cases.records("levels.img", "--nonpresent") if "gpa" not in r],
        [("0x1000", 3 * 4096, 0, "0x1234560"), ("0x5000", 4096, 0, "0x1234560"),
         ("0x200000", 2 << 20, 1, "0xe2"), ("0x40000000", GIB, 2, "0x80"),
         ("0x8000000000", 512 * GIB, 3, "0x1e")])
    out = cases.run("walk", cases.file("levels.img"), "--nonpresent")[1]
    cases.tests.case("a run of them, in text",
                     any(line.endswith("not present, 3 times") for line in out),
                     out)


def run(cases):
    """All of it, on the program under test."""
    facts(cases)
    memory(cases)
