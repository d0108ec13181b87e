import os
import threading

import torch

from ngpt_inspect import cli
from ngpt_inspect.cli import commands
from ngpt_inspect.numerics.cores import cores, side_by_side


def test_the_command_line_alone_says_how_threads_wait_and_a_user_goes_first(monkeypatch):
    monkeypatch.setattr(commands, "app", lambda: None)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    cli.main()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    cli.main()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")


def test_items_are_worked_on_at_once_with_one_core_each():
    meeting = threading.Barrier(2)

    def meet(number):
        meeting.wait(30)
        return number, torch.get_num_threads()

    with cores(2), side_by_side(2) as mapped:
        assert list(mapped(meet, [0, 1])) == [(0, 1), (1, 1)]


def test_no_more_threads_than_torch_takes():
    here = threading.get_ident()
    with cores(1), side_by_side(8) as mapped:
        assert list(mapped(lambda _: threading.get_ident(), range(3))) == [here] * 3
