"""What went wrong, where, and what to do next: one line each."""


class UsageError(ValueError):
    """A mistake in what was asked for: a bad option, path, or combination of them."""


class DivergenceError(RuntimeError):
    """The loss or the gradient stopped being finite, so training was stopped."""
