"""What a page says while nothing is open."""

import streamlit as st

QUESTIONS = {
    "Are the embeddings collapsing?": "Norms, covariance spectrum and dot products of all tokens.",
    "Which heads lose rank?": "Condition numbers and singular values, head by head.",
    "How large a step does each block take?": "Eigen learning rates and scaling factors of nGPT.",
    "Is it still on the hypersphere?": "Which matrices are unit norm, and how far off the others.",
    "How does run A differ from run B?": "Every fact and every figure side by side.",
}


def draw_welcome() -> None:
    """Say what the dashboard answers, and how to open something."""
    st.markdown(
        "#### What is inside GPT and nGPT checkpoints, from the files alone\n"
        "No model code is run, and no tensor leaves this machine."
    )
    for column, (question, answer) in zip(
        st.columns(len(QUESTIONS)), QUESTIONS.items(), strict=True
    ):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{question}**")
            st.caption(answer)
    st.subheader("Open a checkpoint", anchor=False)
    st.markdown(
        "Pick one on the left: type its path, choose among those found, or send a small file. "
        "Or name them when you start, any number side by side:"
    )
    st.code("streamlit run app/dashboard.py -- runs/demo/gpt runs/demo/ngpt", language="bash")
    st.markdown(
        "A checkpoint is a file (`.safetensors`, `.pt`, `.bin`), a folder that holds a model, or "
        "the folder of a training run, which means its last step.\n\n"
        "None at hand? This trains a small GPT and a small nGPT and opens both:"
    )
    st.code("make demo", language="bash")
