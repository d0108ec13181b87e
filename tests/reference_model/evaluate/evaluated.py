"""Small trained-looking models with a tokenizer, and their log-likelihoods in float64 NumPy."""

import numpy as np
import plain_models
from small_runs import make_config, make_train_config, shake

from reference_model.checkpoint import save_checkpoint
from reference_model.data.tokens import ByteTokenizer
from reference_model.model import build_model
from reference_model.trained import open_trained

LOGITS = {"gpt": plain_models.gpt_logits, "ngpt": plain_models.ngpt_logits}
CONTEXT = 24


def write_run(folder, architecture, words=None, step=7, **changes):
    """Write the folder of a run whose model is far from its beginning."""
    words = words or ByteTokenizer()
    shape = {"vocab_size": words.vocab_size, "context_length": CONTEXT} | changes
    model = shake(build_model(make_config(architecture, **shape)))
    training = make_train_config(steps=12)
    save_checkpoint(folder, model, training, step=step, tokens=step * 4 * CONTEXT)
    (folder / "tokenizer.json").write_text(words.to_json())
    return folder


class Plain:
    """The same model by its equations, one sequence at a time."""

    def __init__(self, folder, max_length=None):
        trained = open_trained(folder)
        self.words, self.config = trained.words, trained.header.model_config()
        state = trained.model.state_dict()
        self.weights = {name: value.double().numpy() for name, value in state.items()}
        self.forward = LOGITS[trained.header.architecture]
        self.most = max_length or self.config.context_length

    def log_p(self, tokens):
        """Return log p of every next token at every position: [T, V]."""
        logits = self.forward(self.weights, self.config, np.array(tokens))
        shifted = logits - logits.max(1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))

    def score(self, context, continuation):
        """Return log p of a continuation after the end of its context, and whether it is greedy."""
        tokens = [*context, *continuation][-(self.most + 1) :]
        found = self.log_p(tokens[:-1])[-len(continuation) :]
        each = [found[at, token] for at, token in enumerate(continuation)]
        return sum(each), [*found.argmax(1)] == [*continuation]

    def rolling(self, tokens):
        """Return the sum of log p of all tokens, each predicted once, after as many as fit.

        Whole windows from the start, each after the last token of the one before; the last
        reaches back as far as one can read.
        """
        stream, total, at = [0, *tokens], 0.0, 0
        while at < len(tokens):
            end = min(at + self.most, len(tokens))
            start = max(0, end - self.most)
            found = self.log_p(stream[start:end])
            total += sum(found[n - start, tokens[n]] for n in range(at, end))
            at = end
        return total

    def say(self, tokens, most, stops):
        """Return the most likely text, token by token."""
        said = []
        while len(said) < most:
            token = int(self.log_p([*tokens, *said])[-1, : self.words.vocab_size].argmax())
            if token == 0:
                break
            said.append(token)
            text = self.words.decode(said)
            cut = min((text.find(stop) for stop in stops if stop in text), default=None)
            if cut is not None:
                return text[:cut]
        return self.words.decode(said)
