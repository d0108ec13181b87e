"""A pickle read as data: nothing is imported, nothing is called.

Python's unpickler is a small machine that imports and calls what the file names. This one runs
the same instructions, but a global stays a name (`Global`), an object stays a record of its
class name and state (`Record`), and a call is handed to a function of ours that knows the few
calls torch and NumPy make, and refuses every other.
"""

import pickletools
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from ngpt_inspect.formats.pickles._machine import Call, Lookup, Machine
from ngpt_inspect.formats.pickles.records import PickleFault

MOST_INSTRUCTIONS = 2_000_000
"""Some 60,000 tensors; a few seconds."""
OPCODES = {
    opcode.code.encode("latin1"): (opcode.name, opcode.arg.reader if opcode.arg else None)
    for opcode in pickletools.opcodes
}
"""Name, and reader of the argument if there is one, by the byte of the instruction."""


def load(data: bytes, call: Call, persistent: Lookup, most_instructions: int | None = None) -> Any:
    """Run the instructions of a pickle (protocols 2 to 5) and return what they build.

    Parameters
    ----------
    data
        The pickle.
    call
        Given the callable's name and its arguments, returns the result or raises PickleFault.
    persistent
        Given a persistent id, returns the object kept outside the pickle.
    most_instructions
        Where to stop; by default after `MOST_INSTRUCTIONS`.

    Raises
    ------
    PickleFault
        Damaged, too long, or `call` refused.
    """
    machine = Machine(call, persistent)
    limit = most_instructions or MOST_INSTRUCTIONS
    try:
        for count, (name, argument) in enumerate(_instructions(data)):
            if count == limit:
                raise PickleFault(f"it has more than {limit} instructions")
            machine.step(name, argument)
        (value,) = machine.stack
    except (ValueError, LookupError, TypeError, OverflowError, struct.error) as error:
        raise PickleFault(f"it is damaged ({str(error) or type(error).__name__})") from error
    return value


def _instructions(data: bytes) -> Iterator[tuple[str, Any]]:
    """Yield each instruction's name and argument, as `pickletools.genops` does.

    Unlike there, one the machine does not have is refused before its argument is read, and the
    names of globals are taken as they are written, as Python's unpickler takes them.
    """
    stream = BytesIO(data)
    while code := stream.read(1):
        if code not in OPCODES:
            raise ValueError(f"no instruction has the code {code!r}")
        name, reader = OPCODES[code]
        if name not in Machine.actions:
            raise PickleFault(f"it uses the instruction {name}, which weights never need")
        if name == "GLOBAL":
            yield name, (_line(stream), _line(stream))
        else:
            yield name, reader(stream) if reader else None
        if name == "STOP":
            return
    raise ValueError("it ends before its last instruction")


def _line(stream: BytesIO) -> str:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise ValueError("it ends within a name")
    return line[:-1].decode()
