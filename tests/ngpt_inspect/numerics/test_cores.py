import os
import re
import threading
from pathlib import Path

import pytest
import torch
from draws import normal

import ngpt_inspect
from ngpt_inspect import cli
from ngpt_inspect.cli import commands
from ngpt_inspect.numerics.cores import cores, meanwhile, one_core_each, side_by_side


def test_the_command_line_alone_says_how_threads_wait_and_a_user_goes_first(monkeypatch):
    monkeypatch.setattr(commands, "narrowed", lambda words: lambda: None)
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


def test_one_goes_on_beside_another_where_there_are_two_cores():
    meeting, here = threading.Barrier(2), threading.get_ident()

    def meet():
        meeting.wait(30)
        return threading.get_ident() == here, torch.get_num_threads()

    def fail():
        raise FloatingPointError

    with cores(3):
        assert meanwhile(meet, meet) == ((True, 3), (False, 1))
        assert torch.get_num_threads() == 3
        with pytest.raises(FloatingPointError):
            meanwhile(lambda: None, fail)
    with cores(1):
        assert meanwhile(threading.get_ident, threading.get_ident) == (here, here)


def test_no_more_threads_than_torch_takes():
    here = threading.get_ident()
    with cores(1), side_by_side(8) as mapped:
        assert list(mapped(lambda _: threading.get_ident(), range(3))) == [here] * 3


@pytest.mark.parametrize("operation", [torch.linalg.eigvalsh, torch.linalg.eigh, torch.linalg.qr])
@pytest.mark.parametrize("shape", [(40, 40), (1, 40, 40), (11, 24, 24)], ids=str)
def test_a_stack_is_decomposed_as_its_matrices_are_whatever_the_threads(operation, shape):
    w = normal(*shape)
    w = w @ w.mT
    expected = operation(w)
    seen = []

    def watched(x):
        seen.append(torch.get_num_threads())
        return operation(x)

    for threads in (1, 3):
        with cores(threads):
            found = one_core_each(watched, w)
        both = (found, expected) if isinstance(found, tuple) else ([found], [expected])
        assert all(torch.equal(*pair) for pair in zip(*both, strict=True))
    assert set(seen) == {1}


def test_what_waits_for_its_threads_is_not_called_on_all_cores():
    waits = re.compile(r"linalg\.(eigh|eigvalsh|qr|svd|svdvals)\((?!.*driver=)")  # a GPU's driver
    for file in Path(ngpt_inspect.__file__).parent.rglob("*.py"):
        found = waits.search(file.read_text("utf-8"))
        assert not found, f"{file}: {found}: hand it to `one_core_each`"
