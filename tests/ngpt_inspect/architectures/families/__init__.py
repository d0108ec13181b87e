"""Every family of checkpoints, written from its documented layout, one file a kind.

A builder writes a tiny model whose effective numbers are known and says what must be found.
"""

from __future__ import annotations

import importlib
import pkgutil

from families.known import Family

FAMILIES: dict[str, Family] = {
    family.name: family
    for module in pkgutil.iter_modules(__path__)
    if module.name != "known"
    for family in importlib.import_module(f"families.{module.name}").FAMILIES
}
"""Each layout, by a name to call the test by."""
