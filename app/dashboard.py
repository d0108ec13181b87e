"""The dashboard: ``streamlit run app/dashboard.py -- CHECKPOINT... [--root FOLDER]``.

Streamlit imports this file once, to serve the app it names, and runs it as a script at every visit.
"""

import sys
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import streamlit as st

# It lies in `app` in a clone and in `ngpt_inspect.app` where it was installed: which one, its
# folders say.
_HERE = Path(__file__).resolve()
_PACKAGES = [*takewhile(lambda folder: (folder / "__init__.py").is_file(), _HERE.parents)]
if (_ROOT := str(_PACKAGES[-1].parent)) not in sys.path:
    sys.path.insert(0, _ROOT)
_PACKAGE = ".".join(folder.name for folder in reversed(_PACKAGES))

if __name__ == "__main__":
    import_module(f"{_PACKAGE}.visit").visit()
else:
    _serving = import_module(f"{_PACKAGE}.serving")
    _lifespan = _serving.ready_for(sys.argv[1:])
    app = st.App(_HERE, lifespan=_lifespan, middleware=_serving.MIDDLEWARE)
