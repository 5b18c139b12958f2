#!/usr/bin/env python3
"""deploy/dev/run as its users use it: proves and exits, goes on with what is there, serves until it is stopped, and what it
writes for other tools (DESIGN 10) is right."""
# timeout: 300

import configparser
import json
import os
import re
import signal
import subprocess

from check import check, end, scenario
from stack import TOP, wait_for

PORT = int(os.environ["TEST_PORT"])
RUN_DIR = os.path.join(os.environ["TEST_DIR"], "run")
BUILD = os.environ["TEST_BUILD"]
RUN = os.path.join(TOP, "deploy/dev/run")
ENV = dict(os.environ, RUN_DIR=RUN_DIR, BUILD=BUILD, S3_PORT=str(PORT), S3_TLS_PORT=str(PORT + 1), KMS_PORT=str(PORT + 2),
           KMS_GATEWAY_PORT=str(PORT + 3), KMS_ADMIN_PORT=str(PORT + 4), KMS_OPS_PORT=str(PORT + 5),
           GATEWAY_OPS_PORT=str(PORT + 6), http_proxy="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
LOG = os.path.join(os.environ["TEST_DIR"], "serve.log")


def once(**more):
    p = subprocess.run([RUN], env=dict(ENV, ONCE="1", **more), capture_output=True, text=True, timeout=120, check=False,
                       stdin=subprocess.DEVNULL)
    return p.returncode, p.stdout, p.stderr


def as_from_a_terminal():
    """A test that runs in the background of a shell has SIGINT ignored, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def serve():
    log = open(LOG, "w", encoding="utf-8")
    p = subprocess.Popen([RUN], env=ENV, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                         preexec_fn=as_from_a_terminal)
    wait_for("deploy/dev/run to serve", lambda: "Ctrl-C" in open(LOG, encoding="utf-8").read() or p.poll() is not None, 90)
    return p


def daemons():
    """Processes that serve from this folder."""
    out = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return {m.group(2): int(m.group(1)) for m in re.finditer(r"^ *(\d+) \S*/rempart-(kms|gateway) --config %s/" %
                                                             re.escape(RUN_DIR), out, re.M)}


def sourced():
    """What a shell has after `. run/env`, exported."""
    out = subprocess.run(["sh", "-ec", ". '%s/env'; env" % RUN_DIR], env={"PATH": os.environ["PATH"]}, capture_output=True,
                         text=True, check=True).stdout
    names = {line.split("=", 1)[0]: line.split("=", 1)[1] for line in out.splitlines() if "=" in line}
    return {k: v for k, v in names.items() if k.startswith(("REMPART_", "AWS_"))}


def proves():
    status, out, err = once()
    check("make run ONCE=1 proves and exits", status == 0, (out, err))
    for text in ("stored 256 KiB", "the same bytes", "neither its name nor any 16 bytes", "the log of key uses verifies"):
        check("it says: " + text, text in out, out)
    check("nothing goes on running", not daemons(), daemons())
    before = open(os.path.join(RUN_DIR, "env"), encoding="utf-8").read()
    status, out, err = once()
    check("a second run goes on with what is there", status == 0 and "unsealed" in out and "initialised" not in out,
          (out, err))
    check("with the same credentials", before == open(os.path.join(RUN_DIR, "env"), encoding="utf-8").read())


def written():
    env = sourced()
    expected = {"REMPART_S3_URL", "REMPART_S3_TLS_URL", "REMPART_CA", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                "AWS_DEFAULT_REGION", "REMPART_ALT_ACCESS_KEY_ID", "REMPART_ALT_SECRET_ACCESS_KEY", "REMPART_STORE_DIR",
                "REMPART_LOG_DIR", "REMPART_LOG_VKEY", "REMPART_ADMIN_URL", "REMPART_ADMIN_CERT", "REMPART_ADMIN_KEY"}
    check("run/env has the variables of the design", expected <= set(env) <= expected | {"REMPART_KMS_URL"}, sorted(env))
    check("with absolute paths that exist", all(env[k].startswith("/") and os.path.exists(env[k]) for k in (
        "REMPART_CA", "REMPART_STORE_DIR", "REMPART_LOG_DIR", "REMPART_LOG_VKEY")), env)
    check("the log folder has its checkpoint", os.path.exists(os.path.join(env["REMPART_LOG_DIR"], "checkpoint")))
    loose = [f for f in os.listdir(RUN_DIR + "/secrets") if os.stat(RUN_DIR + "/secrets/" + f).st_mode & 0o77]
    check("secrets are their owner's alone", not loose and os.stat(RUN_DIR).st_mode & 0o77 == 0, loose)
    conf = configparser.RawConfigParser()
    conf.read(os.path.join(RUN_DIR, "s3tests.conf"))
    check("s3tests.conf has every section", {"fixtures", "s3 main", "s3 alt", "s3 tenant", "iam", "iam root",
                                              "iam alt root"} <= set(conf.sections()) and conf.defaults()["port"] == str(PORT))
    whole = all(conf.get(s, k) for s in conf.sections() if s != "fixtures" for k in (
        "display_name", "user_id", "email", "access_key", "secret_key"))
    check("and nothing in them is empty", whole and conf.get("s3 main", "access_key") == env["AWS_ACCESS_KEY_ID"])


def serves():
    p = serve()
    env = dict(os.environ, **sourced())
    rempart = os.path.join(BUILD, "rempart")
    check("it serves, and says how to use it", p.poll() is None and len(daemons()) == 2, open(LOG, encoding="utf-8").read())
    status = subprocess.run([rempart, "status", "--json"], env=env, capture_output=True, text=True, check=False)
    check("rempart status works with run/env", status.returncode == 0 and json.loads(status.stdout)["state"] == "open",
          status)
    status, _, err = once()
    check("a second one on the same folder says so", status == 1 and "another run uses" in err, err)
    status, _, err = once(RUN_DIR=RUN_DIR + "2")
    check("one on the same ports says which is taken", status == 1 and "taken" in err, err)
    owner = subprocess.run([rempart, "mb", "s3://first-light"], env=env, capture_output=True, text=True, check=False)
    other = dict(env, AWS_ACCESS_KEY_ID=env["REMPART_ALT_ACCESS_KEY_ID"],
                 AWS_SECRET_ACCESS_KEY=env["REMPART_ALT_SECRET_ACCESS_KEY"])
    refused = subprocess.run([rempart, "ls", "s3://first-light"], env=other, capture_output=True, text=True, check=False)
    check("the other tenant does not see this one's bucket", owner.returncode == 0 and refused.returncode == 1 and
          "AccessDenied" in refused.stderr, (owner, refused))
    subprocess.run([rempart, "rb", "s3://first-light"], env=env, capture_output=True, check=False)
    os.killpg(p.pid, signal.SIGINT)
    status, left = p.wait(60), daemons()
    check("Ctrl-C stops everything, status 0", status == 0 and not left, (status, left, open(LOG, encoding="utf-8").read()))


def falls():
    p = serve()
    os.kill(daemons()["gateway"], signal.SIGKILL)
    check("a daemon that dies ends it, status 1", p.wait(60) == 1 and not daemons())
    check("and it says so", "ended by itself" in open(LOG, encoding="utf-8").read())
    status, out, err = once()
    check("after a kill it comes up again", status == 0, (out, err))
    for name in daemons().values():
        os.kill(name, signal.SIGKILL)


for step in (proves, written, serves, falls):
    scenario(step)
end()
