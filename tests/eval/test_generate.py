from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from eval.generate import encode_prompt, greedy_replies
from pipeline.contract.progress import Progress

from .conftest import PAIRS


def test_replies_do_not_depend_on_what_else_is_in_the_batch(
    trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    prompts = [encode_prompt(tokenizer, [{"role": "user", "content": question}], 100) for question, _ in PAIRS]
    assert len({len(prompt) for prompt in prompts}) > 1
    together = greedy_replies(trained, tokenizer, prompts, 20, 6, Progress("", 6))
    one_by_one = greedy_replies(trained, tokenizer, prompts, 20, 1, Progress("", 6))
    assert together == one_by_one == [answer for _, answer in PAIRS]
