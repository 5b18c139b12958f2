#!/usr/bin/python3
"""A copy that the storage makes long: its client hears of it meanwhile, an error comes inside the answer that is on its way, and a client
who leaves ends it."""

import contextlib
import http.client
import os
import re
import sys

from stack import Checks, Stack, wait_for

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from inject import FOREVER, WAIT, Injector  # noqa: E402

checks = Checks()
SOURCE = os.urandom(32 << 20)
READS_A_TIME = 4   # few against the 128 or more that the source takes, so that the answer begins long before the end
SECONDS_A_TIME = 0.3
TICKS_MAX = 25     # of them seven before the answer begins


class Copy:
    """One request on its way, on a connection whose answer is read as it comes."""

    def __init__(self, stack, key, **headers):
        given = {"x-amz-copy-source": "/copies/source"}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        query = ""
        if "upload" in given:
            query = "partNumber=1&uploadId=" + given.pop("upload")
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.s3_port, timeout=60)
        path = "/copies/" + key
        self.connection.request("PUT", path + ("?" + query if query else ""), b"", stack.sign("PUT", path, b"", given, query=query))

    def hears(self):
        """Is there anything to read yet?"""
        self.connection.sock.settimeout(SECONDS_A_TIME)
        with contextlib.suppress(TimeoutError):
            return bool(self.connection.sock.recv(1, http.client.socket.MSG_PEEK))
        return False

    def answer(self):
        self.connection.sock.settimeout(60)
        return self.connection.getresponse()


def slowly(injector, stack, until):
    """The store gives a few reads at a time, and stands still when this returns: leave the order to let it go on."""
    order = contextlib.ExitStack()
    for _ in range(TICKS_MAX):
        with contextlib.ExitStack() as before:
            before.push(order.pop_all())
            # The new order frees whoever waits in the old one.
            order.enter_context(injector.fail(stack.store, calls=("read",), first=READS_A_TIME, last=FOREVER, mode=WAIT))
        if until():
            break
    return order


def get(stack, key):
    return stack.request("GET", "/copies/" + key)


def whole(stack, injector):
    copy = Copy(stack, "copied")
    with slowly(injector, stack, copy.hears):
        answer = copy.answer()
        checks.equal((answer.status, answer.getheader("transfer-encoding"), answer.getheader("content-type")),
                     (200, "chunked", "application/xml"), "the head comes while the copy goes on")
        begun = answer.read1(100)
        checks.ok(re.fullmatch(rb"<\?xml [^>]*\?>\s*", begun), "and a sign of life: %r" % begun)
        checks.equal(get(stack, "copied")[0], 404, "what is not done is not there")
    text = begun + answer.read()
    etag = re.search(rb"<CopyObjectResult>.*<ETag>&quot;(.*)&quot;</ETag>", text)
    status, headers, body = get(stack, "copied")
    checks.equal((status, body == SOURCE, headers["etag"]), (200, True, '"%s"' % etag[1].decode()), "it ends with the result")


def refused(stack, injector):
    copy = Copy(stack, "copied", if_none_match="*")
    with slowly(injector, stack, copy.hears):
        pass
    answer = copy.answer()
    checks.equal((answer.status, re.search(rb"\s<Error><Code>(\w+)</Code>", answer.read())[1]), (200, b"PreconditionFailed"),
                 "an error comes inside the answer")
    checks.ok(get(stack, "copied")[2] == SOURCE, "and the target is as it was")


def part(stack, injector):
    status, _, body = stack.request("POST", "/copies/joined", query="uploads=")
    upload = re.search(rb"<UploadId>(\w+)<", body)[1].decode()
    copy = Copy(stack, "joined", upload=upload)
    with slowly(injector, stack, copy.hears):
        pass
    etag = re.search(rb"<CopyPartResult>.*<ETag>&quot;(.*)&quot;</ETag>", copy.answer().read())[1].decode()
    document = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>" % etag
    status = stack.request("POST", "/copies/joined", document.encode(), query="uploadId=" + upload)[0]
    checks.ok(status == 200 and get(stack, "joined")[2] == SOURCE, "a part that took long")


def left(stack, injector):
    """The store stays slow after the client has left: the gateway learns of it only when it writes to him, and a quick copy is done before."""
    before = set(stack.blobs())
    copy = Copy(stack, "nobody")

    def gone():
        if copy.connection.sock is None:
            with contextlib.suppress(AssertionError):
                return wait_for("the end", lambda: set(stack.blobs()) <= before, SECONDS_A_TIME)
        elif copy.hears():
            copy.connection.close()
        return False

    with slowly(injector, stack, gone):
        pass
    wait_for("the blobs of a copy that nobody waits for to go", lambda: set(stack.blobs()) <= before)
    checks.equal(get(stack, "nobody")[0], 404, "a client who leaves ends his copy, and nothing of it stays")


def main():
    with Stack(store="blob_size = 1M\n") as stack:
        stack.gateway.stop()
        injector = Injector(stack.dir, "gateway", stack.gateway)
        stack.restart_gateway()
        assert stack.request("PUT", "/copies")[0] == 200
        assert stack.request("PUT", "/copies/source", SOURCE)[0] == 200
        for story in (whole, refused, part, left):
            story(stack, injector)
    return checks.done()


if __name__ == "__main__":
    sys.exit(main())
