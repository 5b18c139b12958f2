"""A pytest plugin for ceph/s3-tests: one line for each test, and a JSON of all."""

import json
import os


class Report:
    def __init__(self):
        self.tests = {}

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
        json.dump({"tests": REPORT.tests}, f, indent=1, sort_keys=True)
