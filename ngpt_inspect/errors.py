"""What goes wrong for a user: what, where, and what to do next, in one line."""


class InspectError(Exception):
    """A mistake or a fault of the input that the user can act on.

    Parameters
    ----------
    what
        The fact, in plain words: "the header is cut short".
    where
        The file, tensor, layer or option it is about. Empty when `what` says it.
    next_step
        What to do now. Empty only when there is nothing to be done.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> try:
    ...     ni.measure("runs/gpt", "condition_numbers", roles="W_Q")
    ... except ni.InspectError as error:
    ...     print(error)  # doctest: +ELLIPSIS
    no role 'W_Q'; did you mean W_q? there are E_input, E_output, W_q, ...
    """

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what = what
        self.where = where
        self.next_step = next_step
        super().__init__(what, where, next_step)

    def __str__(self) -> str:
        """One line: ``where: what; next step``; what cannot be printed is written as an escape.

        Names come from files: a terminal must not obey them, and a line must stay one.
        """
        line = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{line}; {self.next_step}" if self.next_step else line
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel whole between processes (keyword arguments do not by themselves)."""
        return _rebuild, (type(self), self.what, self.where, self.next_step)


def _rebuild(kind: type[InspectError], what: str, where: str, next_step: str) -> InspectError:
    return kind(what, where=where, next_step=next_step)


class UnreadableFile(InspectError):
    """The bytes are not a checkpoint that can be read safely."""


class Unreachable(UnreadableFile):
    """Whoever keeps the file does not answer."""


class UnknownArchitecture(InspectError):
    """The tensors are readable, but their names fit no declared model family, or several."""


class MissingRole(InspectError):
    """The checkpoint has no such layer, role or constant."""


class WrongOption(InspectError):
    """An option or an argument that cannot be meant."""


class MissingLibrary(InspectError):
    """An optional dependency is needed and absent."""
