"""s3fs, a bucket mounted as a file system: parts, overwriting in the middle, appending, renames, a tree.

Not truncation to a length other than nothing: s3fs 1.90 sends zeros then, without having read what it keeps.
"""

import filecmp
import os
import random
import shutil
import subprocess
import sys

from common import CA, HTTP, HTTPS, KEY, MIB, REGION, SECRET, checks, data, end, group, scratch
from s3tool import make_bucket
from stack import wait_for

S3FS = sys.argv[1]
FILES = 40


def files(name, top):
    path = top + "/large é"
    body = bytearray(data(23 * MIB + 5))
    with open(path, "wb") as f:
        f.write(body)
    checks.ok(read(path) == body, name + ": a file in parts")
    # s3fs sends the changed part anew and copies the others on the server.
    with open(path, "r+b") as f:
        for at in (0, 10 * MIB - 7, 17 * MIB + 1):
            change = random.Random(at).randbytes(1000)
            f.seek(at)
            f.write(change)
            body[at:at + 1000] = change
    checks.ok(read(path) == body, name + ": overwritten in three places")
    with open(path, "ab") as f:
        f.write(b"more")
    body += b"more"
    checks.ok(read(path) == body, name + ": appended")
    os.rename(path, top + "/renamed")
    checks.ok(not os.path.exists(path) and read(top + "/renamed") == body, name + ": renamed")
    os.chmod(top + "/renamed", 0o640)
    os.utime(top + "/renamed", (1000000000, 1000000000))
    st = os.stat(top + "/renamed")
    checks.equal((st.st_mode & 0o777, int(st.st_mtime), st.st_size), (0o640, 1000000000, len(body)),
                 name + ": mode and date, by a copy onto itself")
    checks.ok(read(top + "/renamed") == body, name + ": which left the bytes alone")
    os.symlink("renamed", top + "/link")
    checks.equal(os.readlink(top + "/link"), "renamed", name + ": a symbolic link")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def same(a, b):
    c = filecmp.dircmp(a, b)
    _, wrong, errors = filecmp.cmpfiles(a, b, c.common_files, shallow=False)
    return not (c.left_only or c.right_only or wrong or errors) and all(
        same(os.path.join(a, d), os.path.join(b, d)) for d in c.common_dirs)


def tree(name, top):
    source = scratch("tree-" + name)
    for i in range(FILES):
        folder = os.path.join(source, "d%d/+ %%41" % (i % 4))
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "f%d" % i), "wb") as f:
            f.write(data(i * 7919, i))
    shutil.copytree(source, top + "/tree")
    checks.ok(same(source, top + "/tree"), name + ": a tree copied in")
    os.rename(top + "/tree", top + "/tree2")
    checks.ok(same(source, top + "/tree2"), name + ": a folder renamed")
    shutil.rmtree(top + "/tree2")
    checks.ok(not os.path.exists(top + "/tree2"), name + ": a folder removed")


def run(name, url):
    bucket, top = "s3fs-mount-" + name, scratch("mount-" + name)
    make_bucket(bucket)
    os.mkdir(top)
    with open(os.open(scratch("passwd"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
        f.write("%s:%s\n" % (KEY, SECRET))
    options = ["passwd_file=" + scratch("passwd"), "url=" + url, "use_path_request_style", "endpoint=" + REGION, "sigv4",
               "multipart_size=10", "retries=2"]  # it takes the CA with its second try
    # In the foreground: GnuTLS does not outlive the fork of a daemon everywhere.
    with open(scratch(name + ".log"), "w+", encoding="utf-8") as log:
        server = subprocess.Popen([S3FS, bucket, top, "-f"] + [w for o in options for w in ("-o", o)], stdout=log, stderr=log,
                                  env=dict(os.environ, CURL_CA_BUNDLE=CA))
        try:
            wait_for("the mount", lambda: os.path.ismount(top) or server.poll() is not None, 10)
            if server.poll() is not None:
                log.seek(0)
                said = log.read().strip()
                if "fuse: " not in said or "not permitted" not in said:
                    raise AssertionError(said)
                checks.skip(name, "this machine may not mount: " + said)
                return
            files(name, top)
            tree(name, top)
        finally:
            subprocess.run(["fusermount", "-u", "-z", top], check=False, capture_output=True)
            server.wait()


def main():
    print("#", subprocess.run([S3FS, "--version"], capture_output=True, text=True).stdout.splitlines()[0])
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        group(name, run, name, url)
    end()


main()
