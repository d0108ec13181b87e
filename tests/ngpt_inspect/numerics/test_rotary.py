import math

import pytest

from ngpt_inspect.numerics.rotary import lengthening, sharpening

DEEPSEEK = {"type": "yarn", "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707}


@pytest.mark.parametrize(
    ("rope", "longest", "original", "expected"),
    [
        ({}, None, None, 1),
        ({"rope_type": "llama3", "factor": 8.0}, None, None, 1),
        ({"rope_type": "yarn", "factor": 32.0}, None, None, 0.1 * math.log(32) + 1),
        ({"rope_type": "yarn"}, 128, 32, 0.1 * math.log(4) + 1),
        ({"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.5}, None, None, 1.5),
        ({"rope_type": "yarn", "factor": 0.5}, None, None, 1),
        (DEEPSEEK, None, None, 1),
        (DEEPSEEK | {"mscale": 1.0}, None, None, 1.3688879 / 1.2608038),
        ({"type": "su"}, 131072, 4096, math.sqrt(1 + 5 / 12)),
        ({"rope_type": "longrope"}, 4096, 4096, 1),
    ],
)
def test_the_factor_of_cosines_and_sines(rope, longest, original, expected):
    assert lengthening(rope, longest, original) == pytest.approx(expected, rel=1e-7)


def test_latent_attention_sharpens_its_softmax():
    assert sharpening(DEEPSEEK) == pytest.approx(1.2608038**2, rel=1e-7)
    assert sharpening({"rope_type": "yarn", "factor": 4.0}) == 1


@pytest.mark.parametrize("rope", [{"rope_type": "yarn"}, {"type": "su", "factor": 2.0}])
def test_what_a_config_does_not_say_is_not_made_up(rope):
    with pytest.raises(ValueError, match="does not say"):
        lengthening(rope, None, None)
