"""No number depends on how coarse a process lets products in float32 be."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
import torch

from ngpt_inspect.numerics.clouds import isotropy
from ngpt_inspect.numerics.conditioning import condition_numbers
from ngpt_inspect.numerics.neighbours import Closest
from ngpt_inspect.numerics.pairs import all_pairs
from ngpt_inspect.numerics.pairwise import Dots
from ngpt_inspect.numerics.precision import full_products
from ngpt_inspect.numerics.sampled_pairs import sampled_nearest
from ngpt_inspect.numerics.spread import Covering


@contextmanager
def coarse_for_all():
    torch.set_float32_matmul_precision("medium")
    try:
        yield
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@contextmanager
def coarse_for_one():
    matmul = getattr(torch.backends.mkldnn, "matmul", None)
    if not hasattr(matmul, "fp32_precision"):
        pytest.skip("this torch has one setting for all backends")
    matmul.fp32_precision = "bf16"
    try:
        yield
        assert matmul.fp32_precision == "bf16"
    finally:
        torch.set_float32_matmul_precision("highest")


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


SETTINGS = [coarse_for_all, coarse_for_one, autocast]


def everything():
    x = torch.randn(400, 330, generator=torch.Generator().manual_seed(1)) + 0.2
    return (
        all_pairs(x, [Dots(), Dots(normalize=True), Closest(0.5), Covering(3)]),
        isotropy(x),
        sampled_nearest(x, 0.5, budget=1e7),
        condition_numbers(x.unsqueeze(0)),
    )


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.__name__)
def test_numbers_are_the_same(setting):
    plain = everything()
    with setting():
        assert str(everything()) == str(plain)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.__name__)
def test_products_inside_are_of_float32(setting):
    a = torch.randn(256, 256, generator=torch.Generator().manual_seed(2))
    plain = a @ a
    with setting(), full_products():
        assert torch.equal(a @ a, plain)


def test_the_last_thread_that_leaves_sets_it_back():
    meeting = Barrier(2)

    a = torch.randn(256, 256, generator=torch.Generator().manual_seed(2))
    plain = a @ a

    def work(longer):
        with full_products():
            meeting.wait(30)
            if longer:
                meeting.wait(30)
                return torch.equal(a @ a, plain)
        meeting.wait(30)
        return None

    with coarse_for_all(), ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [True, False])) == [True, None]


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch before 2.9")
def test_what_is_inherited_stays_so():
    """A process that says it of all backends afterwards is heard."""
    matmul = torch.backends.mkldnn.matmul
    for said in ("none", "bf16"):
        matmul.fp32_precision, torch.backends.fp32_precision = "none", said
        try:
            everything()
            torch.backends.fp32_precision = "tf32"
            assert matmul.fp32_precision == "tf32"
        finally:
            torch.backends.fp32_precision = "none"


def test_what_another_thread_says_meanwhile_stays():
    with full_products():
        torch.set_float32_matmul_precision("medium")
    try:
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
