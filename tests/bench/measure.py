"""What the benchmarks measure with: processes as /proc shows them, wrk, uploads, the programs of build/bench."""

import http.client
import json
import os
import resource
import ssl
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Watched:
    """A program and its children, as /proc knows them."""

    def __init__(self, pid):
        self.pid = pid

    def pids(self):
        try:
            with open("/proc/%d/task/%d/children" % (self.pid, self.pid), encoding="ascii") as f:
                return [self.pid] + [int(p) for p in f.read().split()]
        except OSError:
            return [self.pid]

    def cpu_s(self):
        """User and system seconds so far."""
        ticks = 0
        for pid in self.pids():
            with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def memory_mib(self):
        """(resident now, highest since reset_peak), summed over the processes."""
        now = peak = 0
        for pid in self.pids():
            with open("/proc/%d/status" % pid, encoding="utf-8") as f:
                for line in f:
                    if line.startswith("VmRSS:"):
                        now += int(line.split()[1])
                    elif line.startswith("VmHWM:"):
                        peak += int(line.split()[1])
        return now / 1024, peak / 1024

    def reset_peak(self):
        for pid in self.pids():
            with open("/proc/%d/clear_refs" % pid, "w", encoding="ascii") as f:
                f.write("5\n")


def client_cpu_s():
    """Of this program's threads and of the programs that it waited for: the load generators."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class Machine:
    """Who used the cores since the beginning."""

    def __init__(self, cores):
        self.names = ["cpu%d" % n for n in cores]
        self.begin = self.now()

    def now(self):
        """(busy, all) seconds of these cores; what the host took away counts as busy."""
        busy = everything = 0
        with open("/proc/stat", encoding="ascii") as f:
            for line in f:
                name, *values = line.split()
                if name in self.names:
                    ticks = [int(v) for v in values[:8]]
                    everything += sum(ticks)
                    busy += sum(ticks) - ticks[3] - ticks[4]
        return busy / TICKS, everything / TICKS

    def taken_by_others(self, ours_s):
        """Share of the cores that went to neither servers nor clients of the benchmark."""
        busy, everything = (now - then for now, then in zip(self.now(), self.begin))
        return max(0.0, busy - ours_s) / everything if everything else 0.0


class Target:
    """Requests to one server: where, and with which headers; `keys` are (path, headers)."""

    def __init__(self, name, url, keys, ca=None):
        self.name, self.url, self.keys, self.ca = name, url, keys, ca


class Result:
    """Counts of one or several runs; adds up."""

    def __init__(self, seconds=0.0, requests=0, payload=0, errors=0, p50_ms=None, p99_ms=None):
        self.seconds, self.requests, self.payload, self.errors = seconds, requests, payload, errors
        self.p50_ms, self.p99_ms = p50_ms, p99_ms
        self.cpu = {}

    def add(self, other):
        self.seconds += other.seconds
        self.requests += other.requests
        self.payload += other.payload
        self.errors += other.errors
        for name, seconds in other.cpu.items():
            self.cpu[name] = self.cpu.get(name, 0.0) + seconds
        # The better of the rounds: what disturbs a round only ever makes it slower.
        for field in ("p50_ms", "p99_ms"):
            values = [v for v in (getattr(self, field), getattr(other, field)) if v is not None]
            setattr(self, field, min(values) if values else None)

    def per_s(self):
        return self.requests / self.seconds if self.seconds else 0.0

    def mb_per_s(self):
        return self.payload / self.seconds / 1e6 if self.seconds else 0.0

    def capacity(self, cores, of):
        """`of`, requests or payload, a second if these cores had nothing else to do: from the processor time of servers and
        client."""
        used = sum(self.cpu.values())
        return cores * of / used if used else 0.0

    def as_json(self):
        return {"requests": self.requests, "seconds": round(self.seconds, 3), "requests_per_s": round(self.per_s(), 2),
                "mb_per_s": round(self.mb_per_s(), 2), "errors": self.errors, "p50_ms": self.p50_ms,
                "p99_ms": self.p99_ms, "cpu_s": {k: round(v, 3) for k, v in self.cpu.items()}}


LUA = """
local keys = %(keys)s
local size = %(size)d
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end
local made, turn = {}, 0
function init(args)
  local body = nil
  if size > 0 then
    body = string.rep(string.char(0x5a, 0x17, 0xe9, 0x40), size / 4)
  end
  for i, key in ipairs(keys) do
    made[i] = wrk.format("%(method)s", key.path, key.headers, body)
  end
  turn = number * 7
end
function request()
  turn = turn %% #made + 1
  return made[turn]
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"us": %%d, "requests": %%d, "bytes": %%d, "errors": %%d, "p50": %%d, "p99": %%d}\\n',
    summary.duration, summary.requests, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def lua_text(text):
    return '"' + "".join(c if c.isalnum() or c in " -_./:;=,&?%@*" else "\\%03d" % ord(c) for c in text) + '"'


def lua_keys(keys):
    rows = []
    for path, headers in keys:
        fields = ", ".join("[%s] = %s" % (lua_text(k), lua_text(str(v))) for k, v in headers.items())
        rows.append("{path = %s, headers = {%s}}" % (lua_text(path), fields))
    return "{" + ",\n".join(rows) + "}"


def wrk(target, method, connections, seconds, size, script):
    """One run of wrk. size: of the body that is sent (PUT), or of the object that comes (GET)."""
    sends = size if method == "PUT" else 0
    with open(script, "w", encoding="ascii") as f:
        f.write(LUA % {"keys": lua_keys(target.keys), "size": sends, "method": method})
    threads = min(2, connections)
    run = subprocess.run(["wrk", "-t%d" % threads, "-c%d" % connections, "-d%ds" % seconds, "--timeout", "30s",
                          "-s", script, target.url], capture_output=True, text=True, check=False)
    lines = [x for x in run.stdout.splitlines() if x.startswith("RESULT ")]
    if run.returncode != 0 or not lines:
        raise RuntimeError("wrk: %s%s" % (run.stdout, run.stderr))
    r = json.loads(lines[0][7:])
    # wrk counts the bytes of heads as well, and those of answers under way: right for large objects only.
    payload = r["requests"] * size if sends or size < 1 << 20 else max(r["bytes"], r["requests"] * size)
    times = (r["p50"] / 1e3, r["p99"] / 1e3) if r["requests"] else ()
    return Result(r["us"] / 1e6, r["requests"], payload, r["errors"], *times)


def uploads(target, connections, seconds, size):
    """PUT of large bodies; every upload that was begun is waited for and counted, as wrk would not."""
    body = memoryview(b"\x5a\x17\xe9\x40" * (size // 4))
    host, port = target.url.split("//")[1].split(":")
    end = time.monotonic() + seconds
    result, lock, times = Result(), threading.Lock(), []

    def one(number):
        path, headers = target.keys[number % len(target.keys)]
        if target.ca:
            c = http.client.HTTPSConnection(host, int(port), timeout=120,
                                            context=ssl.create_default_context(cafile=target.ca))
        else:
            c = http.client.HTTPConnection(host, int(port), timeout=120)
        try:
            while True:
                begin = time.monotonic()
                if begin >= end:
                    return
                c.putrequest("PUT", path, skip_host="Host" in headers, skip_accept_encoding=True)
                for k, v in dict(headers, **{"Content-Length": str(size)}).items():
                    c.putheader(k, v)
                c.endheaders()
                c.sock.sendall(body)
                answer = c.getresponse()
                answer.read()
                with lock:
                    result.requests += 1
                    result.errors += answer.status >= 300
                    times.append(time.monotonic() - begin)
        except OSError:
            with lock:
                result.errors += 1
        finally:
            c.close()

    begin = time.monotonic()
    hands = [threading.Thread(target=one, args=(i,)) for i in range(connections)]
    for h in hands:
        h.start()
    for h in hands:
        h.join()
    result.seconds = time.monotonic() - begin
    result.payload = (result.requests - result.errors) * size
    times.sort()
    if times:
        result.p50_ms = round(times[len(times) // 2] * 1e3, 1)
        result.p99_ms = round(times[len(times) * 99 // 100] * 1e3, 1)
    return result


def program(build, name, *arguments, env=None):
    """A program of build/bench; its one line of JSON."""
    run = subprocess.run([os.path.join(build, "bench", name), *map(str, arguments)], capture_output=True, text=True,
                         env=env, check=False)
    if run.returncode != 0:
        raise RuntimeError("%s: %s%s" % (name, run.stdout, run.stderr))
    return json.loads(run.stdout)
