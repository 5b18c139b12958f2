"""Failures of the system for the real daemons: compiles inject.c, and gives the orders that it carries out.

    injector = Injector(stack.dir, "gateway", stack.gateway)      # before the daemon starts
    with injector.fail(stack.store, first=3, error=errno.EIO):    # the third call on a file below that folder
        ...
    injector.hit, injector.what                                   # how often it struck, and what
"""

import contextlib
import errno
import mmap
import os
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
# The bits and modes of inject.c, in its order.
CALLS = ["open", "read", "write", "sync", "link", "rename", "unlink", "truncate", "allocate", "stat", "list", "mkdir",
         "accept"]
REFUSE, LIE, SHORT, WAIT, BUDGET = range(5)
EVERY = tuple(c for c in CALLS if c != "accept")
FOREVER = 1 << 62
ORDERS = "=QQQQQQqQQ256s256s"
ROOM_AT, COUNTS_AT, UNDER_AT, WHAT_AT = 48, 56, 72, 328


def compiled(folder):
    """inject.c as a library in that folder."""
    library = os.path.join(folder, "inject.so")
    if not os.path.exists(library):
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu2x", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread",
                        "-o", library, os.path.join(HERE, "inject.c")], check=True)
    return library


class Injector:
    def __init__(self, folder, name, daemon):
        path = os.path.join(folder, name + ".orders")
        with open(path, "w+b") as f:
            f.truncate(struct.calcsize(ORDERS))
            self.map = mmap.mmap(f.fileno(), 0)
        daemon.env = dict(daemon.env or os.environ, LD_PRELOAD=compiled(folder), FAULT_ORDERS=path)
        self.number = 0

    @contextlib.contextmanager
    def fail(self, under, calls=EVERY, first=1, last=None, error=errno.EIO, mode=REFUSE, room=0):
        """Calls `first` to `last` (the first alone, when not given) of these kinds, on files below `under`, fail."""
        bits = sum(1 << CALLS.index(c) for c in calls)
        self.map[8:struct.calcsize(ORDERS)] = struct.pack(
            "=QQQQQqQQ256s256s", bits, first, last or first, error, mode, room, 0, 0, os.path.realpath(under).encode(), b"")
        self.number += 1
        number = self.number
        self._arm(number)
        try:
            yield self
        finally:
            if self.number == number: # else a later order stands
                self._arm(0)

    def _arm(self, value):
        self.map[0:8] = struct.pack("=Q", value)

    def _counts(self):
        return struct.unpack("=QQ", self.map[COUNTS_AT:COUNTS_AT + 16])

    @property
    def seen(self):
        """Calls that counted since the orders were given."""
        return self._counts()[0]

    @property
    def hit(self):
        return self._counts()[1]

    @property
    def what(self):
        """The last call that failed: its name and file."""
        return bytes(self.map[WHAT_AT:]).split(b"\0")[0].decode("utf-8", "replace")
