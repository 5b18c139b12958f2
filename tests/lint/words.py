#!/usr/bin/env python3
"""Functions that are banned, who may look into a secret, marks of unfinished work, what each folder holds."""

import os
import re
import sys

from tree import PRODUCT, TOP, Rule, code, files, text

# What is banned, and what to use instead.
BANNED = {
    r"strcpy|strncpy|strcat|strncat|stpcpy": "write through struct writer",
    r"sprintf|vsprintf|vsnprintf|asprintf|vasprintf": "write through struct writer",
    r"strtok|strtok_r|strsep": "bytes_split",
    r"atoi|atol|atoll|atof|sscanf|scanf|fscanf": "bytes_u64",
    r"gets|alloca|abort|realloc|reallocarray": "see docs/c-guide-deviations.md",
    r"rand|srand|random|drand48": "random_bytes",
    r"gmtime|localtime|gmtime_r|localtime_r|ctime|asctime|strftime|mktime": "common/codec/date",
    r"setjmp|longjmp|sigsetjmp|siglongjmp": "return an error",
    r"system|popen|execl|execlp|execvp|execv|fork|vfork": "no child processes in product code",
    r"tmpnam|tempnam|mktemp": "a directory of our own",
    r"getenv": "secure_getenv",
}

# Who may see the bytes of a secret: what computes with them, and what carries them over a wire.
SECRET_USERS = re.compile(r"""
    common/base/secret\.[ch] | common/crypto/.* | common/sigv4/.* | common/kmsproto/.* |
    common/objfmt/(blob|customer)\.c | common/logfmt/token\.c |
    server/kms/reveal\.c
""", re.X)

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# Tests of a module stand at the same path below tests/unit.
NO_UNIT_TEST = {"client/cli": "a program: tests/scenario runs it", "client/auditor": "a program, likewise"}


def line_of(s, at):
    return s.count("\n", 0, at) + 1


def check_banned(paths):
    rule = Rule("no banned function")
    variadic = Rule("no variadic function of our own")
    for path in paths:
        s = code(path)
        for pattern, instead in BANNED.items():
            for m in re.finditer(r"(?<![\w.>])(%s)\s*\(" % pattern, s):
                rule.breach(path, line_of(s, m.start()), "%s: %s" % (m.group(1), instead))
        for m in re.finditer(r"^(?!\s*#).*\w\s*\([^;{}()]*,\s*\.\.\.\s*\)", s, re.M):
            variadic.breach(path, line_of(s, m.start()), m.group(0).strip())
    return [rule.end(), variadic.end()]


def check_secrets(paths):
    rule = Rule("only the allow-list looks into a secret")
    for path in paths:
        s = code(path)
        for m in re.finditer(r"\b(secret_bytes|secret_edit)\s*\(", s):
            if not SECRET_USERS.fullmatch(path):
                rule.breach(path, line_of(s, m.start()), m.group(1))
    return [rule.end()]


def check_marks():
    rule = Rule("no mark of unfinished work")
    everything = files(*PRODUCT, "tests", "deploy", "docs", ends=(".c", ".h", ".py", ".sh", ".md", ".ini"))
    for path in everything:
        if path.startswith("tests/lint/"):
            continue
        for number, line in enumerate(text(path).splitlines(), 1):
            if UNFINISHED.search(line):
                rule.breach(path, number, line.strip()[:80])
    return [rule.end()]


def check_folders(paths):
    readme = Rule("every module has a README.md")
    tested = Rule("every module has a unit test")
    for folder in sorted({os.path.dirname(p) for p in paths if p.endswith(".c")}):
        if not os.path.exists(os.path.join(TOP, folder, "README.md")):
            readme.breach(folder, 1, "no README.md")
        if folder not in NO_UNIT_TEST and not files("tests/unit/" + folder, ends=(".c",)):
            tested.breach(folder, 1, "no tests/unit/%s/test_*.c" % folder)
    return [readme.end(), tested.end()]


def main():
    paths = files(*PRODUCT)
    good = check_banned(paths) + check_secrets(paths) + check_marks() + check_folders(paths)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
