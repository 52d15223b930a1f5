"""A model behind a server that speaks OpenAI's chat completions (POST /chat/completions)."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from configs.balance import Generator
from configs.credentials import masked
from configs.errors import UserError
from pipeline.generate.prompt import Prompt
from pipeline.generate.writer import Text

KEY = "PARLANCE_GENERATOR_KEY"
"""Environment variable of the server's key; it is in no profile, artifact or log."""

AT_ONCE = 4
TRIES = 4
PAUSE = 1.0
"""Seconds before the second try; twice as long before each further one."""
SECONDS = 120.0
PASSING = {408, 409, 425, 429, 500, 502, 503, 504}
"""Answers that may be another one a moment later."""


class ServedModel:
    """Asks a server, a few texts at once. Raises UserError, with the remedy, when it does not answer as it should."""

    def __init__(self, settings: Generator) -> None:
        self._settings = settings
        key = os.environ.get(KEY)
        self._client = httpx.Client(timeout=SECONDS, headers={"Authorization": f"Bearer {key}"} if key else {})
        self._url = f"{settings.model.rstrip('/')}/chat/completions"

    def write(self, prompts: list[Prompt], seed: int) -> list[Text]:
        """A text for each prompt."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._one, prompts, range(seed, seed + len(prompts))))

    def _one(self, prompt: Prompt, seed: int) -> Text:
        settings = self._settings
        answer = self._post(
            {
                "model": settings.served_model,
                "messages": [
                    {"role": "system", "content": prompt.instruction},
                    {"role": "user", "content": prompt.shown},
                ],
                "max_tokens": settings.max_tokens,
                "temperature": settings.temperature,
                "seed": seed,
            }
        )
        try:
            choice = answer["choices"][0]
            return Text(str(choice["message"]["content"] or ""), choice.get("finish_reason") != "length")
        except (KeyError, IndexError, TypeError) as error:
            raise self._error(
                "its answer has no choices[0].message.content", "is it a chat completions API?"
            ) from error

    def _post(self, body: dict[str, Any]) -> Any:
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                response = self._client.post(self._url, json=body)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                continue
            if response.status_code in PASSING:
                reason = f"status {response.status_code}"
                continue
            if response.status_code != 200:
                remedy = f"set {KEY}" if response.status_code in (401, 403) else "check address and served_model"
                raise self._error(f"status {response.status_code}: {masked(response.text[:200])}", remedy)
            try:
                return response.json()
            except ValueError as error:
                raise self._error("its answer is not JSON", "is it a chat completions API?") from error
        raise self._error(reason, "start it, or run again later: what was written so far is kept")

    def _error(self, reason: str, remedy: str) -> UserError:
        return UserError(
            f"balance.generator.model: {masked(self._url)} does not answer as it should ({reason}); {remedy}"
        )
