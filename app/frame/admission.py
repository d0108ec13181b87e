"""Who may look: those who know the token, or whom the reverse proxy names; as many as may be."""

from __future__ import annotations

import hmac
import threading

import streamlit as st

from ..arguments import Arguments
from .address import asked, write

TOKEN, ADMITTED = "token_of_server", "admitted"
"""Keys of the token: in a link, where it does not stay; and of whether it was right."""


class Seats:
    """How many browser sessions there are now."""

    def __init__(self) -> None:
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, most: int) -> bool:
        """Take a seat, if fewer than so many are taken; 0: there is always one."""
        with self._lock:
            if most and self._taken >= most:
                return False
            self._taken += 1
            return True

    def leave(self) -> None:
        """Give a seat back."""
        with self._lock:
            self._taken -= 1


@st.cache_resource(show_spinner=False)
def seats() -> Seats:
    """Return the seats of this server."""
    return Seats()


def _left(seated: bool) -> None:
    if seated:
        seats().leave()


@st.cache_resource(scope="session", show_spinner=False, on_release=_left)
def _seat(most: int) -> bool:
    return seats().take(most)


def admitted(arguments: Arguments) -> bool:
    """Tell whether this session may see anything; say why not, and ask for a token."""
    if arguments.user_header and not st.context.headers.get(arguments.user_header):
        st.error("The reverse proxy names no user: ask whoever runs this server.")
        return False
    if arguments.token and not _knows(arguments.token):
        return False
    if not _seat(arguments.most_sessions):
        _seat.clear()
        st.error(f"All {arguments.most_sessions} places of this server are taken. Try again later.")
        return False
    return True


def _knows(token: str) -> bool:
    """Tell whether this session has shown the token, in its link or in the box."""
    told = asked(TOKEN) or str(st.session_state.get("token box") or "")
    if told and hmac.compare_digest(told.encode(), token.encode()):
        st.session_state[ADMITTED] = True
    if asked(TOKEN):
        write({TOKEN: None})
    if st.session_state.get(ADMITTED):
        return True
    st.title("ngpt-inspect")
    st.text_input("Token of this server", key="token box", type="password")
    if told:
        st.error("That is not the token.")
    return False
