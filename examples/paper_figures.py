"""Draw the figures and tables of arXiv 2410.01131, each with the numbers behind it.

    python examples/paper_figures.py runs/demo/gpt runs/demo/ngpt results/tiny -o figures/

Takes checkpoints, folders of training runs and results of experiments, in any mixture. Writes one
file a figure and format, and beside it the CSV the figure was drawn from. Change `PAPER` to draw
others: `ngpt_inspect.FIGURES` names them all.
"""

import argparse
import sys

import ngpt_inspect as ni

PAPER = {
    "loss_curves": "Figure 1",
    "final_losses": "Figure 2",
    "speed_up": "the factors of Figures 1 and 2",
    "downstream_accuracy": "Figures 3, 8 and 9",
    "embeddings": "Figure 4",
    "condition_numbers": "Figure 5",
    "learned_scales": "Figure 6",
    "learning_rates": "Figure 7",
    "normalized_condition_numbers": "Figure 10",
    "queries_and_keys": "Figures 11 and 12",
    "longer_context": "Figure 13",
    "learned_distributions": "Figure 14",
    "step_time": "section A.4",
    "ablations": "Tables 4 to 6",
}


def main() -> int:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description="Draw the paper's figures and tables.")
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="checkpoint, run or results")
    parser.add_argument("-o", "--output", default="figures", help="folder for the files")
    parser.add_argument("--formats", default="pdf,png", help="of html, pdf, png, svg, json")
    parser.add_argument("--width", default="two", help="columns of a page: one or two")
    options = parser.parse_args()
    try:
        formats = options.formats.split(",")
        for drawn in ni.save_figures(
            options.sources, options.output, formats, names=list(PAPER), width=options.width
        ):
            print(f"{PAPER[drawn.name]}: {drawn}")
    except ni.InspectError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
