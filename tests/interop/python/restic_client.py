"""restic: init, two backups, check with all data read, restore, forget and prune, check again."""

import filecmp
import json
import os
import subprocess
import sys

from common import HTTP, HTTPS, CA, checks, data, end, group, scratch

RESTIC = sys.argv[1]


def tree(where, seed):
    for i in range(60):
        path = os.path.join(where, "folder %d" % (i % 7), "é %d" % i)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data(1000 * i * (i % 9), seed))
    with open(os.path.join(where, "large"), "wb") as f:
        f.write(data(40 << 20, seed))


def same(a, b):
    c = filecmp.dircmp(a, b)
    if c.left_only or c.right_only or c.funny_files:
        return False
    _, wrong, errors = filecmp.cmpfiles(a, b, c.common_files, shallow=False)
    return not wrong and not errors and all(same(os.path.join(a, d), os.path.join(b, d)) for d in c.common_dirs)


def run(name, url):
    env = dict(os.environ, RESTIC_REPOSITORY="s3:%s/restic-%s/repo" % (url, name), RESTIC_PASSWORD="interop",
               RESTIC_CACHE_DIR=scratch("cache-" + name), RESTIC_CACERT=CA, RESTIC_PROGRESS_FPS="0")

    def restic(what, *command):
        done = subprocess.run([RESTIC, *command], env=env, capture_output=True, text=True)
        if done.returncode:
            print("# %s: %s" % (what, (done.stdout + done.stderr)[-600:].replace("\n", " ")))
        checks.ok(done.returncode == 0, "%s: %s" % (name, what))
        return done.stdout
    source, target = scratch("source-" + name), scratch("target-" + name)
    restic("init", "init")
    tree(source, 1)
    restic("backup", "backup", "--pack-size", "16", source)
    with open(os.path.join(source, "folder 1/é 1"), "ab") as f:
        f.write(b"changed")
    restic("second backup", "backup", source)
    restic("check, all data read", "check", "--read-data")
    restic("restore", "restore", "latest", "--target", target)
    checks.ok(same(source, target + source), name + ": the same files came back")
    checks.equal(len(json.loads(restic("snapshots", "snapshots", "--json"))), 2, name + ": two snapshots")
    restic("forget and prune", "forget", "--keep-last", "1", "--prune")
    restic("check after prune", "check", "--read-data")


def main():
    print("#", subprocess.run([RESTIC, "version"], capture_output=True, text=True).stdout.strip())
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        group(name, run, name, url)
    end()


main()
