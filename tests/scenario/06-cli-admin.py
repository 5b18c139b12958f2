#!/usr/bin/env python3
"""rempart's administration commands against a scripted KMS over mutual TLS 1.3: what is sent, what a person
sees, what is kept; and a real terminal for passphrases."""

import http.server
import json
import os
import pty
import re
import select
import ssl
import stat
import subprocess
import threading
import time

from check import check, end, scenario

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORT = int(os.environ["TEST_PORT"])
DIR = os.environ["TEST_DIR"]
REMPART = os.path.join(os.environ["TEST_BUILD"], "rempart")
AUTHORITY = os.path.join(DIR, "authority")
subprocess.run([os.path.join(TOP, "deploy/dev/authority"), AUTHORITY], check=True)


def pem(name):
    return os.path.join(AUTHORITY, name)


ENV = {"PATH": os.environ["PATH"], "REMPART_ADMIN_URL": "https://127.0.0.1:%d" % PORT, "REMPART_CA": pem("server-ca.pem"),
       "REMPART_ADMIN_CERT": pem("admin.pem"), "REMPART_ADMIN_KEY": pem("admin.key"), "HOME": DIR, "LC_ALL": "C.UTF-8"}
requests = []
answers = {}


class Kms(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        requests.append((self.path, body, self.connection.version()))
        status, answer = answers.get(body["op"], (200, {"ok": True}))
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def serve(port, certificate, client_ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem(certificate + ".pem"), pem(certificate + ".key"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pem(client_ca + ".pem"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Kms)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve(PORT, "kms", "admin-ca")
serve(PORT + 1, "gateway", "admin-ca")  # a certificate that is for no server, of another authority


def run(*words, stdin=b"", env=None):
    requests.clear()
    p = subprocess.run([REMPART, *words], input=stdin, env=env or ENV, capture_output=True, timeout=60, check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def type_at(words, dialogue, env=None):
    """Run on a terminal; dialogue is a list of (what to wait for, what to type). (status, all output)"""
    requests.clear()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(REMPART, [REMPART, *words], env or ENV)
    seen, deadline = b"", time.monotonic() + 30
    waiting = list(dialogue)
    while time.monotonic() < deadline:
        ready, _, _ = select.select([fd], [], [], 1)
        if not ready:
            continue
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
        while waiting and waiting[0][0] in seen.decode("utf-8", "replace"):
            os.write(fd, waiting.pop(0)[1])
            seen += b"|"
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), seen.decode("utf-8", "replace")


def custody():
    answers["init"] = (200, {"ok": True, "log_vkey": "log.example+1234abcd+AAAA"})
    answers["unseal"] = (200, {"ok": True, "state": "open", "log_vkey": "log.example+1234abcd+AAAA"})
    vkey = os.path.join(DIR, "log.vkey")
    status, out, err = run("init", "--vkey-out", vkey, stdin="correct horse é\n".encode())
    check("init sends the first line of standard input", status == 0 and requests[0][1] ==
          {"op": "init", "passphrase": "correct horse é"}, (requests, err))
    check("over TLS 1.3, to /admin/v1", requests[0][0] == "/admin/v1" and requests[0][2] == "TLSv1.3", requests)
    check("and keeps the log's key", open(vkey, encoding="ascii").read() == "log.example+1234abcd+AAAA\n")
    check("and tells to keep the passphrase", "without it" in err and "open" in out, err)
    file = os.path.join(DIR, "passphrase")
    with open(file, "w", encoding="ascii") as f:
        f.write("from a file\r\nsecond line\n")
    status, _, _ = run("init", "--passphrase-file", file, "--memory-mib", "8", "--passes", "2")
    check("or of a file, with the options", status == 0 and requests[0][1] ==
          {"op": "init", "memory_mib": 8, "passes": 2, "passphrase": "from a file"}, requests)
    status, _, err = run("init", "--memory-mib", "8M", stdin=b"x\n")
    check("a number that is none is a usage error, nothing is sent", status == 2 and not requests, err)
    status, _, err = run("unseal", stdin=b"\n")
    check("an empty passphrase is not sent", status == 1 and not requests, err)
    status, _, err = run("unseal", stdin=b"x" * 5000)
    check("a passphrase that is too long is not cut and sent", status == 1 and not requests, err)
    answers["unseal"] = (403, {"ok": False, "error": "bad-passphrase", "message": "does not open"})
    status, _, err = run("unseal", stdin=b"wrong\n")
    check("a wrong passphrase", status == 1 and "wrong passphrase" in err, err)
    status, _, err = run("unseal", stdin=b"wrong\n", env=dict(ENV, LC_ALL="fr_FR.UTF-8"))
    check("in French where the language is French", status == 1 and "phrase secrète incorrecte" in err, err)
    status, _, err = run("unseal", "--lang", "fr", stdin=b"wrong\n")
    check("or is asked for", "phrase secrète incorrecte" in err, err)


def terminal():
    status, seen = type_at(["init"], [("New passphrase:", b"sesame\n"), ("again:", b"sesame\n")])
    check("init asks twice", status == 0 and requests[0][1]["passphrase"] == "sesame", seen)
    check("and never shows what is typed", "sesame" not in seen, seen)
    status, seen = type_at(["init"], [("New passphrase:", b"sesame\n"), ("again:", b"sesamo\n")])
    check("two that differ change nothing", status == 1 and not requests and "differ" in seen, seen)
    answers["unseal"] = (200, {"ok": True, "state": "open", "log_vkey": "v"})
    status, seen = type_at(["unseal"], [("Passphrase:", b"wrong\x15op\x7f\xc3\xa9\x7fpen\r")])
    check("the line can be corrected", status == 0 and requests[0][1]["passphrase"] == "open", (seen, requests))
    status, seen = type_at(["unseal"], [("Passphrase:", b"abc\x03")])
    check("Ctrl-C sends nothing", status == 1 and not requests and "nothing was changed" in seen, seen)
    answers["status"] = (200, {"ok": True, "state": "open", "version": "1"})
    status, seen = type_at(["status"], [])
    check("colour on a terminal", "\033[32mopen" in seen, seen)
    status, seen = type_at(["status"], [], dict(ENV, NO_COLOR="1"))
    check("none with NO_COLOR", "\033" not in seen, seen)
    answers["tenant.list"] = (200, {"ok": True, "tenants": [{"tenant": "1", "name": "a\033]0;evil\007b\u009b31m"}]})
    status, seen = type_at(["tenant", "list"], [], dict(ENV, NO_COLOR="1"))
    check("no data steers the terminal", status == 0 and "\033" not in seen and "\007" not in seen and
          "\u009b" not in seen and "evil" in seen, seen)


def states():
    answers["status"] = (200, {"ok": True, "state": "sealed", "version": "1", "log_size": 12})
    status, out, _ = run("status")
    check("status says what to do next", status == 0 and "rempart unseal" in out and "12" in out, out)
    status, out, _ = run("status", "--json")
    check("--json gives the answer as it came", json.loads(out) == answers["status"][1], out)
    status, out, _ = run("status", "--lang", "fr")
    check("status in French", "scellé" in out, out)
    answers["tenant.create"] = (503, {"ok": False, "error": "sealed", "message": "unseal it first"})
    status, _, err = run("tenant", "create", "x")
    check("the server's words reach the person", status == 1 and "unseal it first" in err, err)
    answers["tenant.create"] = (200, b"<html>hello</html>")
    status, _, err = run("tenant", "create", "x")
    check("an answer that is not a KMS's says so", status == 1 and "check the port" in err, err)
    answers["tenant.create"] = (200, b'{"ok":true,"ok":false}')
    check("a double member is no answer", run("tenant", "create", "x")[0] == 1)


def operations():
    rows = [
        (["tenant", "create", "hospital", "--display-name", "H é", "--email", "a@b"],
         {"op": "tenant.create", "name": "hospital", "display_name": "H é", "email": "a@b"}),
        (["tenant", "list"], {"op": "tenant.list"}),
        (["user", "create", "hospital", "ana", "--expires", "2027-01-01T00:00:00Z"],
         {"op": "user.create", "tenant": "hospital", "user": "ana", "expires": "2027-01-01T00:00:00Z"}),
        (["user", "list", "hospital"], {"op": "user.list", "tenant": "hospital"}),
        (["user", "enable", "hospital", "ana"], {"op": "user.enable", "tenant": "hospital", "user": "ana"}),
        (["user", "disable", "hospital", "ana"], {"op": "user.disable", "tenant": "hospital", "user": "ana"}),
        (["user", "delete", "hospital", "ana"], {"op": "user.delete", "tenant": "hospital", "user": "ana"}),
        (["access-key", "create", "hospital", "ana"], {"op": "access-key.create", "tenant": "hospital", "user": "ana"}),
        (["access-key", "list", "hospital", "--user=ana"], {"op": "access-key.list", "tenant": "hospital", "user": "ana"}),
        (["access-key", "enable", "AK"], {"op": "access-key.enable", "access_key": "AK"}),
        (["access-key", "disable", "AK"], {"op": "access-key.disable", "access_key": "AK"}),
        (["access-key", "delete", "AK"], {"op": "access-key.delete", "access_key": "AK"}),
        (["key", "create", "hospital", "--alias", "k", "--description", "d"],
         {"op": "key.create", "tenant": "hospital", "alias": "k", "description": "d"}),
        (["key", "list", "hospital"], {"op": "key.list", "tenant": "hospital"}),
        (["key", "rotate", "k", "--tenant", "hospital"], {"op": "key.rotate", "key": "k", "tenant": "hospital"}),
        (["key", "enable", "k"], {"op": "key.enable", "key": "k"}),
        (["key", "disable", "k"], {"op": "key.disable", "key": "k"}),
        (["gateway", "list"], {"op": "gateway.list"}),
        (["gateway", "remove", "g"], {"op": "gateway.remove", "name": "g"}),
        (["seal"], {"op": "seal"}),
    ]
    answers.clear()
    for words, expected in rows:
        status, _, err = run(*words)
        check("%s sends what ADMIN-API.md says" % " ".join(words[:2]), status == 0 and requests[0][1] == expected,
              (requests, err))
    status, _, err = run("access-key", "create", "hospital", "ana", "--access-key", "MINE", "--secret-key-file", "-",
                         stdin=b"mysecret\n")
    check("an access key is imported", status == 0 and requests[0][1]["secret_key"] == "mysecret" and
          requests[0][1]["access_key"] == "MINE", (requests, err))
    answers["access-key.create"] = (200, {"ok": True, "access_key": "AK1", "secret_key": "SK1", "expires": None})
    status, out, err = run("access-key", "create", "hospital", "ana")
    check("a new secret is shown, with a warning", "AK1" in out and "SK1" in out and "this once" in err, (out, err))
    answers["key.list"] = (200, {"ok": True, "keys": [
        {"key": "u-1", "alias": "été", "state": "enabled", "version": 3, "default": True, "arn": "arn:1"},
        {"key": "u-22", "alias": "b", "state": "disabled", "version": 1, "default": False, "arn": "arn:2"}]})
    status, out, _ = run("key", "list", "hospital")
    lines = out.splitlines()
    check("tables line up", len({re.search("(ARN|arn)", line).start() for line in lines}) == 1 and "yes" in lines[1]
          and "yes" not in lines[2], out)


def enrolment():
    secret = "ab" * 32
    answers["gateway.enrol"] = (200, {"ok": True, "name": "g1", "secret": secret})
    target = os.path.join(DIR, "enrolment")
    status, out, err = run("gateway", "enrol", "g1", "--certificate", pem("gateway.pem"), "--secret-out", target,
                           "--domains", "s3.example.org")
    digest = subprocess.run(["openssl", "x509", "-in", pem("gateway.pem"), "-noout", "-fingerprint", "-sha256"],
                            capture_output=True, text=True, check=True).stdout.split("=")[1].replace(":", "").strip()
    check("enrol sends the certificate's digest", status == 0 and requests[0][1] ==
          {"op": "gateway.enrol", "name": "g1", "certificate_sha256": digest.lower(), "domains": "s3.example.org"},
          (requests, err))
    check("the secret is in its file, for its owner alone", open(target, encoding="ascii").read() == secret + "\n" and
          stat.S_IMODE(os.stat(target).st_mode) == 0o600)
    check("and nowhere else", secret not in out + err, out)
    status, out, err = run("gateway", "enrol", "g1", "--certificate", pem("gateway.pem"), "--secret-out", target)
    check("a file that is there is never replaced, and nothing is asked", status == 1 and not requests and
          "exist" in err.lower(), err)
    os.unlink(target)
    status, out, err = run("gateway", "enrol", "g1", "--json", "--certificate", pem("gateway.pem"), "--secret-out", target)
    check("--json does not show it either", status == 0 and secret not in out and json.loads(out)["ok"], out)
    answers["gateway.enrol"] = (409, {"ok": False, "error": "exists", "message": "there is one"})
    other = os.path.join(DIR, "other")
    status, _, err = run("gateway", "enrol", "g1", "--certificate", pem("gateway.pem"), "--secret-out", other)
    check("a refusal leaves no file", status == 1 and not os.path.exists(other), err)
    status, _, err = run("gateway", "enrol", "g1", "--certificate", pem("gateway.key"), "--secret-out", other)
    check("a file without certificate is refused", status == 1 and not requests and not os.path.exists(other), err)
    check("enrol without its options is a usage error", run("gateway", "enrol", "g1")[0] == 2)


def trust():
    for name, change in (
            ("a server of another authority is not trusted", {"REMPART_CA": pem("admin-ca.pem")}),
            ("a server under another name is not trusted", {"REMPART_ADMIN_URL": "https://127.0.0.2:%d" % PORT}),
            ("a certificate that is for no server is not trusted",
             {"REMPART_ADMIN_URL": "https://127.0.0.1:%d" % (PORT + 1), "REMPART_CA": pem("gateway-ca.pem")}),
            ("a gateway's certificate does not open the administration",
             {"REMPART_ADMIN_CERT": pem("gateway.pem"), "REMPART_ADMIN_KEY": pem("gateway.key")})):
        status, _, err = run("status", env=dict(ENV, **change))
        check(name, status == 1 and not requests, err)
    status, _, err = run("status", env=dict(ENV, REMPART_ADMIN_URL="http://127.0.0.1:%d" % PORT))
    check("clear text does not reach it", status == 1 and not requests, err)
    status, _, err = run("status", env=dict(ENV, REMPART_CA="/nonexistent"))
    check("a missing file is named", status == 1 and "/nonexistent" in err, err)


def configuration():
    folder = os.path.join(DIR, ".config/rempart")
    os.makedirs(folder)
    bare = {"PATH": ENV["PATH"], "HOME": DIR}
    config = os.path.join(folder, "config")
    with open(config, "w", encoding="ascii") as f:
        f.write("# mine\n[admin]\nurl = %s\nca=%s\n certificate = %s \nkey = %s\n" % (
            ENV["REMPART_ADMIN_URL"], pem("server-ca.pem"), pem("admin.pem"), pem("admin.key")))
    answers.clear()
    check("the configuration file is enough", run("status", env=bare)[0] == 0 and len(requests) == 1)
    status, _, err = run("status", "--kms", "https://127.0.0.1:1", env=bare)
    check("an option is stronger", status == 1 and ":1/" in err and "is the server running" in err, err)
    with open(config, "a", encoding="ascii") as f:
        f.write("nonsense\n")
    status, _, err = run("status", env=bare)
    check("a bad line is named with its number", status == 1 and "line 7" in err, err)


def usage():
    check("no command", run()[0] == 2)
    check("unknown command", run("frobnicate")[0] == 2)
    check("unknown option", run("status", "--frobnicate")[0] == 2)
    check("an option of another command", run("status", "--recursive")[0] == 2)
    check("too few arguments", run("user", "create", "x")[0] == 2)
    check("a group without a verb shows its commands", run("user")[0] == 2 and "user create" in run("user")[2])
    status, out, _ = run("--help")
    check("--help", status == 0 and "unseal" in out and "presign" in out)
    pairs = sorted(set(re.findall(r"^  ([a-z-]+(?: [a-z]+)?)(?= |$)", out, re.M)))
    bad = []
    for words in (p.split() for p in pairs):
        status, text, _ = run(*words, "--help")
        if status != 0 or "Usage: rempart " + " ".join(words) not in text:
            bad.append(words)
    check("every command has --help", len(pairs) > 20 and not bad, (bad, pairs))
    check("--version", run("--version")[0] == 0)


for step in (custody, terminal, states, operations, enrolment, trust, configuration, usage):
    scenario(step)
end()
