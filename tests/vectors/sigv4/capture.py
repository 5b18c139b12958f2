#!/usr/bin/env python3
"""Writes clients.json: requests of real clients, caught by a server that only plays S3, as test_vectors reads them.

Clients of Debian are run when they are installed. Others come from their registries into folders of one's own:
  CAPTURE_PYTHON  a Python with boto3, minio, pyarrow        (python3 -m venv v; v/bin/pip install boto3 minio pyarrow)
  CAPTURE_NODE    a folder with @aws-sdk/client-s3 and @aws-sdk/lib-storage under node_modules
  CAPTURE_GO      a folder with a Go module that requires minio-go and aws-sdk-go-v2 (config, credentials, service/s3)
  CAPTURE_JAVA    a folder with the jars of software.amazon.awssdk:s3, :apache-client and com.amazonaws:aws-java-sdk-s3
Needs openssl for a certificate. Run: capture.py, in this folder.
"""
import base64
import hashlib
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
KEY, SECRET, REGION = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "eu-west-3"
BODY_MAX = 2048
ODD = "dir/a b+c~é%25&=.txt"
cases, current = [], ["?"]


def signature_of(headers, query):
    for name, value in headers:
        if name.lower() == "authorization":
            found = re.search(r"Credential=([^,]+).*Signature=([0-9a-f]+)", value)
            dates = dict((k.lower(), v) for k, v in headers)
            return (found.group(1), found.group(2), dates.get("x-amz-date")) if found else None
    q = dict(urllib.parse.parse_qsl(query))
    if "X-Amz-Signature" in q:
        return q["X-Amz-Credential"], q["X-Amz-Signature"], q["X-Amz-Date"]
    return None


def record(method, target, headers, body):
    path, _, query = target.partition("?")
    found = signature_of(headers, query)
    if not found or any(c["name"] == current[0] and (c["method"], c["path"], c["query"]) == (method, path, query)
                        for c in cases):
        return
    credential, signature, date = found
    listed = re.search(r"SignedHeaders=([^,&]*)", urllib.parse.unquote(query) + str(headers)).group(1).split(";")
    if "user-agent" not in listed:
        headers = [h for h in headers if h[0].lower() != "user-agent"]  # it names the machine
    scope = credential.rsplit("/", 4)
    case = {"name": current[0], "method": method, "path": path, "query": query, "headers": headers,
            "access_key": scope[0], "secret": SECRET, "region": scope[2], "service": scope[3], "date": date,
            "signature": signature}
    if len(body) <= BODY_MAX:
        case["body"] = base64.b64encode(body).decode()
    cases.append(case)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"ETag": '"' + hashlib.md5(body).hexdigest() + '"', "x-amz-request-id": "1",
                            "Last-Modified": "Sat, 31 Jan 2026 00:00:00 GMT", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        body = self.read_body()
        target = self.path
        headers = [[k, v.encode("latin-1").decode("utf-8", "replace")] for k, v in self.headers.items()]
        record(self.command, target, headers, body)
        query = urllib.parse.urlsplit(target).query
        xml = '<?xml version="1.0"?>\n<%s xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</%s>'
        if self.command == "HEAD":
            bucket_only = target.split("?")[0].strip("/").count("/") == 0
            return self.answer(200 if bucket_only else 404, **{"x-amz-bucket-region": REGION})
        if self.command == "GET" and "location" in query:
            return self.answer(200, (xml % ("LocationConstraint", REGION, "LocationConstraint")).encode())
        if self.command == "GET" and target.split("?")[0].strip("/").count("/") == 0:
            inner = "<Name>bucket</Name><Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>" \
                    "<IsTruncated>false</IsTruncated>"
            return self.answer(200, (xml % ("ListBucketResult", inner, "ListBucketResult")).encode())
        if self.command == "POST" and "uploads" in query:
            inner = "<Bucket>bucket</Bucket><Key>k</Key><UploadId>up/load+id=</UploadId>"
            name = "InitiateMultipartUploadResult"
            return self.answer(200, (xml % (name, inner, name)).encode())
        if self.command == "POST":
            name = "DeleteResult" if "delete" in query else "CompleteMultipartUploadResult"
            return self.answer(200, (xml % (name, '<Bucket>bucket</Bucket><Key>k</Key><ETag>"x"</ETag>', name)).encode())
        if "x-amz-copy-source" in self.headers:
            inner = '<ETag>"x"</ETag><LastModified>2026-01-31T00:00:00.000Z</LastModified>'
            return self.answer(200, (xml % ("CopyObjectResult", inner, "CopyObjectResult")).encode())
        if self.command == "DELETE":
            return self.answer(204)
        if self.command == "GET":
            return self.answer(200, b"data")
        return self.answer(200, **{"ETag": '"' + hashlib.md5(b"data").hexdigest() + '"'})

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any


def serve(certificate=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return ("https" if certificate else "http") + "://127.0.0.1:%d" % server.server_port


def run(name, command, **environment):
    current[0] = name
    before = len(cases)
    env = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": REGION,
           "AWS_REGION": REGION, "AWS_CA_BUNDLE": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", **environment}
    try:
        done = subprocess.run(command, env=env, timeout=120, input=b"data", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=environment.get("CAPTURE_CWD"), check=False)
        tail = done.stdout.decode(errors="replace").strip().splitlines()[-1:]
    except (OSError, subprocess.TimeoutExpired) as problem:
        tail = [str(problem)]
    print(f"{len(cases) - before:3d} {name}", *(tail if len(cases) == before else []))


BOTO3 = """
import sys, io, boto3
from botocore.config import Config
url, ca, key = sys.argv[1:]
c = boto3.client("s3", endpoint_url=url, verify=ca, config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))
def do(f, **a):
    try: getattr(c, f)(Bucket="bucket", **a)
    except Exception as e: print(e)
do("put_object", Key=key, Body=b"data", Metadata={"note": "two  spaces"}, ContentType="text/plain", IfNoneMatch="*")
do("put_object", Key="stream", Body=io.BytesIO(b"0123456789" * 50))
do("put_object", Key="sha", Body=io.BytesIO(b"data"), ChecksumAlgorithm="SHA256")
do("get_object", Key=key, Range="bytes=0-3", IfMatch='"x"')
do("list_objects_v2", Prefix=key, Delimiter="/")
do("delete_objects", Delete={"Objects": [{"Key": key}]})
do("copy_object", Key="copy", CopySource={"Bucket": "bucket", "Key": key})
do("upload_part", Key="k", UploadId="up/load+id=", PartNumber=1, Body=b"part")
import urllib.request, ssl
u = c.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": key, "ContentType": "text/plain"})
r = urllib.request.Request(u, data=b"data", method="PUT", headers={"Content-Type": "text/plain"})
urllib.request.urlopen(r, context=ssl._create_unverified_context())
"""
MINIO = """
import sys, io, urllib3, minio
url, ca, key = sys.argv[1:]
secure = url.startswith("https")
c = minio.Minio(url.split("//")[1], "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", secure=secure,
                http_client=urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False))
for f in (lambda: c.put_object("bucket", key, io.BytesIO(b"data"), 4, metadata={"note": "a b"}),
          lambda: list(c.list_objects("bucket", prefix=key)), lambda: c.stat_object("bucket", key),
          lambda: c.remove_object("bucket", key)):
    try: f()
    except Exception as e: print(e)
urllib3.PoolManager(cert_reqs="CERT_NONE").request("GET", c.presigned_get_object("bucket", key))
"""
ARROW = """
import sys
from pyarrow import fs
url, ca, key = sys.argv[1:]
f = fs.S3FileSystem(endpoint_override=url.split("//")[1], scheme=url.split(":")[0], tls_ca_file_path=ca)
def do(g):
    try: g()
    except Exception as e: print(e)
do(lambda: f.get_file_info("bucket/" + key))
def put():
    with f.open_output_stream("bucket/" + key) as s: s.write(b"data")
do(put)
do(lambda: f.get_file_info(fs.FileSelector("bucket/dir", recursive=True)))
do(lambda: f.delete_file("bucket/" + key))
"""
NODE = """
const { S3Client, PutObjectCommand, GetObjectCommand, ListObjectsV2Command, DeleteObjectsCommand } = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { Readable } = require("stream");
const [url, key] = process.argv.slice(1);
const c = new S3Client({ endpoint: url, region: "eu-west-3", forcePathStyle: true, maxAttempts: 1 });
const run = async (x) => { try { await c.send(x); } catch (e) { console.log(e.message); } };
(async () => {
  await run(new PutObjectCommand({ Bucket: "bucket", Key: key, Body: "data", Metadata: { note: "a b" } }));
  await run(new PutObjectCommand({ Bucket: "bucket", Key: "stream", Body: Readable.from([Buffer.from("0123456789")]), ContentLength: 10 }));
  await run(new GetObjectCommand({ Bucket: "bucket", Key: key, Range: "bytes=0-1" }));
  await run(new ListObjectsV2Command({ Bucket: "bucket", Prefix: key }));
  await run(new DeleteObjectsCommand({ Bucket: "bucket", Delete: { Objects: [{ Key: key }] } }));
  try { await new Upload({ client: c, params: { Bucket: "bucket", Key: key, Body: Readable.from([Buffer.from("data")]) } }).done(); } catch (e) { console.log(e.message); }
})();
"""
GO = """
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

type stream struct{ *bytes.Buffer }

func main() {
	url, key := os.Args[2], os.Args[3]
	ctx := context.Background()
	insecure := &tls.Config{InsecureSkipVerify: true}
	if os.Args[1] == "minio" {
		c, _ := minio.New(strings.SplitN(url, "//", 2)[1], &minio.Options{
			Creds:     credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
			Secure:    strings.HasPrefix(url, "https"), Transport: &http.Transport{TLSClientConfig: insecure},
			TrailingHeaders: true, MaxRetries: 1})
		for _, n := range []string{"data", "0123456789"} {
			_, err := c.PutObject(ctx, "bucket", key+n, strings.NewReader(n), int64(len(n)),
				minio.PutObjectOptions{UserMetadata: map[string]string{"note": "a b"}})
			fmt.Println(err)
		}
		_, err := c.PutObject(ctx, "bucket", "plain", stream{bytes.NewBufferString("data")}, 4,
			minio.PutObjectOptions{Checksum: minio.ChecksumCRC32C})
		fmt.Println(err)
		c.StatObject(ctx, "bucket", key, minio.StatObjectOptions{})
		for range c.ListObjects(ctx, "bucket", minio.ListObjectsOptions{Prefix: key}) {
		}
		c.RemoveObject(ctx, "bucket", key, minio.RemoveObjectOptions{})
		return
	}
	cfg, _ := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(
		func(t *http.Transport) { t.TLSClientConfig = insecure })))
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint = &url; o.UsePathStyle = true; o.RetryMaxAttempts = 1 })
	b := aws.String("bucket")
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: &key, Body: strings.NewReader("data"), Metadata: map[string]string{"note": "a b"}})
	fmt.Println(err)
	c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: &key, Range: aws.String("bytes=0-1")})
	c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b, Prefix: &key})
	p, _ := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: &key})
	(&http.Client{Transport: &http.Transport{TLSClientConfig: insecure}}).Get(p.URL)
}
"""

JAVA = """
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.security.cert.X509Certificate;
import java.util.Map;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.*;
import software.amazon.awssdk.utils.AttributeMap;

public class Main {
	interface Call { void run() throws Exception; }
	static void attempt(Call c) { try { c.run(); } catch (Exception e) { System.out.println(e.getMessage()); } }
	static void v2(String url, String key) {
		S3Client c = S3Client.builder().endpointOverride(URI.create(url)).forcePathStyle(true).region(Region.EU_WEST_3)
			.overrideConfiguration(o -> o.apiCallTimeout(java.time.Duration.ofSeconds(10)))
			.httpClient(ApacheHttpClient.builder().buildWithDefaults(AttributeMap.builder().put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true).build())).build();
		attempt(() -> c.putObject(PutObjectRequest.builder().bucket("bucket").key(key).metadata(Map.of("note", "a b")).build(), RequestBody.fromString("data")));
		attempt(() -> c.getObjectAsBytes(GetObjectRequest.builder().bucket("bucket").key(key).range("bytes=0-3").build()));
		attempt(() -> c.listObjectsV2(ListObjectsV2Request.builder().bucket("bucket").prefix(key).build()));
		attempt(() -> c.createMultipartUpload(CreateMultipartUploadRequest.builder().bucket("bucket").key(key).build()));
		attempt(() -> c.uploadPart(UploadPartRequest.builder().bucket("bucket").key(key).uploadId("up/load+id=").partNumber(1).build(), RequestBody.fromString("data")));
	}
	static void v1(String url, String key) {
		com.amazonaws.services.s3.AmazonS3 c = com.amazonaws.services.s3.AmazonS3ClientBuilder.standard().withPathStyleAccessEnabled(true)
			.withClientConfiguration(new com.amazonaws.ClientConfiguration().withMaxErrorRetry(0))
			.withEndpointConfiguration(new com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration(url, "eu-west-3")).build();
		com.amazonaws.services.s3.model.ObjectMetadata m = new com.amazonaws.services.s3.model.ObjectMetadata();
		m.setContentLength(4); m.addUserMetadata("note", "a b");
		attempt(() -> c.putObject("bucket", key, new ByteArrayInputStream("data".getBytes()), m));
		attempt(() -> c.getObject("bucket", key));
		attempt(() -> c.listObjectsV2("bucket", key));
		attempt(() -> c.copyObject("bucket", key, "bucket", "copy"));
	}
	public static void main(String[] a) { if (a[0].equals("v1")) v1(a[1], a[2]); else v2(a[1], a[2]); System.exit(0); }
}
"""


def debian(plain, file, folder):
    host = plain.split("//")[1]
    if shutil.which("s3cmd"):
        s3cmd = ["s3cmd", "--no-ssl", "--host=" + host, "--host-bucket=" + host, "--access_key=" + KEY,
                 "--secret_key=" + SECRET, "--config=/dev/null", "--region=" + REGION]
        run("s3cmd put", s3cmd + ["--add-header=x-amz-meta-note:a b", "put", file, "s3://bucket/" + ODD])
        run("s3cmd ls", s3cmd + ["ls", "s3://bucket/dir/a b+"])
        run("s3cmd del", s3cmd + ["del", "s3://bucket/" + ODD])
        run("s3cmd cp", s3cmd + ["cp", "s3://bucket/" + ODD, "s3://bucket/copy"])
        run("s3cmd info", s3cmd + ["info", "s3://bucket"])
    if shutil.which("rclone"):
        remote = f":s3,provider=Other,access_key_id={KEY},secret_access_key={SECRET},region={REGION}," \
                 f"endpoint='{plain}':bucket/"
        quiet = ["--config=/dev/null", "--retries=1", "--low-level-retries=1"]
        run("rclone put", ["rclone", "copyto", file, remote + ODD] + quiet)
        run("rclone lsf", ["rclone", "lsf", remote + "dir"] + quiet)
        run("rclone rcat", ["rclone", "rcat", remote + "two  spaces"] + quiet)
    aws = "/usr/bin/aws"
    if os.path.exists(aws):
        run("aws cp", [aws, "--endpoint-url", plain, "s3", "cp", file, "s3://bucket/" + ODD])
        run("aws ls", [aws, "--endpoint-url", plain, "s3", "ls", "s3://bucket/dir/a b+"])
        run("aws rm", [aws, "--endpoint-url", plain, "s3", "rm", "s3://bucket/" + ODD])
        run("aws mv", [aws, "--endpoint-url", plain, "s3api", "copy-object", "--bucket", "bucket", "--key", "k",
                       "--copy-source", "bucket/a%20b"])
    if shutil.which("curl"):
        curl = ["curl", "-sS", "--aws-sigv4", f"aws:amz:{REGION}:s3", "-u", f"{KEY}:{SECRET}",
                "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        run("curl get", curl + [plain + "/bucket/plain?a=1&b=2"])
        run("curl put", curl + ["-T", file, plain + "/bucket/plain"])
    if shutil.which("s3fs"):
        password, mount = os.path.join(folder, "password"), os.path.join(folder, "mount")
        os.mkdir(mount)
        with open(password, "w", encoding="ascii") as f:
            f.write(f"{KEY}:{SECRET}\n")
        os.chmod(password, 0o600)
        command = (f"s3fs bucket {mount} -o passwd_file={password},url={plain},use_path_request_style,"
                   f"endpoint={REGION},sigv4,retries=1 && ls {mount}; cp {file} '{mount}/a b+c'; fusermount -u {mount}")
        run("s3fs", ["bash", "-c", command])


def registries(plain, tls, certificate, folder):
    python, node, go = (os.environ.get("CAPTURE_" + n) for n in ("PYTHON", "NODE", "GO"))
    java = os.environ.get("CAPTURE_JAVA")
    for url, kind in ((plain, "http"), (tls, "https")):
        if python:
            for name, text in (("boto3", BOTO3), ("minio-py", MINIO), ("arrow", ARROW)):
                run(f"{name} {kind}", [python, "-c", text, url, certificate, ODD])
        if node:
            run(f"aws-sdk-js {kind}", ["node", "-e", NODE, url, ODD], CAPTURE_CWD=node,
                NODE_TLS_REJECT_UNAUTHORIZED="0", AWS_CA_BUNDLE=certificate)
        if java:
            main = os.path.join(folder, "Main.java")
            with open(main, "w", encoding="ascii") as f:
                f.write(JAVA)
            for which in ("v2", "v1"):
                run(f"aws-sdk-java-{which} {kind}", [
                    "java", "-Dcom.amazonaws.sdk.disableCertChecking=true", "-Dos.version=6.1.0", "-cp", java + "/*", main,
                    which, url, ODD])
        if go:
            main = os.path.join(folder, "main.go")
            with open(main, "w", encoding="ascii") as f:
                f.write(GO)
            for which in ("minio", "aws"):
                run(f"{which}-go {kind}", ["go", "run", "-mod=mod", main, which, url, ODD], CAPTURE_CWD=go)


def main():
    with tempfile.TemporaryDirectory() as folder:
        certificate, file = os.path.join(folder, "pem"), os.path.join(folder, "file")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", certificate + ".key", "-out", certificate],
                       check=True, stderr=subprocess.DEVNULL)
        both = certificate + ".both"
        with open(both, "w", encoding="ascii") as out:
            for part in (certificate + ".key", certificate):
                with open(part, encoding="ascii") as f:
                    out.write(f.read())
        with open(file, "w", encoding="ascii") as f:
            f.write("data")
        plain, tls = serve(), serve(both)
        debian(plain, file, folder)
        registries(plain, tls, certificate, folder)
    with open(os.path.join(HERE, "clients.json"), "w", encoding="ascii") as f:
        json.dump({"source": ["capture.py: requests caught from the clients that the names say"], "cases": cases}, f,
                  indent=1)
        f.write("\n")
    print(len(cases), "requests")


if __name__ == "__main__":
    main()
