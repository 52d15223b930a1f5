"""How a conversation becomes one text: the chat template, in the form of Llama 3.

<|begin_of_text|><|start_header_id|>user<|end_header_id|>

Hello<|eot_id|><|start_header_id|>assistant<|end_header_id|>

Hi!<|eot_id|>

Source of the form: the Llama 3 model card, "Prompt format"; of the header of what a tool returned, that of Llama 3.1.
"""

from pipeline.contract.tokenised import END_OF_TURN

BEGIN = "<|begin_of_text|>"
HEADER_START = "<|start_header_id|>"
HEADER_END = "<|end_header_id|>"
END_OF_TEXT = "<|end_of_text|>"
PAD = "<|pad|>"

SPECIAL_TOKENS = [BEGIN, HEADER_START, HEADER_END, END_OF_TURN, END_OF_TEXT, PAD]

HEADERS = {"tool": "ipython"}
"""Roles whose header has another name."""

AFTER_HEADER = "\n\n"
"""Between a header and the content. The content is stripped, so no token straddles the border."""

CHAT_TEMPLATE = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{%- set header = 'ipython' if message['role'] == 'tool' else message['role'] -%}"
    "{{- '<|start_header_id|>' + header + '<|end_header_id|>\n\n' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] | trim + '<|eot_id|>' -}}{%- endgeneration -%}"
    "{%- else -%}"
    "{{- message['content'] | trim + '<|eot_id|>' -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}"
    "{%- endif -%}"
)
"""Jinja, as transformers' apply_chat_template reads it; {% generation %} marks what is learned."""
