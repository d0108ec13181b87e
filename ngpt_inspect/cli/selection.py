"""What the words of a command line mean: layers, names and constants."""

from ngpt_inspect.errors import WrongOption

MOST_LAYERS = 100_000
"""No model has more; a longer range is a slip of the finger."""


def layers_named(text: str | None) -> list[int] | None:
    """Return the layers of ``0-3,7``."""
    if text is None:
        return None
    layers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = (first, last if dash else first)
        start, stop = map(int, ends) if all(end.strip().isdecimal() for end in ends) else (0, -1)
        if not 0 <= stop - start < MOST_LAYERS:
            raise WrongOption(f"{part!r} names no layers", where="--layers", next_step="say 0-3,7")
        layers += range(start, stop + 1)
    return layers


def names(text: str | None) -> list[str] | None:
    """Return the names of a list with commas."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def constants_named(words: list[str] | None) -> dict[str, float]:
    """Return the numbers of ``base_scale=0.03``."""
    given = {}
    for word in words or []:
        name, sign, value = word.partition("=")
        try:
            given[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise WrongOption(
                f"{word!r} is no name with a number", where="--constant", next_step="say NAME=0.05"
            )
    return given
