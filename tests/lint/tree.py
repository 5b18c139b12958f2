"""The files that lint reads, and how it says what it found."""

import functools
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PRODUCT = ("common", "server", "client")


def files(*folders, ends=(".c", ".h")):
    """Paths relative to the top, sorted."""
    found = []
    for folder in folders:
        for where, below, names in os.walk(os.path.join(TOP, folder)):
            below[:] = sorted(d for d in below if d not in ("__pycache__", "corpus"))
            found += [os.path.relpath(os.path.join(where, n), TOP) for n in names if n.endswith(ends)]
    return sorted(found)


@functools.lru_cache(maxsize=None)
def text(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as f:
        return f.read()


@functools.lru_cache(maxsize=None)
def code(path):
    """The text with comments and the insides of literals blanked, so that lines keep their numbers."""

    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s[0] + s[0]
        return re.sub(r"[^\n]", " ", s)

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text(path),
                  flags=re.S)


class Rule:
    """Collects breaches; prints one test line, and the breaches below it."""

    def __init__(self, name):
        self.name = name
        self.breaches = []

    def breach(self, path, line, what):
        self.breaches.append("%s:%s: %s" % (path, line, what))

    def end(self):
        print("%s %s" % ("not ok" if self.breaches else "ok", self.name))
        for b in self.breaches:
            print("  " + b)
        sys.stdout.flush()
        return not self.breaches
