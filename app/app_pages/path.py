"""Where each block takes the hidden state of a token, on the hypersphere."""

import streamlit as st

from app.blocks.paths import ask_prompt, draw_paths, draw_refusals
from app.frame.session import current, current_places
from app.frame.welcome import draw_welcome
from app.views.paths import find

checkpoints, places = current(), current_places()
st.title("Path on the hypersphere")
if places:
    st.markdown(
        "The paper reads nGPT as an optimiser: the hidden state of each token starts at its input "
        "embedding, and every block moves it on the hypersphere towards what the block suggests, "
        "to end near the output embedding of the token that follows (section 2.2.2, equations 10 "
        "and 11). A GPT's hidden states have any length; here only their directions count."
    )
    paths = find(checkpoints, places, ask_prompt())
    if paths is None:
        st.caption("Not followed yet.")
    else:
        draw_refusals(paths)
        if paths.labels:
            draw_paths(paths)
else:
    draw_welcome()
