"""The rules M33 to M35: what a payload may hold."""

from pathlib import Path

import numpy as np
import pytest

from pseudocodec.container.bits import pack
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.latent.seed import SeedCode
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.model.load import load_model
from pseudocodec.prng import named

LCG = named("lcg-5101")  # 13 bits: 14 an atom
COMPOSITION = Composition(LCG, Schedule(np.full(8, UNIT), ideal_levels(np.ones(8), 64)))
SEED = SeedCode(LCG, 8)


@pytest.mark.parametrize("code", [COMPOSITION, SEED])
def test_m33_payload_padding_is_zero(code):
    whole = code.usable_bits(16)
    fields = [(5, whole), (0, 16 - whole)]
    assert code.unpack(*pack(fields)).tolist() == [5]
    for bit in range(16 - whole):
        with pytest.raises(Corrupt):
            code.unpack(*pack([(5, whole), (1 << bit, 16 - whole)]))
    with pytest.raises(Corrupt):
        SEED.unpack(bytes(3), 21)


@pytest.mark.parametrize(("code", "shift"), [(COMPOSITION, 1), (SEED, 0)])
def test_m34_seed_is_below_the_modulus(code, shift):
    bits = code.usable_bits(16)
    for seed, fits in ((5100, True), (5101, False), (8191, False)):
        symbols = code.unpack(*pack([(seed << shift, bits)]))[None]
        if fits:
            assert np.isfinite(code.decode(symbols, bits)).all()
        else:
            with pytest.raises(Corrupt):
                code.decode(symbols, bits)


def test_m35_dense_needs_a_dense_code(tmp_path: Path):
    path = tmp_path / "plain.safetensors"
    net = {"height": 8, "width": 8, "channels": 1}
    tables = {f"code.{key}": table for key, table in COMPOSITION.tables().items()}
    write_model(
        path, ModelFacts("m", "flat", net, COMPOSITION.describe(), (1, 8)), tables, overwrite=False
    )
    model = load_model(path)
    assert model.code_for(dense=False).describe() == COMPOSITION.describe()
    with pytest.raises(PslError, match="no dense latent code"):
        model.code_for(dense=True)
