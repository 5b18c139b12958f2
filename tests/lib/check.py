"""`ok` and `not ok` lines for scenarios in Python."""

import sys
import traceback

failed = 0


def check(name, good, detail=""):
    global failed
    if good:
        print("ok " + name)
    else:
        failed += 1
        print("not ok " + name)
        if detail != "":
            print("  " + repr(detail)[:2000])
    sys.stdout.flush()


def skip(name, why):
    print("ok %s # skip %s" % (name, why))


def scenario(function):
    """Run a function; an exception is a failed test, not a lost one."""
    try:
        function()
    except Exception:  # noqa: BLE001
        check(function.__name__, False, traceback.format_exc())


def end():
    sys.exit(1 if failed else 0)
