"""What may not stand right beside a number that is a whole one."""

UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Thai, Lao, Burmese, Khmer, kana, Chinese characters and Hangul, whose words follow a number without a space."""

LETTER = rf"[^\W{UNSPACED}]"
"""A letter, digit or underscore of a script that puts spaces between words."""
