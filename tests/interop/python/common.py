"""What the Python clients share. The driver (tests/interop/run) sets the environment that is read here."""

import os
import random
import sys

from stack import Checks  # tests/lib is on the path

HTTP, HTTPS, CA = os.environ["INTEROP_HTTP"], os.environ["INTEROP_HTTPS"], os.environ["INTEROP_CA"]
KEY, SECRET = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
REGION = os.environ["AWS_DEFAULT_REGION"]
SCRATCH = os.environ["INTEROP_DIR"]
MIB = 1 << 20

checks = Checks()


def data(size, seed=1):
    """The same bytes for the same size and seed."""
    return random.Random("%d %d" % (size, seed)).randbytes(size)


def scratch(name):
    return os.path.join(SCRATCH, name)


def group(what, function, *arguments):
    """Run some checks; an exception is one failed check that names itself, and the next group still runs."""
    try:
        function(*arguments)
    except Exception as e:  # pylint: disable=broad-except
        print("# %s: %s: %s" % (what, type(e).__name__, str(e).replace("\n", " ")[:600]))
        checks.ok(False, what + " (stopped by " + type(e).__name__ + ")")


def end():
    """Ends at once: the threads of some libraries do not survive an orderly end of the interpreter."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(checks.done())
