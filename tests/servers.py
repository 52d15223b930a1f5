"""A server on a real port, and a tiny model that never ends a reply by itself."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import torch
import uvicorn
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from configs.load import load_profile
from pipeline.contract.chat_template import CHAT_TEMPLATE, SPECIAL_TOKENS
from serving.app import ServingSettings, create_app
from serving.listening import listen

torch.set_num_threads(1)
WORDS = "Hello there, how are you today? I am well and like long walks by the sea. "
FILTERS = ("offensive_in", "offensive_out", "personal_data_in", "personal_data_out", "prompt_leak_out")
PLAIN = [f"serving.filter.{name}=ignore" for name in FILTERS]


class Server:
    """One that runs in a thread. url: its address. app: the application."""

    def __init__(self, root: Path, overrides: list[str], dialogue: Any = None) -> None:
        profile = load_profile("demo", ["serving.embedded.threads=1", "serving.follow_seconds=0.2", *overrides])
        socket = listen("127.0.0.1", 0)
        self.app = create_app(ServingSettings(profile, root), dialogue)
        self.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(self.app, log_level="warning", timeout_graceful_shutdown=2))
        self._thread = threading.Thread(target=lambda: self._server.run(sockets=[socket]), daemon=True)
        self._thread.start()
        wait(lambda: self._server.started or not self._thread.is_alive(), 120)
        assert self._server.started, self.app.state.failed

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    @property
    def engine(self) -> Any:
        """The first engine of the model that is served."""
        return self.app.state.served.current.engines[0]

    def ask(self, text: str = "Hello!", headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        body = {"model": "parlance-chat", "messages": [{"role": "user", "content": text}], "max_tokens": 8} | fields
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=60)


def wait(holds: Callable[[], Any], seconds: float = 20) -> None:
    """Raises AssertionError when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def write_model(folder: Path, seed: int = 0, positions: int = 4096) -> Path:
    """A folder as promote leaves it, with random weights."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL_TOKENS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([WORDS], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL_TOKENS[0],
        eos_token="<|eot_id|>",
        pad_token="<|pad|>",
        chat_template=CHAT_TEMPLATE,
        model_max_length=positions,
    )
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=positions,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():  # never says a special token: their logits are 0, the largest of the others about 20
        model.lm_head.weight.mul_(60)
        model.lm_head.weight[fast.all_special_ids] = 0.0
    model.save_pretrained(folder)
    return folder
