#!/usr/bin/env bash
# transformers 5: repetition_penalty keeps a reply from ending, the more turns a conversation has.
#
# Guess:     `repetition_penalty` in a generation_config keeps a model from repeating itself, and does nothing to a reply
#            that does not.
# Behaviour: what the prompt holds counts as said. In a conversation of several turns the token that ends a turn is in the
#            prompt, so the end of the reply itself is penalised from its first token on, while words that are new are not:
#            a model that would end at once goes on to the limit as soon as one earlier turn has ended. Single prompts
#            without a marked end, on which settings are mostly tried, show nothing. vLLM counts the prompt too. The
#            processor has `prompt_ignore_length`, which no setting of generation_config reaches.
# Version:   transformers 5.23.0, torch 2.13.0, Python 3.11, seen on 2026-11-28:
#            end likelier than a word by 10%, penalty 1.2: 1 token without a penalty, 1 to a single message, 8 (the limit)
#            in a third turn; 1 when only the reply counts
# Source:    this script; vLLM's documentation of SamplingParams.repetition_penalty ("appear in the prompt and the
#            generated text so far").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.23.0 torch==2.13.0
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" - <<'PYTHON'
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, LogitsProcessorList
from transformers import RepetitionPenaltyLogitsProcessor
from transformers.modeling_outputs import CausalLMOutputWithPast

USER, END, FIRST_WORD, MOST = 1, 2, 10, 8


class Constant(LlamaForCausalLM):
    """Ends wherever it may: the end is likelier than each of twenty words, by the same logits every time."""

    def forward(self, input_ids=None, **_):
        logits = torch.full((*input_ids.shape, 32), -9.0)
        logits[..., FIRST_WORD:30] = 1.0
        logits[..., END] = 1.1
        return CausalLMOutputWithPast(logits=logits)


model = Constant(LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                             num_attention_heads=1, num_key_value_heads=1))


def tokens_of_reply(prompt, penalty, **more):
    model.generation_config = GenerationConfig(
        do_sample=False, max_new_tokens=MOST, eos_token_id=END, pad_token_id=0, repetition_penalty=penalty
    )
    ids = torch.tensor([prompt])
    return model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, **more).shape[1] - len(prompt)


one_message, third_turn = [USER, 5], [USER, 5, END, USER, 6, END, USER, 7]
plain = tokens_of_reply(third_turn, 1.0)
single, later = tokens_of_reply(one_message, 1.2), tokens_of_reply(third_turn, 1.2)
reply_only = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(1.2, prompt_ignore_length=len(third_turn))])
meant = tokens_of_reply(third_turn, 1.0, logits_processor=reply_only)
print(f"{plain} token without a penalty, {single} to a single message, {later} (the limit) in a third turn; "
      f"{meant} when only the reply counts")
assert (plain, single, later, meant) == (1, 1, MOST, 1)
PYTHON
