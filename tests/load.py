"""Load on the service, on this machine: ``python tests/load.py`` prints throughput, latencies and what was lost.

Comments in Coral's signed form come at a fixed rate over open connections, whether earlier ones have been answered or
not; a latency counts from the moment at which a request was due, so that a stall is not hidden by its own queue. Client
and server share the machine's cores.
"""

import argparse
import asyncio
import csv
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from service import SECRET, coral_body, running, sign

with Path(__file__).with_name("example_comments.csv").open(encoding="utf-8", newline="") as table:
    COMMENTS = [row["comment"] for row in csv.DictReader(table)]


@dataclass
class Tally:
    """What became of the requests; latencies in seconds."""

    latencies: list[float] = field(default_factory=list)
    lost: int = 0  # sent, but the connection ended before the answer did
    refused: int = 0  # never sent: there was no connection to be had
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    def percentile(self, share):
        """A percentile of the latencies, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def __str__(self):
        rate = len(self.latencies) / self.seconds
        times = ", ".join(f"{name} {self.percentile(share):.1f} ms" for name, share in SHARES.items())
        return f"{len(self.latencies):,} answered ({rate:,.0f} a second), {self.lost} lost; {times}"


SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "longest": 1.0}


def request(path, body, *headers):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return (head + "".join(f"{line}\r\n" for line in headers) + "\r\n").encode() + body


def coral_requests():
    bodies = [coral_body(comment) for comment in COMMENTS]
    return [request("/coral", body, f"X-Coral-Signature: {sign(body)}") for body in bodies]


def batch_request(count=1000):
    rows = [COMMENTS[number % len(COMMENTS)] for number in range(count)]
    return request("/v1/classify", json.dumps({"comments": rows}).encode())


async def exchange(reader, writer, data):
    """Send a request and read the answer; its status, and whether the server wants to close."""
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
    await reader.readexactly(int(headers.get(b"content-length", 0)))
    return int(head[9:12]), headers.get(b"connection") == b"close"


async def client(port, requests, tally, *, until, period=0.0, due=0.0):
    """A connection that sends every ``period`` seconds, or as soon as the last answer is there."""
    streams = None
    generator = random.Random(due)
    while (due := due + period if period else time.perf_counter()) < until():
        if period:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if streams is None:
            try:
                streams = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                tally.refused += 1
                return
        try:
            status, closes = await exchange(*streams, generator.choice(requests))
        except (OSError, asyncio.IncompleteReadError):
            tally.lost += 1
            streams = None
            continue
        tally.latencies.append(time.perf_counter() - due)
        tally.statuses[status] = tally.statuses.get(status, 0) + 1
        if closes:
            streams[1].close()
            streams = None
    if streams:
        streams[1].close()


async def load(port, requests, *, connections, seconds, rate=None, stop=None):
    """Load for so many seconds, or until ``stop`` is set."""
    tally, begin = Tally(), time.perf_counter() + 0.1
    end = begin + seconds

    def until():
        return 0.0 if stop and stop.is_set() else end

    period = connections / rate if rate else 0.0
    starts = [begin + number * period / connections - period for number in range(connections)]
    await asyncio.gather(*(client(port, requests, tally, until=until, period=period, due=due) for due in starts))
    tally.seconds = time.perf_counter() - begin
    return tally


async def steady(port, *, connections=50, seconds=10.0, rate=300.0):
    """Coral's requests at a fixed rate."""
    return await load(port, coral_requests(), connections=connections, seconds=seconds, rate=rate)


async def beside_batches(port, *, connections=50, seconds=10.0, rate=300.0):
    """The same, while requests of a thousand comments come one after the other: both tallies."""
    stop = asyncio.Event()
    batches = asyncio.create_task(load(port, [batch_request()], connections=1, seconds=3600, stop=stop))
    tally = await steady(port, connections=connections, seconds=seconds, rate=rate)
    stop.set()
    return tally, await batches


async def terminate_under_load(process, port, *, connections=50):
    """As much load as there can be, and SIGTERM in the middle of it: the tally, and the server's exit status."""
    loading = asyncio.create_task(load(port, coral_requests(), connections=connections, seconds=20))
    await asyncio.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    tally = await loading
    return tally, await asyncio.to_thread(process.wait, 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    shape = {"connections": options.connections, "seconds": options.seconds, "rate": options.rate}
    with TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text(SECRET)
        with running("--coral-secret", secret, "--workers", options.workers, log=Path(folder) / "log") as (server, url):
            port = int(url.rpartition(":")[2])
            print(f"{os.cpu_count()} processors, {options.workers} worker(s), load {os.getloadavg()[0]:.1f}")
            asyncio.run(load(port, coral_requests(), connections=options.connections, seconds=1))
            print(f"Coral, {options.rate:g} a second over {options.connections} connections:", end=" ")
            print(asyncio.run(steady(port, **shape)), flush=True)
            tally, batches = asyncio.run(beside_batches(port, **shape))
            print(f"  beside requests of 1,000 comments: {tally}")
            print(f"  and these: {batches}", flush=True)
            most = asyncio.run(load(port, coral_requests(), connections=options.connections, seconds=options.seconds))
            print(f"Coral, as many as it can: {most}", flush=True)
            alone = asyncio.run(load(port, [batch_request()], connections=1, seconds=options.seconds / 2))
            print(f"1,000 comments a request, one at a time: {alone}", flush=True)
            ended, status = asyncio.run(terminate_under_load(server, port, connections=options.connections))
            print(f"SIGTERM under that load: {ended}; exit status {status}")
    sys.exit(1 if ended.lost or status else 0)


if __name__ == "__main__":
    main()
