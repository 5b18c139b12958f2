#!/usr/bin/python3
"""A store that does not answer: the requests that need it wait, all others go on for as long as workers are left, and nobody is
answered wrongly."""

import os
import sys
import threading

from stack import Checks, Stack, wait_for

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inject import FOREVER, WAIT, Injector  # noqa: E402

checks = Checks()
WORKERS = 4
DATA = os.urandom(100000)


def get_all(stack, n):
    """n GETs at once, each on a thread; the list fills as they end."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(stack.request("GET", "/slow/k")), daemon=True) for _ in range(n)]
    for t in threads:
        t.start()
    return threads, answers


def main():
    stack = Stack(gateway="access_log = no\nworkers = %d" % WORKERS)
    injector = Injector(stack.dir, "gateway", stack.gateway)
    with stack:
        assert stack.request("PUT", "/slow")[0] == 200 and stack.request("PUT", "/slow/k", DATA)[0] == 200
        with injector.fail(stack.store, calls=("read",), last=FOREVER, mode=WAIT):
            threads, answers = get_all(stack, WORKERS - 1)
            wait_for("%d reads that hang" % (WORKERS - 1), lambda: injector.hit >= WORKERS - 1)
            others = [stack.request("PUT", "/slow/new", DATA)[0], stack.request("HEAD", "/slow/k")[0],
                      stack.request("GET", "/slow", query="list-type=2")[0], stack.request("DELETE", "/slow/new")[0]]
            checks.equal(others, [200, 200, 200, 204], "all workers but one hang in the store: other requests are served")
            more, late = get_all(stack, WORKERS)
            wait_for("every worker to hang", lambda: injector.hit >= WORKERS)
            checks.equal(answers + late, [], "nobody was answered without the store")
            told = [stack.ops(stack.gateway_ops_port, path)[0] for path in ("/healthz", "/readyz", "/metrics")]
            checks.equal(told, [200, 200, 200], "who watches the gateway is answered")
        for t in threads + more:
            t.join(60)
        good = [status == 200 and body == DATA for status, _, body in answers + late]
        checks.equal(good, [True] * (2 * WORKERS - 1), "the store answers again: each of them gets the object")
        checks.equal(stack.request("GET", "/slow/k")[2], DATA, "and so does the next")
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
