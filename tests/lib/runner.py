"""What the test drivers share: run a program with a limit, read its verdicts, print them."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORES = os.cpu_count() or 1


class Outcome:
    """What one program said: names of tests by verdict, and its output."""

    def __init__(self, name):
        self.name = name
        self.passed = []
        self.failed = []
        self.skipped = []
        self.output = ""
        self.seconds = 0.0


def run(command, limit_s, env=None, cwd=TOP):
    """(exit status or None when the time was over, output, seconds). Kills the whole process group."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=limit_s)
        status = process.returncode
    except subprocess.TimeoutExpired:
        status = None
        try:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=10)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        output, _ = process.communicate()
    return status, output.decode("utf-8", "replace"), time.monotonic() - begin


def read_cmocka(outcome, status):
    """cmocka's own report; a crash or a program without a test is a failure too."""
    for line in outcome.output.splitlines():
        m = re.match(r"\[ *(OK|FAILED|SKIPPED|ERROR) *\] (\w+)$", line)
        if not m:
            continue
        verdict, test = m.groups()
        bucket = {"OK": outcome.passed, "SKIPPED": outcome.skipped}.get(verdict, outcome.failed)
        if test not in bucket:
            bucket.append(test)
    settle(outcome, status)


def read_lines(outcome, status):
    """`ok name`, `not ok name`, `ok name # skip why`: one line for each test."""
    for line in outcome.output.splitlines():
        m = re.match(r"(ok|not ok)\b[ :-]*(.*)$", line)
        if not m:
            continue
        good, text = m.group(1) == "ok", m.group(2).strip()
        if good and re.search(r"#\s*skip", text, re.I):
            outcome.skipped.append(text)
        elif good:
            outcome.passed.append(text)
        else:
            outcome.failed.append(text)
    settle(outcome, status)


def settle(outcome, status):
    if status is None:
        outcome.failed.append("time limit")
    elif status != 0 and not outcome.failed:
        outcome.failed.append("exit status %d" % status)
    elif not (outcome.passed or outcome.failed or outcome.skipped):
        outcome.failed.append("no test in it")


def show(outcome):
    word = "FAIL" if outcome.failed else "ok"
    skipped = ", %d skipped" % len(outcome.skipped) if outcome.skipped else ""
    print("%-5s %-52s %4d passed%s  %.1f s" % (
        word, outcome.name, len(outcome.passed), skipped, outcome.seconds))
    for text in outcome.skipped:
        if "#" in text:
            print("      skipped: %s" % text)
    if outcome.failed:
        for text in outcome.failed:
            print("      not ok: %s" % text)
        print("\n".join("      | " + line for line in outcome.output.splitlines()[-120:]))
    sys.stdout.flush()


def run_programs(programs, reader, limit_s, jobs=CORES, env_of=None):
    """programs: list of (name, command, limit or None). Outcomes, in that order, shown as they come."""

    def one(item):
        name, command, limit = item
        outcome = Outcome(name)
        if not os.access(os.path.join(TOP, command[0]), os.X_OK):
            outcome.failed.append("not built")
            return outcome
        status, outcome.output, outcome.seconds = run(
            command, limit or limit_s, env_of(name) if env_of else None)
        reader(outcome, status)
        return outcome

    outcomes = []
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for outcome in pool.map(one, programs):
            show(outcome)
            outcomes.append(outcome)
    return outcomes


def unit_command(path):
    """ThreadSanitizer of gcc 12 needs the address space without randomisation on newer kernels."""
    if "/tsan/" not in path:
        return [path]
    probe = subprocess.run(["setarch", os.uname().machine, "-R", "true"], stderr=subprocess.DEVNULL,
                           check=False)
    if probe.returncode == 0:
        return ["/usr/bin/setarch", os.uname().machine, "-R", os.path.join(TOP, path)]
    return [path]


def sanitizer_env(_name):
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS", "abort_on_error=0:detect_stack_use_after_return=1:strict_string_checks=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    supp = os.path.join(TOP, "tests/lib/tsan.supp")
    env.setdefault("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1:suppressions=" + supp)
    return env
