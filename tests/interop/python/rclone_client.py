"""rclone of today, as provider AWS and Other: sync, check, multipart, copy on the server, hashes, streams."""

import os
import subprocess
import sys

from common import HTTP, HTTPS, CA, REGION, checks, data, end, group, scratch

RCLONE = sys.argv[1]


def run(name, url, provider, more):
    kind = more.rpartition("=")[2].strip("'")
    bucket = "rclone-%s-%s-%s" % (name, provider.lower(), kind.replace(":", "-").lower() or "none")
    name = "%s, provider %s%s" % (name, provider, kind and ", " + kind)
    remote = ":s3,provider=%s,env_auth=true,force_path_style=true,endpoint='%s',region=%s%s:%s" % (
        provider, url, REGION, more, bucket)
    flags = ["--ca-cert", CA, "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"]

    def rclone(what, *command, stdin=None):
        done = subprocess.run([RCLONE, *command, *flags], capture_output=True, input=stdin)
        if done.returncode:
            print("# %s: %s" % (what, (done.stdout + done.stderr).decode()[-600:].replace("\n", " ")))
        checks.ok(done.returncode == 0, "%s: %s" % (name, what))
        return done.stdout
    source, target = scratch(bucket), scratch(bucket + "-back")
    for i, size in enumerate([0, 1, 65536, 5 << 20, (17 << 20) + 3]):
        path = os.path.join(source, "dir é +%d" % (i % 2), "file %d" % i)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data(size))
    rclone("mkdir", "mkdir", remote)
    rclone("sync in parts", "sync", source, remote + "/t", "--s3-upload-cutoff", "6M", "--s3-chunk-size", "5M")
    rclone("check by downloading", "check", source, remote + "/t", "--download")
    rclone("check by hash", "check", source, remote + "/t")
    out = rclone("sync again", "sync", source, remote + "/t", "-v", "--stats-log-level", "NOTICE")
    rclone("sync back", "sync", remote + "/t", target, "--multi-thread-cutoff", "4M")
    rclone("check what came back", "check", source, target)
    rclone("rcat of a stream", "rcat", remote + "/streamed", stdin=data(9 << 20, 3))
    checks.ok(rclone("cat", "cat", remote + "/streamed") == data(9 << 20, 3), name + ": the stream came back")
    rclone("copy on the server", "copy", remote + "/t", remote + "/u", "--s3-copy-cutoff", "6M")
    rclone("check of the copy", "check", source, remote + "/u", "--download")
    rclone("moveto", "moveto", remote + "/streamed", remote + "/moved away")
    listed = rclone("lsf", "lsf", "-R", "--files-only", remote).decode().splitlines()
    checks.ok(len(listed) == 11 and "moved away" in listed and "streamed" not in listed, name + ": names")
    rclone("purge", "purge", remote)
    return out


def main():
    print("#", subprocess.run([RCLONE, "version"], capture_output=True, text=True).stdout.splitlines()[0])
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        group(name + " Other", run, name, url, "Other", "")
    # As provider AWS it wants trailing checksums, and sends those over TLS only.
    group("aws:kms", run, "https", HTTPS, "AWS", ",server_side_encryption='aws:kms'")
    group("AES256", run, "https", HTTPS, "AWS", ",server_side_encryption=AES256")
    end()


main()
