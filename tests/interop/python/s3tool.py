"""Just enough S3 for tools that make no bucket themselves: one signed request, with the standard library only."""

import datetime
import hashlib
import hmac
import http.client

from common import HTTP, KEY, REGION, SECRET


def request(method, path, body=b""):
    host = HTTP.split("://")[1]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    signed = "host;x-amz-content-sha256;x-amz-date"
    canonical = "%s\n%s\n\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n\n%s\n%s" % (
        method, path, host, digest, now, signed, digest)
    scope = "%s/%s/s3/aws4_request" % (now[:8], REGION)
    text = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (now, scope, hashlib.sha256(canonical.encode()).hexdigest())
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request(method, path, body, {
        "x-amz-date": now, "x-amz-content-sha256": digest,
        "Authorization": "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s" % (KEY, scope, signed, signature)})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, (answer.status, text)
    return text


def make_bucket(name):
    request("PUT", "/" + name)
