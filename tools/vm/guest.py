# SPDX-License-Identifier: GPL-2.0-only
"""guest.py DIR QEMU-OPTION...: boot a guest, stop it when it idles, and save
its memory and what QEMU's monitor says of it into DIR."""

import json
import re
import socket
import subprocess
import sys
import time

IDLE = b"vmem-guest-idle"
TIMEOUT = 300  # seconds, for the boot; emulation on a slow machine needs 60


class Monitor:
    """QEMU's machine protocol, as far as needed to speak to its monitor."""

    def __init__(self, sock):
        self.stream = sock.makefile("rw", encoding="utf-8")
        json.loads(self.stream.readline())
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        request = {"execute": command, "arguments": arguments}
        self.stream.write(json.dumps(request) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def human(self, line):
        return self.execute("human-monitor-command", **{"command-line": line})


def wait_for(path, text, qemu):
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and qemu.poll() is None:
        with open(path, "rb") as console:
            if text in console.read():
                return
        time.sleep(0.5)
    raise TimeoutError(f"the guest never idled, see {path}")


def save(directory, name, text):
    with open(f"{directory}/{name}", "w", encoding="ascii") as out:
        out.write(text)


def main(directory, options):
    console = f"{directory}/console"
    open(console, "wb").close()
    ours, theirs = socket.socketpair()
    with subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
             "-display", "none", "-no-reboot", "-serial", f"file:{console}",
             "-chardev", f"socket,id=qmp,fd={theirs.fileno()}",
             "-mon", "chardev=qmp,mode=control"] + options,
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL) as qemu:
        try:
            theirs.close()
            monitor = Monitor(ours)
            wait_for(console, IDLE, qemu)
            time.sleep(5)
            monitor.execute("stop")
            size = monitor.execute("query-memory-size-summary")["base-memory"]
            monitor.execute("pmemsave", val=0, size=size,
                            filename=f"{directory}/memory")
            registers = monitor.human("info registers").replace("\r", "")
            save(directory, "registers", registers)
            cr3 = re.search(r"CR3=([0-9a-f]+)", registers)[1]
            save(directory, "cr3", f"0x{cr3}\n")
            save(directory, "tlb", monitor.human("info tlb").replace("\r", ""))
            monitor.execute("quit")
        finally:
            qemu.kill()


main(sys.argv[1], sys.argv[2:])
