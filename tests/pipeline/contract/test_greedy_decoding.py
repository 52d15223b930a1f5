"""What replies are made of, beside the model."""

from typing import Any

import torch

from pipeline.contract.greedy_decoding import without_repetition

END = 2


def test_only_what_the_reply_has_said_is_penalised_so_that_earlier_turns_do_not_keep_it_from_ending() -> None:
    prompt, reply = [5, END, 6, END], [7, 8]
    said: Any = torch.tensor([prompt + reply])
    (penalised,) = without_repetition(len(prompt), 1.2)(said, torch.ones(1, 10))
    assert penalised[[5, 6, END]].tolist() == [1, 1, 1]
    assert penalised[reply].tolist() == torch.tensor([1 / 1.2] * 2).tolist()
