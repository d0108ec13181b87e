"""2- and 4-bit integers of quanto, which are refused by name.

``NAME.weight._data._data`` holds the codes of the weight seen as (groups, group size), two or four
to a byte by blocks of rows, ``NAME.weight._scale`` and ``NAME.weight._shift`` one number a group
(github.com/huggingface/optimum-quanto, tensor/packed.py and tensor/weights/qbits.py). How many
outputs the weight has is in none of them: quanto asks the module that it loads them into.
"""

from collections.abc import Iterator

from ngpt_inspect.quantised._scheme import Recognised, Scheme, refused
from ngpt_inspect.stored import Contents

CODES = "._data._data"
WHY = (
    "packed by quanto in 2 or 4 bits, and its file does not say how many outputs it has:"
    " save dequantize() of it"
)


def _find(contents: Contents) -> Iterator[Recognised]:
    for name, codes in contents.tensors.items():
        base = name.removesuffix(CODES)
        sides = (f"{base}._scale", f"{base}._shift")
        if base != name and all(each in contents.tensors for each in sides):
            yield refused(name, codes, WHY, sides)


QUANTO_PACKED = Scheme(name="quanto, packed", summary="named, not decoded", find=_find)
