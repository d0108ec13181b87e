import pytest
from forked_runs import ForkedRuns
from small_runs import make_data, results


@pytest.fixture
def data():
    return make_data()


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{i} times {i} is {i * i}\n" for i in range(3000)))
    return path


@pytest.fixture(scope="session")
def forked():
    runs = ForkedRuns()
    yield runs
    runs.close()


@pytest.fixture(scope="session")
def mini(forked, tmp_path_factory):
    """A function of a folder that gives a short command, and the results it must end with."""
    folder = tmp_path_factory.mktemp("mini")
    (folder / "text.txt").write_text("".join(f"{i} times {i} is {i * i}\n" for i in range(300)))
    command = ["--model", "ngpt", "--preset", "mini", "--tokenizer", "bytes", "--resume"]
    command += ["--data", folder / "text.txt", "--precision", "float32", "--validation-every", 2]
    command += ["--resume-every", 1, "--checkpoint-every", 1]
    assert forked([*command, "--out", folder / "whole"])[0] == 0
    return lambda out: [*command, "--out", out], results(folder / "whole"), folder
