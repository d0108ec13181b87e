"""``python -m reference_model.evaluate``."""

import sys

from reference_model.evaluate.command import main

if __name__ == "__main__":
    sys.exit(main())
