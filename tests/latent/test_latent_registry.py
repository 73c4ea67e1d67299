import latent_conformance as kit
import numpy as np
import pytest

from pseudocodec.errors import PslError
from pseudocodec.latent.registry import MAX_TABLE, build
from pseudocodec.latent.schedule import UNIT

COMPOSITION = kit.CODES["composition"]
SEED = kit.CODES["seed"]
LEVELS = COMPOSITION.tables()["levels"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "trellises"}, "kind 'trellises' is unknown"),
        ({"kind": ["seed"]}, "is unknown"),
        ({"kind": None}, "kind None is unknown"),
        ({"lcg": "5101"}, "the list"),
        ({"lcg": [1, 2]}, "the list"),
        ({"lcg": [1.5, 2, 3]}, "is not an int"),
        ({"lcg": [1, 2, "3"]}, "is not an int"),
        ({"lcg": [0, 0, 5101]}, "out of range"),
        ({"lcg": [3, 1, (1 << 24) + 1]}, "modulus"),
        ({"weight_bits": True}, "weight_bits = True is not an integer"),
        ({"weight_bits": 9}, "weight_bits=9"),
        ({"weight_bits": -1}, "weight_bits=-1"),
        ({"shuffle": False}, "shuffle = False is neither true nor absent"),
        ({"shuffle": 1}, "shuffle = 1 is neither true nor absent"),
        ({"blocks": "2"}, "blocks = '2' is not an integer"),
        ({"blocks": 0}, "blocks=0"),
        ({"extra": 1}, "parameters are"),
    ],
)
def test_a_malformed_composition_is_refused(change, message):
    with pytest.raises(PslError, match=message):
        build({**COMPOSITION.describe(), **change}, COMPOSITION.tables())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dims": 0}, "dims=0"),
        ({"dims": 1 << 40}, "dims="),
        ({"dims": 3.0}, "dims = 3.0 is not an integer"),
        ({"epsilon": None}, "epsilon = None is not an integer"),
        ({"lcg": [1, 1, (1 << 64) + 1]}, "out of range"),
    ],
)
def test_a_malformed_seed_code_is_refused(change, message):
    with pytest.raises(PslError, match=message):
        build({**SEED.describe(), **change}, {})


@pytest.mark.parametrize("code", [COMPOSITION, SEED], ids=["composition", "seed"])
def test_a_missing_parameter_is_refused(code):
    for key in code.describe():
        description = code.describe()
        del description[key]
        with pytest.raises(PslError, match=r"unknown|parameters are"):
            build(description, code.tables())


@pytest.mark.parametrize(
    "levels",
    [
        LEVELS.astype(np.float64),
        LEVELS.astype(np.int32),
        LEVELS[None],
        LEVELS[:0],
        LEVELS[1:],
        LEVELS[::-1],
        LEVELS.tolist(),
        np.full(MAX_TABLE + 1, UNIT),
        np.full(5000, UNIT),  # more than the bits of 64 atoms
    ],
    ids=["float", "int32", "matrix", "empty", "no first", "rising", "list", "huge", "long"],
)
def test_malformed_tables_are_refused(levels):
    with pytest.raises(PslError):
        build(COMPOSITION.describe(), {**COMPOSITION.tables(), "levels": levels})


def test_missing_and_unknown_tables_are_refused():
    with pytest.raises(PslError, match=r"tables are 'levels', expected 'levels', 'variances'"):
        build(COMPOSITION.describe(), {"levels": LEVELS})
    with pytest.raises(PslError, match=r"tables are 'levels', expected none"):
        build(SEED.describe(), {"levels": LEVELS})
