# SPDX-License-Identifier: GPL-2.0-only
"""What vmem(1) answers to accesses: through or which fault, the entry that refuses
and why, by the rules of SDM 3A, "Access Rights" and "Page-Fault Exceptions"."""

from cases import ENC, NX, image

ROOT = "0x1000"
GIB = 1 << 30

# Accesses: pages of all sizes, and entries above that grant less.
ACCESS = image(
    (0x1000, 0x2027, 0x2025, 0x2023, NX | 0x2027, 0, 0x20a7, 0x10000027, 0x2007,
     0x5027, 0x10000027),
    (0x17f8, 0x5027), (0x1ff8, 0x5027),
    (0x2000, 0x3027, 0xa7, 0xa3, 0xa5), (0x3000, 0x4027, 0xa7, 0xa5, 0xa3),
    (0x4000, 0x8067, 0x9025, 0xa063, NX | 0xb067, 0, ENC | 0xc067,
     3 << 59 | 0xc067, 5 << 59 | 0xd063, NX | 0xe065, NX | 0xe061, 0xf021, 0x8007,
     0, 0, 0x8027),
    (0x4ff8, 0x8067), (0x5ff8, 0xa3))

# What is said of an entry that refuses.
NO_W = "may not be written"
NO_U = "is the supervisor's"
NO_X = "may not be executed"
SMEP = "is the user's, which SMEP keeps from being executed"
SMAP = "is the user's, which SMAP keeps from being accessed"
NO_SS = "is no page of a user's shadow stack"
NO_SSS = "is no page of the supervisor's shadow stack"
ABOVE = "may not be written, and so leads to no page of {} shadow stack"
ABOVE_U = ABOVE.format("a user's")
CET = ("--cpu", "cet")

# (words, address, what is said, status, error code, level and entry that refuse;
# where another was read last, these; options)
REFUSED = (
    ("w,user", 0x1000, NO_W, "write", 7, (0, 0x9025)),
    ("w", 0xa000, NO_W, "write", 3, (0, 0xf021)),
    ("w,ac,smap=0,smep=0", 0xa000, NO_W, "write", 3, (0, 0xf021)),
    ("w,wp=0,user", 0x1000, NO_W, "write", 7, (0, 0x9025)),
    ("w,user", 0x8000000000, NO_W, "write", 7, (3, 0x2025), (0, 0x8067)),
    ("w,user", 0x400000, NO_W, "write", 7, (1, 0xa5)),
    ("w,user", 0xc0000000, NO_W, "write", 7, (2, 0xa5)),
    ("w", 0x9000, NO_W, "write", 3, (0, NX | 0xe061), None, CET),
    ("w,user,pkru=0x2", 0x1000, NO_W, "write", 0x27, (0, 0x9025)),
    ("r,user", 0x2000, NO_U, "user", 5, (0, 0xa063)),
    ("w,user,pkru=0,pkrs=0", 0x2000, NO_U, "user", 7, (0, 0xa063)),
    ("x,user", 0x2000, NO_U, "user", 0x15, (0, 0xa063)),
    ("r,user", 0x10000000000, NO_U, "user", 5, (3, 0x2023), (0, 0x8067)),
    ("r,user", 0x600000, NO_U, "user", 5, (1, 0xa3)),
    ("r,user", 0x80000000, NO_U, "user", 5, (2, 0xa3)),
    ("r,user,shadow", 0x9000, NO_U, "user", 0x45, (0, NX | 0xe061), None, CET),
    ("x,user", 0x3000, NO_X, "exec", 0x15, (0, NX | 0xb067)),
    ("x,user,smep=0", 0x3000, NO_X, "exec", 0x15, (0, NX | 0xb067)),
    ("x", 0x9000, NO_X, "exec", 0x11, (0, NX | 0xe061)),
    ("x,user", 0x18000000000, NO_X, "exec", 0x15, (3, NX | 0x2027), (0, 0x8067)),
    ("x", 0, SMEP, "smep", 0x11, (0, 0x8067)),
    ("x,ac,smap=0", 0, SMEP, "smep", 0x11, (0, 0x8067)),
    ("x", 0x200000, SMEP, "smep", 0x11, (1, 0xa7)),
    ("x", 0x40000000, SMEP, "smep", 0x11, (2, 0xa7)),
    ("r", 0, SMAP, "smap", 1, (0, 0x8067)),
    ("w", 0, SMAP, "smap", 3, (0, 0x8067)),
    ("r,smep=0,wp=0", 0, SMAP, "smap", 1, (0, 0x8067)),
    ("r,implicit", 0, SMAP, "smap", 1, (0, 0x8067)),
    ("r,implicit,ac", 0, SMAP, "smap", 1, (0, 0x8067)),
    ("w", 0x200000, SMAP, "smap", 3, (1, 0xa7)),
    ("w", 0x40000000, SMAP, "smap", 3, (2, 0xa7)),
    ("r,user,shadow", 0, NO_SS, "shadow", 0x45, (0, 0x8067), None, CET),
    ("w,user,shadow", 0x1000, NO_SS, "shadow", 0x47, (0, 0x9025), None, CET),
    ("r,shadow", 0x8000, NO_SSS, "shadow", 0x41, (0, NX | 0xe065), None, CET),
    ("w,shadow,ac,smap=0", 0x8000, NO_SSS, "shadow", 0x43, (0, NX | 0xe065), None,
     CET),
    ("r,shadow", 0xa000, NO_SSS, "shadow", 0x41, (0, 0xf021), None, CET),
    ("r,user,shadow", 0x8000008000, ABOVE_U, "shadow", 0x45,
     (3, 0x2025), (0, NX | 0xe065), CET),
    ("r,shadow", 0x8000009000, ABOVE.format("the supervisor's"), "shadow", 0x41,
     (3, 0x2025), (0, NX | 0xe061), CET))

# (words, address, register and bit, error code)
KEYS = (
    ("r,user,pkru=0x40", 0x6000, "PKRU.AD3", 0x25),
    ("w,user,pkru=0x80", 0x6000, "PKRU.WD3", 0x27),
    ("w,user,wp=0,pkru=00000080", 0x6000, "PKRU.WD3", 0x27),
    ("w,user,pkru=c0", 0x6000, "PKRU.AD3", 0x27),
    ("w,smap=0,pkru=0x80", 0x6000, "PKRU.WD3", 0x23),
    ("w,smap=0,wp=0,pkru=0x40", 0x6000, "PKRU.AD3", 0x23),
    ("r,ac,pkru=0x40", 0x6000, "PKRU.AD3", 0x21),
    ("r,pkrs=0x400", 0x7000, "PKRS.AD5", 0x21),
    ("w,pkrs=0x800", 0x7000, "PKRS.WD5", 0x23),
    ("r,implicit,pkrs=0x400,pkru=0", 0x7000, "PKRS.AD5", 0x21))

# Those that go through: (words, address, page, leaf, marks, options)
RWXU = ("rwxu-ad--", "rwxu", "  W+X")
THROUGH = (
    *(("r,user" + more, 0x123, 0x8123, "4K", *RWXU)
      for more in ("", ",len=1", ",len=64", ",len=64,len=2", ",smap=0", ",user")),
    *((words, 0x123, 0x8123, "4K", *RWXU) for words in (
        "w,user", "x,user", "r,ac", "w,ac", "r,smap=0", "w,smap=0", "x,smep=0",
        "w,implicit,smap=0")),
    ("r,user", 0x200123, 0x123, "2M", "rwxu-a---", "rwxu", "  W+X  part"),
    ("r,user", 0x40000123, 0x123, "1G", "rwxu-a---", "rwxu", "  W+X  part"),
    ("r", 0x80020000, 0x20000, "1G", "rwx--a---", "rwx-", "  W+X  outside"),
    ("w,wp=0", 0xa000, 0xf000, "4K", "r-x--a---", "r-x-", ""),
    ("r", 0xa000, 0xf000, "4K", "r-x--a---", "r-x-", ""),
    ("r,user,pkru=0x80", 0x6000, 0xc000, "4K", "rwxu-ad--", "rwxu",
     "  W+X  key=3"),
    ("w,user,pkru=0xffffff3f", 0x6000, 0xc000, "4K", "rwxu-ad--", "rwxu",
     "  W+X  key=3"),
    ("x,user,pkru=0xffffffff", 0x6000, 0xc000, "4K", "rwxu-ad--", "rwxu",
     "  W+X  key=3"),
    ("w,user,pkrs=0xffffffff", 0x6000, 0xc000, "4K", "rwxu-ad--", "rwxu",
     "  W+X  key=3"),
    ("w,smap=0,wp=0,pkru=0x80", 0x6000, 0xc000, "4K", "rwxu-ad--", "rwxu",
     "  W+X  key=3"),
    ("w,pkru=0xffffffff", 0x7000, 0xd000, "4K", "rwx--ad--", "rwx-",
     "  W+X  key=5"),
    ("w,wp=0,pkrs=0x800", 0x7000, 0xd000, "4K", "rwx--ad--", "rwx-",
     "  W+X  key=5"),
    ("r,pkrs=0x800", 0x7000, 0xd000, "4K", "rwx--ad--", "rwx-", "  W+X  key=5"),
    ("w,user,shadow", 0x8000, 0xe000, "4K", "r--u-ad--", "r--u",
     "  shadow-stack", *CET),
    ("r,shadow", 0x9000, 0xe000, "4K", "r----ad--", "r---", "  shadow-stack",
     *CET),
    # the second page, too
    ("r,user,len=5", 0xffc, 0x8ffc, "4K", *RWXU),
    ("w,user,len=4", 0xffc, 0x8ffc, "4K", *RWXU),
    ("w,user,len=64,len=4", 0xffc, 0x8ffc, "4K", *RWXU),
    ("w,user,len=64", 0x1fffc1, 0x8fc1, "4K", *RWXU),
    ("r,len=1", 0xffffffffffffffff, 0x3fffffff, "1G", "rwx--a---", "rwx-",
     "  W+X  outside"),
    ("r,smap=0,len=2", 0xffffffffffffffff, 0x3fffffff, "1G", "rwx--a---", "rwx-",
     "  W+X  outside"))

# What isn't there or malformed: (words, address, line, JSON behind the address)
PF = {"fault": "#PF"}
ELSE = (
    *((words, 0x4000, "not present: entry 0000000000000000 of level 0: "
       f"#PF {error:#x}", {"status": "not-present", "level": 0, "entry": "0x0",
                           **PF, "error": hex(error)}, *more)
      for words, error, *more in (
          ("r", 0), ("w", 2), ("r,user", 4), ("w,user", 6), ("x", 0x10),
          ("x,user,smep=0", 0x14), ("r,user,pkru=0xffffffff", 4),
          ("x,smep=0", 0, "--cpu", "no-nx"), ("x", 0x10, "--cpu", "no-nx"),
          ("w,user,shadow", 0x46, *CET))),
    ("r,user", 0x20000000000, "not present: entry 0000000000000000 of level 3: "
     "#PF 0x4", {"status": "not-present", "level": 3, "entry": "0x0", **PF,
                 "error": "0x4"}),
    *((words, 0x5000, "malformed: entry 000800000000c067 of level 0 has a reserved "
       f"bit set: #PF {error:#x}", {
           "status": "reserved", "level": 0, "entry": "0x800000000c067", **PF,
           "error": hex(error)}, "--cpu", "phys=40")
      for words, error in (("r", 9), ("w", 0xb), ("r,user", 0xd), ("x", 0x19))),
    ("x,user,smep=0", 0x3000, "malformed: entry 800000000000b067 of level 0 has a "
     "reserved bit set: #PF 0xd", {
         "status": "reserved", "level": 0, "entry": "0x800000000000b067", **PF,
         "error": "0xd"}, "--cpu", "no-nx"),
    ("r", 0x28000000000, "malformed: entry 00000000000020a7 of level 3 has a "
     "reserved bit set: #PF 0x9", {"status": "reserved", "level": 3,
                                   "entry": "0x20a7", **PF, "error": "0x9"}),
    ("r", 0x800000000000, "non-canonical: #GP", {
        "status": "non-canonical", "level": 4, "fault": "#GP"}),
    ("r", 0x30000000000, "outside: the table that entry 0000000010000027 of level "
     "3 names", {"status": "outside", "level": 3, "entry": "0x10000027"}))


def refusal(status, said, error, refused, last=None):
    """JSON of an access that an entry refuses: its level and the entry; another
    is the last one read."""
    level, entry = last or refused
    return {"status": status, "level": level, "entry": hex(entry), **PF,
            "error": hex(error), "refused": refused[0], "why": said}


class Access:
    """Accesses in one image, in text and in JSON, to the letter."""

    def __init__(self, cases):
        self.cases = cases
        self.name = "access.img"
        cases.file(self.name, ACCESS)

    def text(self, words, va, want, *arguments):
        status, out, err = self.cases.run(
            "translate", self.cases.file(self.name), "--access", words, hex(va),
            *arguments)
        self.cases.tests.case(f"--access {words} {va:#x} {' '.join(arguments)}",
                              (status, out) == (0, want), status, out, want, err)

    def both(self, words, va, line, want, *arguments, fault_va=None):
        self.text(words, va, [f"{va:016x}  {line}"], *arguments)
        if "fault" in want:
            want = {**want, "fault_va": hex(va if fault_va is None else fault_va)}
        self.cases.tests.expect(
            f"--access {words} {va:#x} {' '.join(arguments)}, in JSON",
            self.cases.results(self.name, "--access", words, hex(va), *arguments),
            [{"va": hex(va), **want}])

    def second(self, words, va, line, want, *arguments):
        """It is the second page's."""
        page = ((va | 4095) + 1) % (1 << 64)
        self.both(words, va, f"the second page, {page:016x}: {line}",
                  {**want, "second": True}, *arguments, fault_va=page)


def run(cases):
    """Each answer to an access, and each reason to refuse it."""
    access = Access(cases)
    for words, va, said, status, error, refused, *more in REFUSED:
        last, options = (*more, *(None, ())[len(more):])
        access.both(words, va, f"refused: entry {refused[1]:016x} of level "
                    f"{refused[0]} {said}: #PF {error:#x}",
                    refusal(status, said, error, refused, last), *options)
    for words, va, denies, error in KEYS:
        key, entry = ((3, 3 << 59 | 0xc067) if va == 0x6000 else
                      (5, 5 << 59 | 0xd063))
        said = f"has key={key}, which {denies} denies"
        access.both(words, va, f"refused: entry {entry:016x} of level 0 {said}: "
                    f"#PF {error:#x}",
                    {**refusal("key", said, error, (0, entry)), "key": key})
    for words, va, gpa, page, leaf, may, marks, *options in THROUGH:
        access.text(words, va, [f"{va:016x}  {gpa:012x} {page:>4}  {leaf}  "
                                f"{may}{marks}"], *options)
    for words, va, line, want, *options in ELSE:
        access.both(words, va, line, want, *options)
    for va, page, level, entry, path_, more in (
            (0x123, 4096, 0, "0x8067", "rwxu/rwxu/rwxu", {}),
            (0x200123, 2 << 20, 1, "0xa7", "rwxu/rwxu", {"partial": True}),
            (0x40000123, GIB, 2, "0xa7", "rwxu", {"partial": True})):
        cases.tests.expect(f"an access that goes through, in JSON: {va:#x}",
                           cases.results(access.name, "--access=r,user", hex(va)), [{
                               "va": hex(va), "status": "ok", "level": level,
                               "gpa": "0x8123" if page == 4096 else "0x123",
                               "page": page,
                               "leaf": "rwxu-ad--" if page == 4096 else "rwxu-a---",
                               "effective": "rwxu", "path": path_, "kind": "basic",
                               "entry": entry, **more}])
    two_pages(access)
    chains(access)
    words_refused(cases)


def two_pages(access):
    """The first that refuses is told, and what may be set in both."""
    def said(entry, why, error, level=0):
        return f"refused: entry {entry:016x} of level {level} {why}: #PF {error:#x}"

    may = {"may_set_accessed": True}
    none = {"status": "not-present", "level": 0, "entry": "0x0", **PF}
    for words in ("w,user,len=5", "w,user,len=64", "w,user,len=2,len=8"):
        access.second(words, 0xffc, said(0x9025, NO_W, 7),
                      refusal("write", NO_W, 7, (0, 0x9025)))
    access.both("w,user,len=8", 0x1ffc, said(0x9025, NO_W, 7),
                refusal("write", NO_W, 7, (0, 0x9025)))
    absent = "not present: entry 0000000000000000 of level 0: #PF "
    access.second("r,user,len=5", 0x3ffc, f"{absent}0x4", {**none, "error": "0x4"})
    # the first page lacks A, and D
    access.second("r,user,len=5", 0xbffc, f"{absent}0x4",
                  {**none, "error": "0x4", **may})
    access.second("w,user,len=5", 0xbffc, f"{absent}0x6",
                  {**none, "error": "0x6", **may})
    # it lacks D alone, which a read doesn't set
    access.second("r,user,len=5", 0xeffc, f"{absent}0x4", {**none, "error": "0x4"})
    access.second("w,user,len=5", 0xeffc, f"{absent}0x6",
                  {**none, "error": "0x6", **may})
    access.second("w,user,len=2", 0x3fffff, said(0xa5, NO_W, 7, 1),
                  {**refusal("write", NO_W, 7, (1, 0xa5)), **may})
    access.second("r,user,len=2", 0x5fffff, said(0xa3, NO_U, 5, 1),
                  refusal("user", NO_U, 5, (1, 0xa3)))
    access.second("r,user,len=2", 0x7fffffff, said(0xa3, NO_U, 5, 2),
                  refusal("user", NO_U, 5, (2, 0xa3)))
    # the highest address goes on at 0
    access.second("r,len=2", 0xffffffffffffffff, said(0x8067, SMAP, 1),
                  refusal("smap", SMAP, 1, (0, 0x8067)))
    access.second("w,len=2", 0xffffffffffffffff, said(0x8067, SMAP, 3),
                  {**refusal("smap", SMAP, 3, (0, 0x8067)), **may})
    access.second("r,len=2", 0x7fffffffffff, "non-canonical: #GP", {
        "status": "non-canonical", "level": 4, "fault": "#GP"})
    access.second("r,len=2", 0x47fffffffff, "outside: the table that entry "
                  "0000000010000027 of level 3 names", {
                      "status": "outside", "level": 3, "entry": "0x10000027"})
    # entries above that lack A
    access.both("w,user", 0x38000001000, said(0x9025, NO_W, 7),
                {**refusal("write", NO_W, 7, (0, 0x9025)), **may})
    access.both("r,user", 0x38000004000, f"{absent}0x4",
                {**none, "error": "0x4", **may})


def chains(access):
    """The entry of each level, in words."""
    def table(level, entry, grants="rwxu", more=""):
        return f"  level {level}  {entry:016x}  {grants}  names a table{more}"

    low = [table(2, 0x3027), table(1, 0x4027)]
    page = "  level 0  0000000000009025  r-xu-a---  maps 4K, and refuses"
    gone = "  level 0  0000000000000000        is not present"
    for words, va, head, lines_, *options in (
            ("r,user", 0x123, "000000008123   4K  rwxu-ad--  rwxu  W+X",
             [table(3, 0x2027), *low,
              "  level 0  0000000000008067  rwxu-ad--  maps 4K"]),
            ("w,user", 0x8000000000,
             f"refused: entry 0000000000002025 of level 3 {NO_W}: #PF 0x7",
             [table(3, 0x2025, "r-xu", ", and refuses"), *low,
              "  level 0  0000000000008067  rwxu-ad--  maps 4K"]),
            ("w,user", 0x1000,
             f"refused: entry 0000000000009025 of level 0 {NO_W}: #PF 0x7",
             [table(3, 0x2027), *low, page]),
            ("w,user", 0x400000,
             f"refused: entry 00000000000000a5 of level 1 {NO_W}: #PF 0x7",
             [table(3, 0x2027), low[0],
              "  level 1  00000000000000a5  r-xu-a---  maps 2M, and refuses"]),
            ("w,user", 0xc0000000,
             f"refused: entry 00000000000000a5 of level 2 {NO_W}: #PF 0x7",
             [table(3, 0x2027),
              "  level 2  00000000000000a5  r-xu-a---  maps 1G, and refuses"]),
            ("r,user", 0x10000000000,
             f"refused: entry 0000000000002023 of level 3 {NO_U}: #PF 0x5",
             [table(3, 0x2023, "rwx-", ", and refuses"), *low,
              "  level 0  0000000000008067  rwxu-ad--  maps 4K"]),
            ("x,user", 0x18000000000,
             f"refused: entry 8000000000002027 of level 3 {NO_X}: #PF 0x15",
             [table(3, NX | 0x2027, "rw-u", ", and refuses"), *low,
              "  level 0  0000000000008067  rwxu-ad--  maps 4K"]),
            ("r,user,shadow", 0x8000008000, "refused: entry 0000000000002025 of "
             f"level 3 {ABOVE_U}: #PF 0x45",
             [table(3, 0x2025, "r-xu", ", and refuses"), *low,
              "  level 0  800000000000e065  r--u-ad--  maps 4K"], *CET),
            ("r,user,pkru=0x40", 0x6000, "refused: entry 180000000000c067 of level "
             "0 has key=3, which PKRU.AD3 denies: #PF 0x25",
             [table(3, 0x2027), *low, "  level 0  180000000000c067  rwxu-ad--  "
              "maps 4K, key=3, and refuses"]),
            ("r,user", 0x4000,
             "not present: entry 0000000000000000 of level 0: #PF 0x4",
             [table(3, 0x2027), *low, gone]),
            ("r", 0x28000000000, "malformed: entry 00000000000020a7 of level 3 has "
             "a reserved bit set: #PF 0x9",
             ["  level 3  00000000000020a7        is malformed"]),
            ("r", 0x30000000000, "outside: the table that entry 0000000010000027 "
             "of level 3 names", [table(3, 0x10000027)]),
            ("r", 0x800000000000, "non-canonical: #GP", []),
            ("w,user", 0x38000001000,
             f"refused: entry 0000000000009025 of level 0 {NO_W}: #PF 0x7",
             [table(3, 0x2007), *low, page, "  may set A above"]),
            ("w,user,len=8", 0xffc, "the second page, 0000000000001000: refused: "
             f"entry 0000000000009025 of level 0 {NO_W}: #PF 0x7",
             ["  of the second page, 0000000000001000:", table(3, 0x2027), *low,
              page]),
            ("w,user,len=8", 0xbffc, "the second page, 000000000000c000: not "
             "present: entry 0000000000000000 of level 0: #PF 0x6",
             ["  of the second page, 000000000000c000:", table(3, 0x2027), *low,
              gone, "  may set A above, or A or D of the first page"]),
            ("r,user,len=8", 0xbffc, "the second page, 000000000000c000: not "
             "present: entry 0000000000000000 of level 0: #PF 0x4",
             ["  of the second page, 000000000000c000:", table(3, 0x2027), *low,
              gone, "  may set A above or of the first page"])):
        access.text(words, va, [f"{va:016x}  {head}", *lines_], "--chain", *options)
    for words, va, want in (
            ("w,user", 0x8000000000, {"3": "0x2025", "2": "0x3027", "1": "0x4027",
                                      "0": "0x8067"}),
            ("w,user,len=8", 0x3ffffc, {"3": "0x2027", "2": "0x3027",
                                        "1": "0xa5"}),
            ("r", 0x30000000000, {"3": "0x10000027"}), ("r", 1 << 47, None)):
        access.cases.tests.expect(
            f"--chain {words} {va:#x}, in JSON",
            [r.get("chain") for r in access.cases.results(
                access.name, "--access", words, "--chain", hex(va))], [want])

    # what was set before isn't lacking any more, what is set behind is
    for words, nr, vas in (
            ("w,user,ad", 0, ["0x38000000123", "0x38000001000"]),
            ("w,user,ad", 1, ["0x38000001000", "0x38000000123", "0x38000001000"]),
            ("w,user,ad,len=8", 0, ["0xb000", "0xbffc"]),
            ("w,user,ad,len=8", 1, ["0xbffc", "0xb000", "0xbffc"])):
        out = access.cases.run("translate", access.cases.file(access.name),
                               "--access", words, "--chain", *vas)[1]
        access.cases.tests.expect(f"what may be set: {words}, {' '.join(vas)}",
                                  sum("  may set" in line for line in out), nr)

    # hints are about the address that faults; no fetch has a tag
    name = access.name
    for words, va, want in (
            ("r,len=2", "0x7fffffffffff", "hint: 0000800000000000 is"),
            ("r", "0x2a00000000400000", "--cpu lam57, lam48 or uai takes"),
            ("x", "0x2a00000000400000", "hint: 2a00000000400000 is non-canonical: "
             "its low 48 bits, sign-extended, are 0000000000400000\n")):
        err = access.cases.run("translate", access.cases.file(name), "--access",
                               words, va)[2]
        access.cases.tests.case(f"a hint: {words} {va}", want in err and
                                err.count("hint:") == 1 and
                                ("tag" in err) == ("lam" in want), err)


def words_refused(cases):
    """Words that say nothing, too much, or what can't be."""
    name = cases.file("access.img")
    none = ["is none of r, w, x, user"]
    for words, said, *options in (
            ("", ["`' is none of"]), ("r,", ["`' is none of"]),
            (",r", ["`' is none of"]), ("r,,user", ["`' is none of"]),
            *((f"r,{word}", [f"`{word}'", *none]) for word in (
                "wp", "wp=1", "wp=", "smep", "smep=1", "smap=2", "ac=0", "ac=1",
                "user=1", "len", "pkru", "pkrs", "R", "read", "shadow ", "x=1")),
            ("r,r", ["`r' is a second one"]), ("r,w", ["`w' is a second one"]),
            ("x,user,r", ["`r' is a second one"]),
            ("user", ["has none of r, w and x\n"]),
            ("len=4,ac", ["has none of r, w and x\n"]),
            *((f"r,len={n}", [f"`len={n}' is no length from 1 to 64"])
              for n in ("", "0", "65", "-1", "4x", "18446744073709551617")),
            *((f"r,{register}={bits}", [f"`{register}={bits}'", why])
              for register in ("pkru", "pkrs") for bits, why in (
                  ("40", "could be decimal or hexadecimal: 40 is 0x28 if it is "
                   "decimal, else write 0x40"),
                  ("", "no hexadecimal number"), ("0xg", "no hexadecimal number"),
                  ("-1", "no hexadecimal number"),
                  ("0x100000000", "is above 32 bits"),
                  ("0x10000000000000000", "is above 64 bits"))),
            ("r,user,implicit", ["`user' and `implicit'"]),
            ("x,implicit", ["`x' and `implicit'"]),
            ("x,shadow", ["`x' and `shadow'"]),
            ("x,user,shadow", ["`x' and `shadow'"], *CET),
            ("r,shadow", ["`shadow'", "--cpu cet"]),
            ("r,wp=0", ["`wp=0'", "--cpu cet"], *CET),
            ("r,shadow,wp=0", ["`wp=0'", "--cpu cet"], *CET),
            ("r", ["--access", "given before"], "--access=r"),
            ("r,user", ["--access", "given before"], "--access", "w")):
        cases.tests.refused(f"--access {words!r} {' '.join(options)}", 2,
                            ["--access", *said], "translate", "-m", name, "-r", ROOT,
                            "--access", words, *options, "0")
