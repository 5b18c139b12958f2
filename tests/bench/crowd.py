#!/usr/bin/env python3
"""Many connections at once, as a program of its own: crowd.py < JSON.

  {"port": N, "ca": FILE or null, "idle": N, "hold_s": S,
   "readers": N, "get": {"path": P, "headers": {}, "size": BYTES},
   "writers": N, "puts": [{"path": P, "headers": {}}], "put_size": BYTES}

Prints the line `held` when every connection is where it shall be, or has failed; then, on a line of its standard
input, lets go and prints one line of JSON. A reader takes 8 KiB in a second, a writer gives as much.
"""

import asyncio
import json
import socket
import ssl
import sys
import time

SIP = 8 << 10
SIP_S = 1.0
SOCKET_BYTES = 32 << 10  # so that the kernel does not take the object for a slow reader
OPENING = 64             # connections that shake hands at the same time


class Crowd:
    def __init__(self, wanted):
        self.w = wanted
        self.tls = ssl.create_default_context(cafile=wanted["ca"]) if wanted["ca"] else None
        self.gate = asyncio.Semaphore(OPENING)
        self.go = asyncio.Event()
        self.connected = self.busy = self.bytes = 0
        self.errors = {}
        self.statuses = {}
        self.first_s = []
        self.settled = set()

    def fail(self, what):
        self.errors[what] = self.errors.get(what, 0) + 1

    async def open(self):
        async with self.gate:
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
            s.setblocking(False)
            await asyncio.get_running_loop().sock_connect(s, ("127.0.0.1", self.w["port"]))
            reader, writer = await asyncio.open_connection(
                sock=s, ssl=self.tls, server_hostname="127.0.0.1" if self.tls else None, limit=SIP)
            writer.transport.set_write_buffer_limits(high=SIP)
            self.connected += 1
            return reader, writer

    @staticmethod
    def head(method, path, headers):
        fields = "".join("%s: %s\r\n" % kv for kv in headers.items())
        return ("%s %s HTTP/1.1\r\n%s\r\n" % (method, path, fields)).encode()

    async def read_slowly(self, number):
        reader, writer = await self.open()
        begin = time.monotonic()
        writer.write(self.head("GET", self.w["get"]["path"], self.w["get"]["headers"]))
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split()[1])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status != 200:
            raise ValueError("status %d" % status)
        await reader.readexactly(1)
        self.first_s.append(time.monotonic() - begin)
        self.busy += 1
        self.settled.add(number)
        while not self.go.is_set():
            got = await reader.read(SIP)
            if not got:
                raise ValueError("the answer ended early")
            self.bytes += len(got)
            await asyncio.sleep(SIP_S)
        writer.transport.abort()

    async def write_slowly(self, number):
        put = self.w["puts"][number % len(self.w["puts"])]
        _reader, writer = await self.open()
        writer.write(self.head("PUT", put["path"], dict(put["headers"], **{"Content-Length": self.w["put_size"]})))
        self.busy += 1
        self.settled.add(number)
        left = self.w["put_size"]
        while not self.go.is_set() and left > SIP:
            writer.write(bytes(SIP))
            await writer.drain()
            self.bytes += SIP
            left -= SIP
            await asyncio.sleep(SIP_S)
        writer.transport.abort()

    async def idle(self, number):
        reader, writer = await self.open()
        self.settled.add(number)
        closed = asyncio.ensure_future(reader.read(1))
        await asyncio.wait([closed, asyncio.ensure_future(self.go.wait())], return_when=asyncio.FIRST_COMPLETED)
        if closed.done() and not self.go.is_set():
            raise ValueError("an idle connection was closed")
        closed.cancel()
        writer.transport.abort()

    async def guarded(self, what, number):
        try:
            await what(number)
        except (OSError, ValueError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as e:
            self.fail("%s: %s" % (type(e).__name__, str(e)[:80]))
            self.settled.add(number)

    async def run(self):
        w = self.w
        begin = time.monotonic()
        kinds = [self.read_slowly] * w["readers"] + [self.write_slowly] * w["writers"] + [self.idle] * w["idle"]
        tasks = [asyncio.ensure_future(self.guarded(what, i)) for i, what in enumerate(kinds)]
        while len(self.settled) < len(tasks) and time.monotonic() - begin < w["open_s"]:
            await asyncio.sleep(0.05)
        opened = time.monotonic() - begin
        print("held", flush=True)
        moved = self.bytes
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        held = time.monotonic() - begin - opened
        moved = self.bytes - moved
        self.go.set()
        _, late = await asyncio.wait(tasks, timeout=3 * SIP_S)
        for task in late:
            task.cancel()
        self.first_s.sort()
        print(json.dumps({
            "connected": self.connected, "busy": self.busy, "errors": self.errors, "statuses": self.statuses,
            "open_s": round(opened, 2), "held_s": round(held, 2), "moved_mb": round(moved / 1e6, 2),
            "first_byte_p50_s": self.first_s[len(self.first_s) // 2] if self.first_s else None,
            "first_byte_max_s": self.first_s[-1] if self.first_s else None}), flush=True)


if __name__ == "__main__":
    asyncio.run(Crowd(json.loads(sys.stdin.readline())).run())
