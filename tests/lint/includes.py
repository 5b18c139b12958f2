#!/usr/bin/env python3
"""Who may include what: the module table of the project, as data.

A module may include its own headers and those of the modules named here. A header of a library may be
included only where LIBRARIES says. Everything else in angle brackets must be in SYSTEM.
"""

import re
import sys

from tree import PRODUCT, Rule, code, files, text

PURE = ["common/base", "common/codec", "common/crypto"]
COMMON = PURE + ["common/sigv4", "common/s3op", "common/objfmt", "common/logfmt", "common/kmsproto",
                 "common/policy"]

MODULES = {
    # Pure: no sockets, no threads, no files.
    "common/base": [],
    "common/codec": ["common/base"],
    "common/crypto": ["common/base"],
    "common/sigv4": PURE,
    "common/s3op": ["common/base", "common/codec"],
    "common/objfmt": PURE,
    "common/logfmt": PURE,
    "common/policy": ["common/base", "common/codec", "common/s3op"],
    "common/kmsproto": PURE + ["common/sigv4", "common/s3op"],
    # The transport knows nothing of the project; the store knows no key, name or plaintext.
    "server/net": ["common/base", "common/codec"],
    "server/conf": ["common/base"],
    "server/kv": ["common/base"],
    "server/store": ["common/base", "common/codec"],
    "server/index": PURE + ["server/kv"],
    "server/vault": PURE + ["common/objfmt", "server/store", "server/index"],
    # The two daemons. They meet in common/kmsproto and nowhere else.
    "server/gateway": COMMON + ["server/net", "server/conf", "server/kv", "server/store", "server/index",
                                "server/vault"],
    "server/kms/keylog": PURE + ["common/logfmt", "server/kv"],
    "server/kms": COMMON + ["server/net", "server/conf", "server/kv", "server/kms/keylog"],
    # Clients run no server code; an auditor runs the formats and nothing else of ours.
    "client/lib": PURE + ["common/sigv4"],
    "client/cli": PURE + ["client/lib"],
    "client/auditor": PURE + ["common/logfmt"],
}

# Single headers beyond the table, each with its reason.
EXTRA = {
    ("server/gateway", "client/lib/http.h"): "the KMS is called over the one HTTP client",
    ("client/auditor", "client/lib/http.h"): "fetches a log when asked to",
}

LIBRARIES = {
    r"uv\.h|llhttp\.h": r"server/net/.*",
    r"lmdb\.h": r"server/kv/kv_lmdb\.c",
    r"sodium\.h|sodium/.*": r"common/base/secret\.c|common/crypto/.*\.c",
    r"openssl/.*": r"common/crypto/.*|server/net/tls\.c",
    r"curl/.*": r"client/lib/http\.c",
    r"expat\.h": r"common/codec/xml\.c",
    r"jansson\.h": r"common/codec/json\.c",
    r"ini\.h": r"server/conf/.*\.c",
    r"zlib\.h": r"common/crypto/.*\.c",
}

SYSTEM = set("""
assert.h ctype.h errno.h inttypes.h limits.h signal.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h
string.h strings.h time.h locale.h math.h
arpa/inet.h dirent.h fcntl.h fts.h getopt.h linux/fs.h linux/limits.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h pwd.h sched.h
sys/auxv.h sys/file.h sys/mman.h sys/prctl.h sys/random.h sys/resource.h sys/sendfile.h sys/socket.h sys/stat.h sys/statvfs.h
sys/syscall.h sys/time.h sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/vfs.h sys/wait.h sys/ioctl.h termios.h
semaphore.h unistd.h emmintrin.h immintrin.h nmmintrin.h wmmintrin.h arm_acle.h
""".split())

# Pure modules compute; these would let them reach outside.
PURE_BANS = re.compile(r"pthread\.h|sys/socket\.h|netinet/.*|netdb\.h|fcntl\.h|dirent\.h|poll\.h|sys/uio\.h")
PURE_EXEMPT = {
    "common/base/secret.c": "the slab: set up once, locked by a mutex",
    "common/crypto/evp.c": "algorithms of OpenSSL are fetched once",
    "common/crypto/crc.c": "tables are made once",
}


def module_of(path):
    folder = path.rsplit("/", 1)[0]
    while folder and folder not in MODULES:
        folder = folder.rsplit("/", 1)[0] if "/" in folder else ""
    return folder


def includes(path):
    """(line, header, quoted); read from the text, as literals are blanked in code()."""
    live = code(path).splitlines()
    for number, line in enumerate(text(path).splitlines(), 1):
        m = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", line)
        if m and live[number - 1].lstrip().startswith("#"):
            yield number, m.group(2), m.group(1) == '"'


def check_own(rule, path, number, header):
    module = module_of(path)
    other = module_of(header)
    if not header.startswith(tuple(p + "/" for p in PRODUCT)):
        rule.breach(path, number, '"%s": write the path from the top of the tree' % header)
    elif other != module and other not in MODULES.get(module, []) and (module, header) not in EXTRA:
        rule.breach(path, number, "%s may not include %s" % (module or path, header))


def check_library(rule, path, number, header):
    for pattern, where in LIBRARIES.items():
        if re.fullmatch(pattern, header):
            if not re.fullmatch(where, path):
                rule.breach(path, number, "<%s> belongs to %s alone" % (header, where))
            return
    if header not in SYSTEM:
        rule.breach(path, number, "<%s> is in no table of tests/lint/includes.py" % header)
    elif path.startswith("common/") and PURE_BANS.fullmatch(header) and path not in PURE_EXEMPT:
        rule.breach(path, number, "<%s> in a pure module" % header)


def main():
    own, library, known = (Rule("modules include only what the table allows"),
                           Rule("headers of libraries are confined"), Rule("every folder is in the module table"))
    for path in files(*PRODUCT):
        if not module_of(path):
            known.breach(path, 1, "this folder is in no row of tests/lint/includes.py")
            continue
        for number, header, quoted in includes(path):
            if quoted:
                check_own(own, path, number, header)
            else:
                check_library(library, path, number, header)
    good = [own.end(), library.end(), known.end()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
