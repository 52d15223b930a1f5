"""What tokenise writes into its artifact and training and evaluation rely on, besides its columns."""

UNLEARNED = -100
"""The label of a token that does not count in the loss; `ignore_index` of torch's cross-entropy."""

PADDING = -1
"""The document id of a token that fills up a sequence."""

END_OF_TURN = "<|eot_id|>"
"""The special token that ends a turn, and a reply."""
