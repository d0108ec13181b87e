"""Ctrl-C and SIGTERM: the step is finished and saved, and the exit code tells why."""

import os
import signal

import pytest
from small_runs import check_whole, results, train_small

from reference_model.errors import Interrupted
from reference_model.train import main
from reference_model.training.trainer import Trainer

GO_ON = "the same command with --resume goes on from the last save\n"


@pytest.fixture
def signalled(monkeypatch):
    """A function that makes the process signal itself in the middle of a step."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run detached
    original = Trainer.take_step

    def arrange(step, *numbers):
        def take_step(trainer):
            metrics = original(trainer)
            for number in numbers if trainer.step == step else ():
                os.kill(os.getpid(), number)
            return metrics

        monkeypatch.setattr(Trainer, "take_step", take_step)

    yield arrange
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_run_loses_no_step(tmp_path, signalled, number, code):
    train_small(tmp_path / "whole")
    signalled(6, number)
    handlers = [signal.getsignal(known) for known in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted, match="interrupted after step 6, which is saved") as caught:
        train_small(tmp_path / "cut")
    assert caught.value.exit_code == code
    assert [signal.getsignal(known) for known in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert check_whole(tmp_path / "cut") == 6  # resume_every is 4
    signalled(0)
    train_small(tmp_path / "cut", resume=True)
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


def test_command_tells_how_it_was_stopped(mini, signalled, capsys):
    command, _, folder = mini
    arguments = [str(a) for a in command(folder / "stopped")]
    arguments[arguments.index("mini")] = "tiny"
    arguments += ["--context-length", "8", "--batch-size", "1", "--resume-every", "50"]
    for step, number, code in ((1, signal.SIGTERM, 143), (2, signal.SIGINT, 130)):
        signalled(step, number)
        assert main(arguments) == code
        assert capsys.readouterr().err == f"interrupted after step {step}, which is saved; {GO_ON}"


def test_second_signal_stops_at_once_and_the_last_save_counts(tmp_path, signalled):
    signalled(6, signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        train_small(tmp_path)
    assert not isinstance(caught.value, Interrupted)
    assert check_whole(tmp_path) == 4


@pytest.mark.parametrize(
    ("step", "number", "ignored"),
    [(12, signal.SIGTERM, False), (6, signal.SIGINT, True)],
    ids=["in the last step", "ignored by who started it"],
)
def test_signal_that_changes_nothing(tmp_path, signalled, step, number, ignored):
    if ignored:
        signal.signal(number, signal.SIG_IGN)
    signalled(step, number)
    train_small(tmp_path)
    assert check_whole(tmp_path) == 12
