"""An engine's process: reads requests from a socket, line by line, and answers with the tokens of each step.

To it: {"start": id, "prompt": [ids], "most": tokens, "stop": [ids], "temperature", "top_p", "seed"} and {"cancel": id}.
From it: {"ready": {…}} or {"failed": why}; {"refused": id, "why": …}; then per step
{"said": [[id, token or null, finish or null], …], "load": […]}.
It ends when the socket closes: when whoever started it has ended, however that was.
"""

import json
import os
import queue
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM  # noqa: F401 - loaded once, in the process that others are forked from

from configs.errors import UserError
from configs.serving import Embedded
from eval.checkpoint import load_model
from serving.engine.batch import Batch, Reply
from serving.engine.cache import BLOCK
from serving.engine.sampling import Sampling

SHARE = {"cuda": 0.8, "cpu": 0.25}
"""Of the memory that is free when the model is loaded, for keys and values where the profile says nothing; of all
processes together."""
IDLE_SECONDS = 60
"""After which what replies took of a GPU's memory is given back; graphs are captured again when they are needed."""
ROWS = {"cuda": 256, "cpu": 32}
PREFILL = {"cuda": 4096, "cpu": 256}
"""Where the profile says nothing."""


def serve(folder: str, channel: socket.socket, threads: int, settings: Embedded) -> None:
    """Runs an engine for the model in `folder` until `channel` closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for whoever started it
    torch.set_num_threads(threads)
    try:
        batch = batch_of(load_model(Path(folder)), settings)
        _warm(batch)
    except UserError as error:
        _send(channel, {"failed": str(error)})
        return
    except Exception as error:
        _send(channel, {"failed": f"{folder}: the model does not load ({type(error).__name__}: {error})"[:500]})
        return
    inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, inbox), daemon=True).start()
    _send(channel, {"ready": {"pid": os.getpid()}})
    _loop(batch, channel, inbox)


def batch_of(model: Any, settings: Embedded) -> Batch:
    """As the profile says, or as suits the model's device."""
    kind = model.device.type
    rows, prefill = settings.batch or ROWS[kind], settings.prefill_tokens or PREFILL[kind]
    tokens = settings.cache_tokens or room(model, settings.processes, _free(kind))
    return Batch(model, rows, prefill, tokens, settings.cuda_graphs)


def _warm(batch: Batch) -> None:
    """A short reply: kernels are compiled and memory is taken before the first request."""
    batch.add(Reply(0, [0], 2, frozenset(), Sampling(0)))
    while batch.busy:
        batch.step()


def _loop(batch: Batch, channel: socket.socket, inbox: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    while True:
        while not (batch.busy and inbox.empty()):
            try:
                message = inbox.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                batch.release()
                message = inbox.get()
            if message is None:
                return
            _take(batch, channel, message)
        said = batch.step()
        if said and not _send(channel, {"said": [[s.id, s.token, s.finish] for s in said], "load": batch.load}):
            return


def _take(batch: Batch, channel: socket.socket, message: dict[str, Any]) -> None:
    if "cancel" in message:
        batch.cancel(message["cancel"])
        return
    sampling = Sampling(message["temperature"], message["top_p"], message["seed"])
    reply = Reply(message["start"], message["prompt"], message["most"], frozenset(message["stop"]), sampling)
    try:
        batch.add(reply)
    except UserError as error:
        _send(channel, {"refused": reply.id, "why": str(error)})


def _listen(channel: socket.socket, inbox: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    """Gives on each line; None at the end."""
    try:
        with channel.makefile("rb") as lines:
            for line in lines:
                inbox.put(json.loads(line))
    except OSError:
        pass
    inbox.put(None)


def _send(channel: socket.socket, message: dict[str, Any]) -> bool:
    """Whether it could be sent."""
    try:
        channel.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return False
    return True


def room(model: Any, processes: int, free: int) -> int:
    """Tokens whose keys and values fit into this process's part of SHARE of the free memory.

    processes: that share the device; the weights of the others may still come. free: bytes, beside the model.
    """
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * heads * size * model.dtype.itemsize
    shared = free - (processes - 1) * model.get_memory_footprint()
    return max(int(SHARE[model.device.type] * shared / processes) // token, BLOCK)


def _free(kind: str) -> int:
    return torch.cuda.mem_get_info()[0] if kind == "cuda" else psutil.virtual_memory().available
