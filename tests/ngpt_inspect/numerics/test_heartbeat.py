"""How far a computation is reaches the listener, and only the listener."""

import threading

import pytest

from ngpt_inspect.numerics.heartbeat import beat, heard_by, part


def test_parts_of_parts_add_up():
    heard = []
    with heard_by(heard.append):
        beat(1, 4)
        for number in range(2):
            with part(number, 1, 2), part(3, 3, 6):
                beat(0, 3)
                beat(3, 3)
    assert heard == [0.25, 0.25, 0.5, 0.75, 1.0]


def test_nobody_listens_before_and_after():
    heard = []
    beat(1, 2)
    with part(0, 1, 2):
        beat(1, 2)
    with heard_by(heard.append):
        pass
    beat(1, 2)
    assert heard == []


def test_nothing_to_do_is_not_told():
    heard = []
    with heard_by(heard.append):
        beat(0, 0)
    assert heard == []


def test_a_listener_can_end_the_work():
    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), heard_by(stop):
        beat(1, 2)
    beat(1, 2)


def test_another_thread_is_not_heard():
    heard = []
    with heard_by(heard.append):
        thread = threading.Thread(target=beat, args=(1, 2))
        thread.start()
        thread.join()
    assert heard == []
