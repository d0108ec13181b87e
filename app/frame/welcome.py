"""What a page says while nothing is open."""

import streamlit as st

QUESTIONS = {
    "Are the embeddings collapsing?": "Norms, covariance spectrum and dot products of all tokens.",
    "Which heads lose rank?": "Condition numbers and singular values, head by head.",
    "How large a step does each block take?": "Eigen learning rates and scaling factors of nGPT.",
    "Is it still on the hypersphere?": "Which matrices are unit norm, and how far off the others.",
    "Is training going well?": "Losses, speed-up, and any measure over the saved steps.",
    "How does run A differ from run B?": "Every fact and every figure side by side.",
}

A_ROW = 3
TRAIN = "python -m reference_model.train --model {0} --out runs/demo/{0}"


def draw_welcome() -> None:
    """Say what the dashboard answers, and how to open something."""
    st.markdown(
        "What is inside GPT and nGPT checkpoints, from the files alone: any number side by side, "
        "and no code of a model is run."
    )
    questions = list(QUESTIONS.items())
    for first in range(0, len(questions), A_ROW):
        row = zip(st.columns(A_ROW), questions[first : first + A_ROW], strict=True)
        for column, (question, answer) in row:
            with column.container(border=True, height="stretch"):
                st.markdown(f"**{question}**")
                st.caption(answer)
    st.subheader("Open a checkpoint", anchor=False)
    st.markdown(
        "Pick one on the left: type its path, choose among those found, or send a small file. "
        "Or name them when you start, any number side by side:"
    )
    st.code("ngpt-inspect dashboard runs/demo/gpt runs/demo/ngpt", language="bash", wrap_lines=True)
    st.markdown(
        "A checkpoint is a file (`.safetensors`, `.pt`, `.bin`), a folder that holds a model, or "
        "the folder of a training run, which means its last step.\n\n"
        "None at hand? These train a small GPT and a small nGPT, in a few minutes:"
    )
    st.code(
        "\n".join(TRAIN.format(name) for name in ("gpt", "ngpt")), language="bash", wrap_lines=True
    )
