"""rclone of today, as provider AWS and Other: sync, check, multipart, copy on the server, hashes, streams; serve."""

import os
import socket
import subprocess
import sys
import urllib.request

from stack import wait_for

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


def fetch(method, url, body=None, **headers):
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.read()


def serve(name, url):
    """A bucket behind rclone serve: files in and out by WebDAV, parts of them, moved and removed."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    remote = ":s3,provider=Other,env_auth=true,force_path_style=true,endpoint='%s',region=%s:rclone-serve-%s" % (url, REGION, name)
    flags = ["--ca-cert", CA, "--config", "/dev/null"]
    subprocess.run([RCLONE, "mkdir", remote, *flags], check=True)
    server = subprocess.Popen([RCLONE, "serve", "webdav", remote, "--addr", "127.0.0.1:%d" % port, "--vfs-cache-mode", "off",
                               "--cache-dir", scratch("vfs-" + name), *flags], stderr=subprocess.DEVNULL)
    base = "http://127.0.0.1:%d/" % port

    def answers():
        try:
            return fetch("PROPFIND", base, Depth="1")[0] == 207
        except OSError:
            return False
    try:
        wait_for("rclone serve", answers)
        body = data(12 << 20, 5)
        checks.equal(fetch("PUT", base + "a%20b", body)[0], 201, name + ": serve: PUT")
        checks.ok(fetch("GET", base + "a%20b")[1] == body, name + ": serve: GET")
        first = (8 << 20) - 5
        checks.equal(fetch("GET", base + "a%20b", Range="bytes=%d-%d" % (first, first + 9))[1], body[first:first + 10],
                     name + ": serve: a range")
        checks.equal(fetch("MOVE", base + "a%20b", Destination=base + "moved")[0], 201, name + ": serve: MOVE")
        checks.ok(fetch("GET", base + "moved")[1] == body, name + ": serve: the moved file")
        checks.equal(fetch("DELETE", base + "moved")[0], 204, name + ": serve: DELETE")
        listed = subprocess.run([RCLONE, "lsf", remote, *flags], capture_output=True, text=True, check=True).stdout
        checks.equal(listed, "", name + ": serve: nothing is left in the bucket")
    finally:
        server.terminate()
        server.wait()


def main():
    print("#", subprocess.run([RCLONE, "version"], capture_output=True, text=True).stdout.splitlines()[0])
    for url in (HTTP, HTTPS):
        name = url.split(":")[0]
        group(name + " Other", run, name, url, "Other", "")
        group(name + ": serve", serve, name, url)
    # As provider AWS it wants trailing checksums, and sends those over TLS only.
    group("aws:kms", run, "https", HTTPS, "AWS", ",server_side_encryption='aws:kms'")
    group("AES256", run, "https", HTTPS, "AWS", ",server_side_encryption=AES256")
    end()


main()
