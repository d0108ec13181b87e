"""A pickle read as data: nothing is imported, nothing is called.

Python's unpickler is a small machine that imports and calls what the file names. This one runs
the same instructions, but a global stays a name (`Global`), an object stays a record of its
class name and state (`Record`), and a call is handed to a function of ours that knows the few
calls torch and NumPy make, and refuses every other.
"""

from __future__ import annotations

import pickletools
import struct
from typing import Any

from ngpt_inspect.formats._pickle_machine import Call, Lookup, Machine
from ngpt_inspect.formats._records import PickleFault

MOST_INSTRUCTIONS = 3_000_000
"""Some 70,000 tensors; a few seconds."""


def load(data: bytes, call: Call, persistent: Lookup) -> Any:
    """Run the instructions of a pickle (protocols 2 to 5) and return what they build.

    Parameters
    ----------
    data
        The pickle.
    call
        Given the callable's name and its arguments, returns the result or raises PickleFault.
    persistent
        Given a persistent id, returns the object kept outside the pickle.

    Raises
    ------
    PickleFault
        Damaged, too long, or `call` refused.
    """
    machine = Machine(call, persistent)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count == MOST_INSTRUCTIONS:
                msg = f"it has more than {MOST_INSTRUCTIONS} instructions"
                raise PickleFault(msg)
            machine.step(opcode.name, argument)
        (value,) = machine.stack
    except (ValueError, LookupError, TypeError, OverflowError, struct.error) as error:
        msg = f"it is damaged ({str(error) or type(error).__name__})"
        raise PickleFault(msg) from error
    return value
