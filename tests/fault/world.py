"""What a client was told, held against what it finds: the judge of the fault tests.

For every key the world knows the contents that a reader may see: one after an answer, two after a change whose outcome the client was
not told. An answer may be the success or an honest refusal; a reader may see one of the contents, never anything else.
"""

import http.client
import re
import xml.etree.ElementTree as xml

REFUSALS = {500: "InternalError", 503: "SlowDown", 507: "InsufficientStorage"}
CUT = 0 # no status: the connection ended before the answer did


class World:
    def __init__(self, stack, bucket):
        self.stack, self.bucket = stack, bucket
        self.states = {}
        self.wrong = []
        self.refused = self.succeeded = 0

    def complain(self, *what):
        self.wrong.append(what)

    def ask(self, method, key, body=b"", headers=None, query=""):
        """Status, headers and body; CUT and what came, when the connection ended early."""
        path = "/%s/%s" % (self.bucket, key) if key else "/" + self.bucket
        try:
            return self.stack.request(method, path, body, headers, query=query)
        except http.client.IncompleteRead as cut:
            return CUT, {}, cut.partial
        except (OSError, http.client.HTTPException):
            return CUT, {}, b""

    def done(self, answer, what, *good):
        """Was it the success? Anything else has to be a refusal that S3 knows."""
        status, headers, body = answer
        late = status == 200 and body.lstrip().startswith(b"<?xml") and b"<Error>" in body
        if status in good and not late:
            self.succeeded += 1
            return True
        self.refused += 1
        code = re.search(rb"<Code>(\w+)</Code>", body)
        expected = REFUSALS.get(500 if late else status)
        if status != CUT and (expected is None or (code and not late and code[1].decode() != expected)):
            self.complain("not an answer to give", what, status, body[:300])
        if status == 503 and "retry-after" not in headers:
            self.complain("503 without Retry-After", what)
        return False

    def change(self, key, content, done):
        """A change of key to content (None: deleted) was asked for."""
        self.states[key] = {content} if done else self.states.get(key, {None}) | {content}

    # The requests that the tests make

    def put(self, key, data, headers=None):
        done = self.done(self.ask("PUT", key, data, headers), "PUT " + key, 200)
        self.change(key, data, done)
        return done

    def delete(self, key):
        done = self.done(self.ask("DELETE", key), "DELETE " + key, 204)
        self.change(key, None, done)
        return done

    def copy(self, source, key):
        answer = self.ask("PUT", key, headers={"x-amz-copy-source": "/%s/%s" % (self.bucket, source)})
        done = self.done(answer, "copy to " + key, 200)
        self.change(key, next(iter(self.states[source])), done)
        return done

    def get(self, key, must=False):
        """Read it, whole. must: now it has to be readable."""
        status, headers, body = answer = self.ask("GET", key)
        known = self.states.get(key, {None})
        if status == CUT or (status == 200 and int(headers["content-length"]) != len(body)):
            if must or not any(s is not None and s.startswith(body) for s in known):
                self.complain("GET cut", key, len(body))
        elif status in (200, 404):
            seen = body if status == 200 else None
            if seen not in known:
                self.complain("GET of what never was", key, status, body[:60], [s and s[:20] for s in known])
            self.states[key] = {seen}
            return True
        elif must:
            self.complain("GET refused", key, status, body[:300])
        self.done(answer, "GET " + key, 200, 404)
        return False

    def begin_upload(self, key):
        status, _, body = self.ask("POST", key, query="uploads=")
        return xml.fromstring(body).findtext("{*}UploadId") if status == 200 else None

    def put_part(self, key, upload, number, data):
        status, headers, body = answer = self.ask("PUT", key, data, query="partNumber=%d&uploadId=%s" % (number, upload))
        return headers["etag"] if self.done(answer, "part of " + key, 200) else None

    def complete(self, key, upload, etags, data):
        document = "".join("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % (i + 1, e) for i, e in enumerate(etags))
        answer = self.ask("POST", key, ("<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % document).encode(),
                          query="uploadId=" + upload)
        done = self.done(answer, "complete " + key, 200)
        self.change(key, data, done)
        return done

    def abort(self, key, upload):
        status = self.ask("DELETE", key, query="uploadId=" + upload)[0]
        if status not in (204, 404):
            self.complain("an upload that cannot be aborted", key, status)

    def listing(self):
        """Names and sizes of all keys, by a listing."""
        listed, token = {}, ""
        while token is not None:
            status, _, body = self.ask("GET", "", query="list-type=2" + token)
            if status != 200:
                self.complain("listing refused", status, body[:300])
                return listed
            page = xml.fromstring(body)
            listed.update((e.findtext("{*}Key"), int(e.findtext("{*}Size"))) for e in page.findall("{*}Contents"))
            token = page.findtext("{*}NextContinuationToken")
            token = token and "&continuation-token=" + http.client.urllib.parse.quote(token, safe="")
        return listed

    def settle(self):
        """No fault is left: all is readable, whole, and the listing tells the same."""
        for key in sorted(self.states):
            self.get(key, must=True)
        expected = {k: len(s) for k, (s,) in self.states.items() if s is not None}
        listed = self.listing()
        if listed != expected:
            self.complain("listing and reads differ", sorted(set(listed.items()) ^ set(expected.items()))[:10])
