"""A small S3 in memory for tests of our client: signatures are checked with botocore, not with our code.

It can be told to misbehave: faults is a list of (method, path prefix, what), each used once; what is "503",
"cut" (half the body, then the connection is closed) or "drop" (closed without an answer).
"""

import base64
import hashlib
import html
import http.server
import re
import socketserver
import threading
import urllib.parse
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class FixedDate(S3SigV4Auth):
    """botocore's signer, for a request that has its date and its content hash already."""

    def _modify_request_before_signing(self, request):
        pass


def signature_of(handler, access, secret, region):
    """What the Authorization header should say."""
    given = handler.headers["Authorization"]
    names = re.search(r"SignedHeaders=([^,]+)", given).group(1).split(";")
    url = "http://%s%s" % (handler.headers["Host"], handler.path)
    request = AWSRequest(method=handler.command, url=url,
                         headers={n: handler.headers[n] for n in names})
    request.context["timestamp"] = handler.headers["x-amz-date"]
    signer = FixedDate(Credentials(access, secret), "s3", region)
    canonical = signer.canonical_request(request)
    text = signer.string_to_sign(request, canonical)
    return signer.signature(text, request)


class Store:
    def __init__(self, access="AKID", secret="SECRET", region="eu-test-1"):
        self.access, self.secret, self.region = access, secret, region
        self.buckets = {}
        self.uploads = {}
        self.faults = []
        self.requests = []
        self.headers_of = {}
        self.lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message="m"):
        self.answer(status, ("<?xml version='1.0'?><Error><Code>%s</Code><Message>%s</Message></Error>"
                             % (code, message)).encode())

    def misbehave(self):
        store = self.server.store
        with store.lock:
            for row in store.faults:
                if row[0] == self.command and self.path.startswith(row[1]):
                    store.faults.remove(row)
                    return row[2]
        return None

    def handle_any(self):
        store = self.server.store
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        store.requests.append((self.command, self.path))
        fault = self.misbehave()
        if fault == "503":
            return self.refuse(503, "SlowDown")
        if fault == "drop":
            self.close_connection = True
            return None
        given = re.search(r"Signature=([0-9a-f]{64})", self.headers.get("Authorization", ""))
        if given is None or given.group(1) != signature_of(self, store.access, store.secret, store.region):
            return self.refuse(403, "SignatureDoesNotMatch")
        if self.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            return self.refuse(400, "XAmzContentSHA256Mismatch")
        path, _, raw = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(raw, keep_blank_values=True))
        bucket, _, key = urllib.parse.unquote(path)[1:].partition("/")
        with store.lock:
            return self.dispatch(store, bucket, key, query, body, fault)

    def dispatch(self, store, bucket, key, query, body, fault):
        if not bucket:
            names = "".join("<Bucket><Name>%s</Name><CreationDate>2026-01-02T03:04:05.000Z</CreationDate></Bucket>" % b
                            for b in sorted(store.buckets))
            return self.answer(200, ("<R><Buckets>%s</Buckets></R>" % names).encode())
        if not key:
            return self.bucket(store, bucket, query, body)
        if bucket not in store.buckets:
            return self.refuse(404, "NoSuchBucket")
        return getattr(self, "object_" + self.command.lower())(store, bucket, key, query, body, fault)

    def bucket(self, store, bucket, query, body):
        if self.command == "PUT":
            if bucket in store.buckets:
                return self.refuse(409, "BucketAlreadyOwnedByYou")
            assert b"<LocationConstraint>eu-test-1<" in body
            store.buckets[bucket] = {}
            return self.answer(200)
        if bucket not in store.buckets:
            return self.refuse(404, "NoSuchBucket")
        if self.command == "DELETE":
            if store.buckets[bucket]:
                return self.refuse(409, "BucketNotEmpty")
            del store.buckets[bucket]
            return self.answer(204)
        if self.command == "POST" and "delete" in query:
            assert self.headers["Content-MD5"] == base64.b64encode(hashlib.md5(body).digest()).decode()
            for k in re.findall(rb"<Key>(.*?)</Key>", body):
                store.buckets[bucket].pop(html.unescape(k.decode()), None)
            return self.answer(200, b"<DeleteResult/>")
        return self.list(store.buckets[bucket], query)

    def list(self, objects, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        after, page = query.get("continuation-token", ""), 3
        rows, last = [], ""
        names = sorted((k for k in objects if k.startswith(prefix)), key=lambda k: k.encode())
        for k in names:
            rest = k[len(prefix):]
            shown = prefix + rest.split(delimiter)[0] + delimiter if delimiter and delimiter in rest else k
            if shown <= after or shown == last:
                continue
            last = shown
            rows.append((shown, None if shown != k else objects[k]))
        more, rows = len(rows) > page, rows[:page]
        quote = urllib.parse.quote_plus if query.get("encoding-type") == "url" else escape
        xml = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>%s</IsTruncated>" % str(more).lower()
        if more:
            xml += "<NextContinuationToken>%s</NextContinuationToken>" % escape(rows[-1][0])
        for name, data in rows:
            if data is None:
                xml += "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>" % quote(name)
            else:
                xml += ("<Contents><Key>%s</Key><Size>%d</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
                        "<ETag>&quot;e&quot;</ETag></Contents>" % (quote(name), len(data)))
        return self.answer(200, (xml + "</ListBucketResult>").encode())

    def object_put(self, store, bucket, key, query, body, _fault):
        if "uploadId" in query:
            store.uploads[query["uploadId"]][int(query["partNumber"])] = body
            return self.answer(200, headers=[("ETag", '"p%s"' % query["partNumber"])])
        source = self.headers["x-amz-copy-source"]
        if source:
            from_bucket, _, from_key = urllib.parse.unquote(source)[1:].partition("/")
            if from_key not in store.buckets.get(from_bucket, {}):
                return self.refuse(404, "NoSuchKey")
            store.buckets[bucket][key] = store.buckets[from_bucket][from_key]
            return self.answer(200, b"<CopyObjectResult/>")
        store.buckets[bucket][key] = body
        store.headers_of[key] = dict(self.headers)
        return self.answer(200, headers=[("ETag", '"%s"' % hashlib.md5(body).hexdigest())])

    def object_post(self, store, bucket, key, query, body, _fault):
        if "uploads" in query:
            store.uploads["id/+&=1"] = {}
            return self.answer(200, b"<R><UploadId>id/+&amp;=1</UploadId></R>")
        parts = store.uploads.pop(query["uploadId"])
        asked = re.findall(rb"<PartNumber>(\d+)</PartNumber><ETag>(.*?)</ETag>", body)
        assert [int(n) for n, _ in asked] == sorted(parts), body
        assert all(e in (b"&quot;p%s&quot;" % n, b'"p%s"' % n) for n, e in asked), body
        store.buckets[bucket][key] = b"".join(parts[n] for n in sorted(parts))
        return self.answer(200, b"<CompleteMultipartUploadResult/>")

    def object_delete(self, store, bucket, key, query, _body, _fault):
        if "uploadId" in query:
            store.uploads.pop(query["uploadId"], None)
        else:
            store.buckets[bucket].pop(key, None)
        return self.answer(204)

    def object_head(self, store, bucket, key, query, body, fault):
        return self.object_get(store, bucket, key, query, body, fault)

    def object_get(self, store, bucket, key, _query, _body, fault):
        data = store.buckets[bucket].get(key)
        if data is None:
            return self.refuse(404, "NoSuchKey")
        etag = '"%s"' % hashlib.md5(data).hexdigest()
        if self.headers.get("If-Match", etag) != etag:
            return self.refuse(412, "PreconditionFailed")
        status, start = 200, 0
        if self.headers["Range"]:
            status, start = 206, int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"]).group(1))
        data = data[start:]
        if fault == "cut":
            self.answer(status, data[:len(data) // 2], [("ETag", etag)], len(data))
            self.close_connection = True
            return None
        return self.answer(status, data, [("ETag", etag)])

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def start(port):
    server = Server(("127.0.0.1", port), Handler)
    server.store = Store()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.store
