"""Draw the figures of arXiv 2410.01131 from checkpoints, each with the numbers behind it.

    python examples/paper_figures.py runs/demo/gpt runs/demo/ngpt -o figures/ --formats pdf,png

Writes one file a figure and format, and beside it the CSV the figure was drawn from. Change
`PAPER` to draw others: `ngpt_inspect.FIGURES` names them all.
"""

import argparse
import sys

from ngpt_inspect import InspectError
from ngpt_inspect.gallery import draw_all

PAPER = ("embeddings", "condition_numbers", "learned_scales", "vector_norms", "singular_values")
"""Figures 4, 5 and 6, and the left and right columns of 11 and 12."""


def main() -> int:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description="Draw the paper's figures from checkpoints.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="checkpoint, model or run folder")
    parser.add_argument("-o", "--output", default="figures", help="folder for the files")
    parser.add_argument("--formats", default="pdf,png", help="of html, pdf, png, svg, json")
    options = parser.parse_args()
    try:
        formats = options.formats.split(",")
        for drawn in draw_all(options.runs, options.output, formats, names=PAPER):
            print(drawn)
    except InspectError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
