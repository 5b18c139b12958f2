"""A pytest plugin for ceph/s3-tests: one line for each test, a JSON of all, and a clean-up that can do without versions."""

import json
import os

import pytest


class Report:
    def __init__(self):
        self.tests = {}
        self.without_versions = False

    def note(self, name, verdict, why):
        order = ["passed", "skipped", "failed"]
        known = self.tests.get(name)
        if known is None or order.index(verdict) > order.index(known["verdict"]):
            self.tests[name] = {"verdict": verdict, "why": why}


REPORT = Report()


def reason(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return " ".join(text.split())[:400]


def pytest_runtest_logreport(report):
    name = report.nodeid.split("::", 1)[1] if "::" in report.nodeid else report.nodeid
    if report.failed:
        where = "" if report.when == "call" else report.when + ": "
        REPORT.note(name, "failed", where + reason(report))
    elif report.skipped:
        REPORT.note(name, "skipped", reason(report))
    elif report.when == "call":
        REPORT.note(name, "passed", "")
    if report.when == "teardown":
        test = REPORT.tests.get(name, {"verdict": "failed", "why": "did not run"})
        print({"passed": "ok %s", "failed": "not ok %s", "skipped": "ok %s # skip"}[test["verdict"]] % name, flush=True)


def pytest_report_teststatus(report, config):
    return report.outcome if report.when == "call" else "", "", ""


def pytest_sessionfinish(session):
    with open(os.environ["S3COMPAT_JSON"], "w", encoding="utf-8") as f:
        json.dump({"without_versions": REPORT.without_versions, "tests": REPORT.tests}, f, indent=1, sort_keys=True)


@pytest.fixture(scope="session", autouse=True)
def clean_up_without_versions():
    """The suite removes what a test left by ListObjectVersions. Where that is not built, ListObjectsV2 does it:
    otherwise one leftover bucket would fail every test after it."""
    import s3tests.functional as suite
    from botocore.exceptions import ClientError
    with_versions = suite.list_versions

    def list_versions(client, bucket, batch_size):
        try:
            yield from with_versions(client, bucket, batch_size)
        except ClientError as e:
            if e.response["Error"]["Code"] != "NotImplemented":
                raise
            REPORT.without_versions = True
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                if page.get("Contents"):
                    yield [{"Key": c["Key"]} for c in page["Contents"]]
    suite.list_versions = list_versions
    yield
