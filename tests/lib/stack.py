"""A whole Rempart for a scenario: both daemons with their own authority, store, index and log in one folder.

    with Stack() as stack:                  # TEST_DIR, TEST_PORT and TEST_BUILD, as tests/run gives them
        s3 = stack.client()                 # boto3 of Debian, tenant "main"
        stack.kms.kill(); stack.kms.start()

Nothing in here knows the insides of the daemons: it uses configuration files, the administration API
(server/kms/ADMIN-API.md), S3 and rempart-audit.
"""

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PASSPHRASE = "correct horse battery staple, for tests"
READY_SECONDS = 30
# An answer that comes before the body is there ends the connection after another MiB: it is there to be read all the same.
REFUSED_WHILE_SENDING = contextlib.suppress(BrokenPipeError, ConnectionResetError)
MARK_BYTES = 20  # more than a mark has (server/vault/mark.c), less than the head of a blob


def wait_for(what, ready, seconds=READY_SECONDS):
    """Ask again and again until it is so; the only waiting that tests do."""
    end = time.monotonic() + seconds
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %d s in vain for: %s" % (seconds, what))
        time.sleep(0.02)


class Checks:
    """ok and not ok lines, and the exit status that follows from them."""

    def __init__(self):
        self.failed = 0

    def ok(self, condition, what):
        print("%s %s" % ("ok" if condition else "not ok", what))
        sys.stdout.flush()
        self.failed += not condition
        return condition

    def equal(self, got, expected, what):
        if got != expected:
            print("# %s: got %.300r, expected %.300r" % (what, got, expected))
        return self.ok(got == expected, what)

    def skip(self, what, why):
        print("ok %s # skip %s" % (what, why))

    def done(self):
        return 1 if self.failed else 0


class Daemon:
    def __init__(self, name, command, log, env=None):
        self.name, self.command, self.log, self.env = name, command, log, env
        self.process = None

    def start(self):
        out = open(self.log, "ab")
        self.process = subprocess.Popen(self.command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                        env=self.env)
        out.close()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9: the crash."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=40):
        """SIGTERM: the orderly stop; its exit status."""
        if not self.running():
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("%s did not stop within %d s" % (self.name, seconds))


class Stack:
    def __init__(self, directory=None, port=None, build=None, gateway="", store="", kms="", env=None):
        """gateway, store: more lines for those sections of gateway.ini; kms: more sections for kms.ini."""
        self.dir = directory or os.environ["TEST_DIR"]
        base = int(port or os.environ["TEST_PORT"])
        self.build = build or os.environ.get("TEST_BUILD", os.path.join(TOP, "build"))
        self.s3_port, self.s3_tls_port, self.gateway_ops_port = base, base + 1, base + 2
        self.kms_port, self.admin_port, self.kms_ops_port = base + 3, base + 4, base + 5
        self.kms_api_port = base + 6
        self.authority = os.path.join(self.dir, "authority")
        self.store = self.path("store")
        self.index = self.path("index")
        self.log = self.path("log")
        self.vkey = os.path.join(self.dir, "log.vkey")
        self.region = "fr-sov-1"
        self.access = {}
        self.tenants = {}
        self._write_configuration(gateway, store, kms)
        self.kms = Daemon("rempart-kms", [self.program("rempart-kms"), "--config", self.kms_ini],
                          os.path.join(self.dir, "kms.err"), env)
        self.gateway = Daemon("rempart-gateway",
                              [self.program("rempart-gateway"), "--config", self.gateway_ini],
                              os.path.join(self.dir, "gateway.err"), env)

    # Files

    def path(self, name):
        full = os.path.join(self.dir, name)
        os.makedirs(full, mode=0o700, exist_ok=True)
        return full

    def program(self, name):
        return os.path.join(self.build, name)

    def _write(self, name, text, mode=0o600):
        full = os.path.join(self.dir, name)
        with open(os.open(full, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as f:
            f.write(text)
        return full

    def _write_configuration(self, gateway, store, kms):
        a = self.authority
        self.secret = os.path.join(self.dir, "enrolment.secret")
        self.kms_ini = self._write("kms.ini", """
[kms]
state_dir = {state}
origin = kms.test/log/1
[region]
name = {region}
[log]
dir = {log}
fence = {fence}/fence
[gateway]
listen = 127.0.0.1:{kms_port}
certificate = {a}/kms.pem
key = {a}/kms.key
client_ca = {a}/gateway-ca.pem
[admin]
listen = 127.0.0.1:{admin_port}
certificate = {a}/kms.pem
key = {a}/kms.key
client_ca = {a}/admin-ca.pem
[aws]
listen = 127.0.0.1:{api_port}
certificate = {a}/kms.pem
key = {a}/kms.key
[ops]
listen = 127.0.0.1:{ops_port}
{more}
""".format(state=self.path("kms"), region=self.region, log=self.log, fence=self.path("fence"), a=a,
           kms_port=self.kms_port, api_port=self.kms_api_port, admin_port=self.admin_port, ops_port=self.kms_ops_port, more=kms))
        self.gateway_ini = self._write("gateway.ini", """
[gateway]
region = {region}
domains = s3.localhost
{gateway}
[s3]
listen = 127.0.0.1:{s3_port}
[s3-tls]
listen = 127.0.0.1:{tls_port}
certificate = {a}/s3.pem
key = {a}/s3.key
[store]
dir = {store}
{store_more}
[index]
dir = {index}
size_max = 4G
[kms]
url = https://127.0.0.1:{kms_port}
ca = {a}/server-ca.pem
certificate = {a}/gateway.pem
key = {a}/gateway.key
enrolment_secret = {secret}
[ops]
listen = 127.0.0.1:{ops_port}
""".format(gateway=gateway, store_more=store, region=self.region, s3_port=self.s3_port, tls_port=self.s3_tls_port, a=a, store=self.store,
           index=self.index, kms_port=self.kms_port, secret=self.secret, ops_port=self.gateway_ops_port))

    # Life

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        for daemon in (self.gateway, self.kms):
            if daemon.running():
                daemon.kill()
        if kind is not None:
            for daemon in (self.kms, self.gateway):
                if os.path.exists(daemon.log):
                    with open(daemon.log, encoding="utf-8", errors="replace") as f:
                        tail = f.readlines()[-15:]
                    print("".join("# %s: %s" % (daemon.name, line) for line in tail))

    def up(self):
        subprocess.run([os.path.join(TOP, "deploy/dev/authority"), self.authority], check=True,
                       stdout=subprocess.DEVNULL)
        self.kms.start()
        self.wait_admin()
        vkey = self.admin("init", passphrase=PASSPHRASE, memory_mib=64, passes=3)["log_vkey"]
        self._write("log.vkey", vkey + "\n")
        for name in ("main", "alt"):
            self.add_tenant(name)
        digest = self.certificate_digest("gateway")
        secret = self.admin("gateway.enrol", name="gw1", certificate_sha256=digest, domains="s3.localhost")
        self._write("enrolment.secret", secret["secret"] + "\n")
        self.gateway.start()
        self.wait_ready()

    def add_tenant(self, name):
        email = name + "@example.org"
        self.tenants[name] = dict(self.admin("tenant.create", name=name, display_name=name, email=email), email=email)
        self.admin("user.create", tenant=name, user=name + "-user")
        self.access[name] = self.admin("access-key.create", tenant=name, user=name + "-user")

    def certificate_digest(self, name):
        out = subprocess.run(["openssl", "x509", "-in", "%s/%s.pem" % (self.authority, name), "-noout",
                              "-fingerprint", "-sha256"], check=True, capture_output=True, text=True).stdout
        return out.split("=", 1)[1].strip().replace(":", "").lower()

    def wait_admin(self):
        def answers():
            if not self.kms.running():
                raise AssertionError("rempart-kms ended with status %s" % self.kms.process.returncode)
            try:
                return self.admin("status")
            except OSError:
                return None
        return wait_for("the administration listener", answers)

    def wait_ready(self):
        def ready():
            if not self.gateway.running():
                raise AssertionError("rempart-gateway ended with status %s" % self.gateway.process.returncode)
            return self.ops(self.gateway_ops_port, "/readyz")[0] == 200
        wait_for("the gateway to be ready", ready)

    def unseal(self):
        return self.admin("unseal", passphrase=PASSPHRASE)

    def restart_kms(self):
        """Start a KMS that is down, unseal it."""
        self.kms.start()
        self.wait_admin()
        self.unseal()

    def restart_gateway(self):
        self.gateway.start()
        self.wait_ready()

    # Talking to it

    def tls(self, name=None, ca="server-ca"):
        context = ssl.create_default_context(cafile="%s/%s.pem" % (self.authority, ca))
        if name:
            context.load_cert_chain("%s/%s.pem" % (self.authority, name), "%s/%s.key" % (self.authority, name))
        return context

    def admin_raw(self, op, **members):
        c = http.client.HTTPSConnection("127.0.0.1", self.admin_port, context=self.tls("admin"), timeout=30)
        try:
            c.request("POST", "/admin/v1", json.dumps(dict(members, op=op)), {"Content-Type": "application/json"})
            answer = c.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            c.close()

    def admin(self, op, **members):
        status, answer = self.admin_raw(op, **members)
        if status != 200 or not answer.get("ok"):
            raise AssertionError("%s: %s %s" % (op, status, answer))
        return answer

    @staticmethod
    def ops(port, path):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            c.request("GET", path)
            answer = c.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            c.close()

    def url(self, tls=False):
        return "https://127.0.0.1:%d" % self.s3_tls_port if tls else "http://127.0.0.1:%d" % self.s3_port

    def environment(self, who="main", tls=False):
        """For command line clients: nothing of the caller's own AWS settings."""
        mine = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return dict(mine, AWS_ACCESS_KEY_ID=self.access[who]["access_key"],
                    AWS_SECRET_ACCESS_KEY=self.access[who]["secret_key"], AWS_DEFAULT_REGION=self.region,
                    AWS_EC2_METADATA_DISABLED="true",
                    AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent",
                    REMPART_S3_URL=self.url(tls), HOME=self.dir)

    def aws_environment(self, tls=False):
        """The same and the CA, in the variable that the aws cli reads (and that rclone stumbles over)."""
        return dict(self.environment(tls=tls), AWS_CA_BUNDLE=os.path.join(self.authority, "server-ca.pem"))

    def client(self, who="main", tls=False, retries=0, **more):
        import boto3
        from botocore.config import Config
        config = Config(retries={"max_attempts": retries}, s3={"addressing_style": "path"},
                        read_timeout=60, max_pool_connections=64, **more)
        return boto3.client("s3", endpoint_url=self.url(tls), region_name=self.region, config=config,
                            verify=os.path.join(self.authority, "server-ca.pem"),
                            aws_access_key_id=self.access[who]["access_key"],
                            aws_secret_access_key=self.access[who]["secret_key"])

    def kms_url(self):
        return "https://127.0.0.1:%d" % self.kms_api_port

    def kms_client(self, who="main", retries=0, **more):
        """boto3's client of AWS KMS; `more` goes to boto3.client."""
        import boto3
        from botocore.config import Config
        given = dict(endpoint_url=self.kms_url(), region_name=self.region,
                     config=Config(retries={"max_attempts": retries}, read_timeout=60),
                     verify=os.path.join(self.authority, "server-ca.pem"),
                     aws_access_key_id=self.access[who]["access_key"],
                     aws_secret_access_key=self.access[who]["secret_key"])
        return boto3.client("kms", **dict(given, **more))

    def sign(self, method, path, body=b"", headers=None, who="main", query="", payload=None, when=None):
        """Headers of a signed request, made by botocore; `when` is a datetime."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        key = self.access[who]
        url = self.url() + path + ("?" + query if query else "")
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
        import botocore.auth

        class Auth(S3SigV4Auth):
            """botocore hashes the body whatever the header says."""

            def payload(self, request):
                return payload or super().payload(request)

        real = botocore.auth.datetime
        if when:
            class Frozen(real.datetime):
                @classmethod
                def utcnow(cls):
                    return when
            botocore.auth.datetime = type("m", (), {"datetime": Frozen})
        try:
            Auth(Credentials(key["access_key"], key["secret_key"]), "s3", self.region).add_auth(request)
        finally:
            botocore.auth.datetime = real
        return dict(request.headers.items())

    def request(self, method, path, body=b"", headers=None, who="main", query=""):
        """One signed request on a connection of its own: status, headers, body."""
        signed = self.sign(method, path, body, headers, who, query)
        c = http.client.HTTPConnection("127.0.0.1", self.s3_port, timeout=60)
        try:
            c.connect()
            with REFUSED_WHILE_SENDING:
                c.request(method, path + ("?" + query if query else ""), body, signed)
            answer = c.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            c.close()

    # The log

    def published(self, at_least=0):
        """Wait until the published checkpoint covers what is in the log now."""
        def covered():
            s = self.admin("status")
            return s["log_published"] >= max(at_least, s["log_size"]) and s["log_published"]
        return wait_for("the checkpoint", covered)

    def audit(self, *more):
        run = subprocess.run([self.program("rempart-audit"), "verify", "--log", self.log, "--key", self.vkey,
                              "--json", *more], capture_output=True, text=True)
        try:
            report = json.loads(run.stdout)
        except ValueError:
            report = {"output": run.stdout + run.stderr}
        return run.returncode, report

    def entries(self):
        """Every published entry, read from the tiles without any code of ours."""
        with open(os.path.join(self.log, "checkpoint"), encoding="utf-8") as f:
            size = int(f.read().split("\n")[1])
        entries = []
        for n in range((size + 255) // 256):
            width = min(256, size - 256 * n)
            digits = "%03d" % (n % 1000)
            n_rest = n // 1000
            while n_rest:
                digits = "x%03d/%s" % (n_rest % 1000, digits)
                n_rest //= 1000
            name = os.path.join(self.log, "tile/entries", digits)
            if width < 256 and not os.path.exists(name):
                name += ".p/%d" % width
            with open(name, "rb") as f:
                data = f.read()
            while data and len(entries) < size:
                n_bytes = int.from_bytes(data[:2], "big")
                entries.append(json.loads(data[2:2 + n_bytes]))
                data = data[2 + n_bytes:]
        return entries

    # The store

    def _stored(self):
        """Path and size of whatever is on the store, but for what the collector takes away meanwhile."""
        for folder, _, names in os.walk(self.store):
            for path in (os.path.join(folder, n) for n in names if len(n) == 62):
                with contextlib.suppress(FileNotFoundError):
                    yield path, os.path.getsize(path)

    def blobs(self):
        """The blobs of objects, sorted."""
        return sorted(path for path, size in self._stored() if size > MARK_BYTES)

    def marks(self):
        """What the collector leaves on the store each minute in which blobs were written: so small is nothing else."""
        return {path for path, size in self._stored() if size <= MARK_BYTES}

    def read_blobs(self):
        """Each blob's path and bytes, but for those that the collector takes away meanwhile."""
        for path in self.blobs():
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as f:
                yield path, f.read()


def quote(key):
    return urllib.parse.quote(key, safe="/~")
