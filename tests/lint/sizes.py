#!/usr/bin/env python3
"""Sizes that fit a reader: files, functions, lines, parameters, nesting."""

import json
import re
import subprocess
import sys

from tree import PRODUCT, TOP, Rule, code, files, text

FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 100
TAB_COLUMNS = 4
PARAMETERS_MAX = 6
NESTING_MAX = 3

# (path, name): reason. A row that is no longer needed is a breach.
LONGER = {}

# Public contracts that people coded against before this rule was enforced: name, reason.
MORE_PARAMETERS = {
    "s3op_resolve": "one row of the request each; called in two places",
    "sigv4_authorization": "the parts of a signature, as the specification lists them",
    "sigv4_presign": "as sigv4_authorization",
    "index_upload_parts": "a page of rows: where from, how many, and three results",
    "vault_complete": "what index_object_put needs, and the key and memory to seal the trailer with",
}


def functions(paths):
    """(path, name, first line, last line, signature) of each function, from universal-ctags."""
    out = subprocess.run(["ctags", "--output-format=json", "--fields=+neS", "--kinds-c=f", "--languages=C",
                          "--langmap=C:+.h", "-f", "-", "-L", "-"], cwd=TOP, input="\n".join(paths), text=True,
                         check=True, stdout=subprocess.PIPE).stdout
    for line in out.splitlines():
        tag = json.loads(line)
        if tag.get("_type") == "tag" and "end" in tag:
            yield tag["path"], tag["name"], tag["line"], tag["end"], tag.get("signature", "()")


def parameters(signature):
    inside = signature.strip()[1:-1].strip()
    if inside in ("", "void"):
        return 0
    depth, count = 0, 1
    for c in inside:
        depth += (c in "([") - (c in ")]")
        count += c == "," and depth == 0
    return count


def nesting(body):
    """Depth of blocks inside the function's own; braces of initialisers and labels of switch do not count."""
    depth, deepest, blocks = 0, 0, []
    for m in re.finditer(r"[{}]", body):
        if m.group(0) == "{":
            before = body[:m.start()].rstrip()
            is_block = not re.search(r"(=|,|\(|\{|return|\])$", before) and not re.search(r"\)\s*$", before) or \
                re.search(r"\b(if|for|while|switch)\b[^;{}]*\)$", before) is not None or before.endswith("else")
            blocks.append(bool(is_block))
            depth += bool(is_block)
            deepest = max(deepest, depth)
        elif blocks:
            depth -= blocks.pop()
    return deepest


def check_functions(paths):
    long_rule, many_rule, deep_rule = (Rule("functions have at most %d lines" % FUNCTION_LINES_MAX),
                                       Rule("functions have at most %d parameters" % PARAMETERS_MAX),
                                       Rule("blocks nest at most %d deep" % NESTING_MAX))
    used = set()
    for path, name, first, last, signature in functions(paths):
        if last - first + 1 > FUNCTION_LINES_MAX:
            used.add((path, name))
            if (path, name) not in LONGER:
                long_rule.breach(path, first, "%s has %d lines" % (name, last - first + 1))
        if parameters(signature) > PARAMETERS_MAX and name not in MORE_PARAMETERS:
            many_rule.breach(path, first, "%s has %d parameters" % (name, parameters(signature)))
        body = "\n".join(code(path).splitlines()[first - 1:last])
        at = body.find("{")
        if at >= 0 and nesting(body[at + 1:body.rfind("}")]) > NESTING_MAX:
            deep_rule.breach(path, first, "%s nests deeper" % name)
    for row in set(LONGER) - used:
        long_rule.breach(row[0], 1, "%s is in LONGER but no longer long" % row[1])
    return [long_rule.end(), many_rule.end(), deep_rule.end()]


def check_lines(paths):
    file_rule = Rule("files have at most %d lines" % FILE_LINES_MAX)
    line_rule = Rule("lines of code in .c files have at most %d columns" % LINE_COLUMNS_MAX)
    for path in paths:
        lines = text(path).splitlines()
        if len(lines) > FILE_LINES_MAX:
            file_rule.breach(path, len(lines), "%d lines" % len(lines))
        if path.endswith(".h"):  # contracts were written wide; their reflow is a change of its own
            continue
        for number, (line, live) in enumerate(zip(lines, code(path).splitlines()), 1):
            # A comment that runs on behind or instead of code is a matter of taste; code is not.
            width = len(line.expandtabs(TAB_COLUMNS)) if len(live.rstrip()) == len(line.rstrip()) else \
                len(live.rstrip().expandtabs(TAB_COLUMNS))
            if width > LINE_COLUMNS_MAX:
                line_rule.breach(path, number, "%d columns" % width)
    return [file_rule.end(), line_rule.end()]


def main():
    paths = files(*PRODUCT)
    good = check_lines(paths) + check_functions([p for p in paths if p.endswith(".c")])
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
