"""Where each block takes the hidden state of a token, on the hypersphere."""

import streamlit as st

from app.blocks.figures import draw_wide
from app.blocks.paths import ask_prompt, choose_token, draw_predictions
from app.frame.controls import choose_options
from app.frame.session import current, current_places
from app.frame.text import plain
from app.frame.welcome import draw_welcome
from app.views.paths import find

checkpoints, places = current(), current_places()
st.title("Path on the hypersphere")
if not places:
    draw_welcome()
    st.stop()
st.markdown(
    "The paper reads nGPT as an optimiser: the hidden state of each token starts at its input "
    "embedding, and every block moves it on the hypersphere towards what the block suggests, "
    "to end near the output embedding of the token that follows (section 2.2.2, equations 10 "
    "and 11). A GPT's hidden states have any length; here only their directions count."
)
paths = find(checkpoints, places, ask_prompt())
for refusal in paths.refusals:
    st.info(plain(refusal), icon=":material/info:")
if not paths.labels:
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    token = choose_token(paths.table)
    centre = choose_options("path_projection")
one = {} if token is None else {"token": token}
draw_wide("path_angles", paths.table, paths.key, paths.labels, options=one)
draw_wide("path_projection", paths.table, paths.key, paths.labels, options=one | centre)
draw_predictions(paths, token)
