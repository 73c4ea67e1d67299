from collections.abc import Callable

import latent_conformance as kit
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudocodec.latent.base import LatentCode

every_code = pytest.mark.parametrize("code", kit.CODES.values(), ids=kit.CODES.keys())


@pytest.mark.parametrize("name", kit.CODES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_round_trip_at_every_budget(name: str, data: st.DataObject) -> None:
    code = kit.CODES[name]
    smallest = code.max_bits if code.kind == "seed" else 0
    bits = data.draw(st.integers(smallest, code.max_bits))
    kit.check_round_trip(code, bits, data.draw(st.integers(0, 9)))


@every_code
@pytest.mark.parametrize(
    "check",
    [
        kit.check_usable_bits_carry_everything,
        kit.check_empty_batch,
        kit.check_description_round_trip,
        kit.check_refuses_latents,
        kit.check_refuses_symbols,
        kit.check_refuses_payloads,
    ],
)
def test_conformance(code: LatentCode, check: Callable[[LatentCode], None]) -> None:
    check(code)


@every_code
@pytest.mark.parametrize("effort", [0, 3, 9])
def test_a_batch_codes_as_one_by_one(code: LatentCode, effort: int) -> None:
    kit.check_one_by_one(code, effort)


@every_code
@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_threads_do_not_change_symbols(code: LatentCode) -> None:
    z = kit.some_latents(code, 9)
    before = numba.get_num_threads()
    symbols = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            symbols.append(code.encode(z, code.max_bits))
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(*symbols)
