"""What each token id stands for, from the tokenizer.json that lies beside a checkpoint."""

from ngpt_inspect.tokens.quoting import shown_bytes, shown_text
from ngpt_inspect.tokens.texts import TokenTexts, token_texts, tokenizer_file

__all__ = ["TokenTexts", "shown_bytes", "shown_text", "token_texts", "tokenizer_file"]
