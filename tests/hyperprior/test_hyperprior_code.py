"""Latents of a tile to bytes and back: exact, and every malformed payload or table refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import photo_models
import pytest
import reference_decoder
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pseudocodec.entropy import scales
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.hyperprior.code import MOST_HYPER, MOST_HYPER_MEAN
from pseudocodec.hyperprior.integer import MOST_INDEX
from pseudocodec.training.export_photo import code_tensors

Tensors = dict[str, NDArray[Any]]
LATENTS, HYPER = photo_models.CONFIG.latents, photo_models.CONFIG.hyper
TENSORS = code_tensors(photo_models.transform())
CODE = HyperpriorCode(TENSORS)


def tile(height: int, width: int, scale: float = 3.0, seed: int = 0) -> tuple[Any, Any]:
    """Gained latents and hyper-latents."""
    rng = np.random.default_rng(seed)
    latents = rng.normal(0, scale, (LATENTS, height, width)).astype(np.float32)
    hyper = rng.normal(0, scale, (HYPER, -(-height // 4), -(-width // 4))).astype(np.float32)
    return latents, hyper


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, CODE.top),
    st.sampled_from([0.0, 1.0, 30.0, 3000.0]),
    st.integers(0, 99),
)
def test_what_encode_promises_decodes_bit_for_bit(
    height: int, width: int, level: int, scale: float, seed: int
) -> None:
    latents, hyper = tile(height, width, scale, seed)
    payload, promised = CODE.encode(latents, hyper, level)
    decoded, _ = CODE.decode(payload, height, width, level)
    assert decoded.dtype == np.float32
    assert decoded.tobytes() == promised.tobytes()


@pytest.mark.parametrize("level", [0, 77, CODE.top])
def test_latents_are_rounded_to_the_nearest(level: int) -> None:
    latents, hyper = tile(5, 7)
    _, promised = CODE.encode(latents, hyper, level)
    assert np.abs(promised - latents).max() <= 0.5 + 1 / 64
    np.testing.assert_array_equal(promised * 16, np.rint(promised * 16))


@pytest.mark.parametrize("level", [0, 77, CODE.top])
@pytest.mark.parametrize(("size", "scale"), [((1, 1), 1.0), ((3, 5), 3.0), ((4, 4), 4000.0)])
def test_the_specification_in_plain_integers_decodes_it(
    size: tuple[int, int], scale: float, level: int
) -> None:
    """Escapes, which the largest scale is full of, included."""
    payload, promised = CODE.encode(*tile(*size, scale), level)
    np.testing.assert_array_equal(
        reference_decoder.decode(TENSORS, payload, *size, level), promised
    )


@pytest.mark.parametrize("value", [1e6, -1e6])
def test_far_latents_are_clipped_not_wrapped(value: float) -> None:
    latents, hyper = tile(2, 2)
    latents[0], hyper[0] = value, value
    payload, promised = CODE.encode(latents, hyper, 10)
    assert CODE.decode(payload, 2, 2, 10).latents.tobytes() == promised.tobytes()
    assert np.sign(promised[0]).tolist() == np.full((2, 2), np.sign(value)).tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_latents_that_are_not_finite_are_refused(value: float, which: int) -> None:
    pair = tile(2, 2)
    pair[which][0, 0, 0] = value
    with pytest.raises(PslError, match="not finite"):
        CODE.encode(*pair, 0)


class TestMalformedPayload:
    PAYLOAD = CODE.encode(*tile(5, 6), 200)[0]

    def decode(self, payload: bytes) -> NDArray[np.float32]:
        return CODE.decode(payload, 5, 6, 200).latents

    def test_empty(self) -> None:
        with pytest.raises(Corrupt, match="ends inside a length"):
            self.decode(b"")

    @pytest.mark.parametrize("front", [b"\x80", b"\xff\xff\xff\xff", b"\x80\x80\x80\x80\x80\x01"])
    def test_a_length_that_does_not_end(self, front: bytes) -> None:
        with pytest.raises(Corrupt, match="ends inside a length"):
            self.decode(front)

    @pytest.mark.parametrize("front", [b"\x02\x00", b"\xff\x01", b"\xff\xff\xff\xff\x7f"])
    def test_a_length_beyond_the_payload(self, front: bytes) -> None:
        with pytest.raises(Corrupt, match=r"hyper-latents of \d+ bytes in a payload"):
            self.decode(front)

    def test_a_length_in_more_bytes_than_it_needs(self) -> None:
        assert self.PAYLOAD[0] < 0x80
        padded = bytes([self.PAYLOAD[0] | 0x80, 0]) + self.PAYLOAD[1:]
        with pytest.raises(Corrupt, match="a byte too many"):
            self.decode(padded)

    def test_bytes_behind_it(self) -> None:
        with pytest.raises(Corrupt, match="none that these tables give"):
            self.decode(self.PAYLOAD + b"\x00")

    def test_a_hyper_latent_out_of_range(self) -> None:
        shape = (HYPER, 2, 2)
        symbols = np.zeros(shape, np.int64)
        symbols[1, 1, 1] = MOST_HYPER + 1
        stream = CODE._encode(symbols.astype(np.int32), CODE._hyper_tables(shape, 200), 200, None)
        with pytest.raises(Corrupt, match="hyper-latent is out of range"):
            self.decode(bytes([len(stream)]) + stream)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 8 * len(PAYLOAD) - 1))
    def test_damage_decodes_to_other_latents_or_is_refused(self, bit: int) -> None:
        """No traceback and no hang; the container's checksum is what tells the two apart."""
        data = bytearray(self.PAYLOAD)
        data[bit // 8] ^= 1 << bit % 8
        for damaged in (bytes(data), self.PAYLOAD[: bit // 8]):
            try:
                found = self.decode(damaged)
            except Corrupt:
                continue
            assert found.tobytes() != self.decode(self.PAYLOAD).tobytes()


class TestTensors:
    """What a model file may hold."""

    def changed(self, key: str, value: object) -> Tensors:
        return TENSORS | {key: np.asarray(value)}

    @pytest.mark.parametrize("key", sorted(TENSORS))
    def test_a_missing_one_is_named(self, key: str) -> None:
        with pytest.raises(PslError, match="scale tables" if "scales" in key else key):
            HyperpriorCode({k: v for k, v in TENSORS.items() if k != key})

    @pytest.mark.parametrize("key", [key for key in sorted(TENSORS) if "scales" not in key])
    def test_floats_are_refused(self, key: str) -> None:
        with pytest.raises(PslError, match=f"{key} is float32, expected integers"):
            HyperpriorCode(self.changed(key, TENSORS[key].astype(np.float32)))

    @pytest.mark.parametrize("key", sorted(TENSORS))
    @pytest.mark.parametrize("how", ["scalar", "flat", "empty", "one row fewer"])
    def test_wrong_shapes_are_refused(self, key: str, how: str) -> None:
        value = TENSORS[key]
        if how == "flat" and value.ndim == 1:
            value = value[None]
        shapes = {"scalar": value.ravel()[0], "flat": value.ravel(), "empty": value[:0]}
        if how == "flat" and TENSORS[key].ndim == 1:
            shapes["flat"] = value
        with pytest.raises(PslError):
            HyperpriorCode(self.changed(key, shapes.get(how, value[:-1])))

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("hyper_mean", MOST_HYPER_MEAN + 1),
            ("hyper_mean", np.iinfo(np.int64).min),
            ("hyper_index", MOST_INDEX + 1),
            ("hyper_index", np.iinfo(np.int64).max),
            ("bias.2", 1 << 40),
            ("weight.0", np.iinfo(np.int64).min),
            ("gain", -1),
        ],
    )
    def test_values_out_of_range_are_refused(self, key: str, value: int) -> None:
        tensor = TENSORS[key].astype(np.int64)
        tensor.ravel()[1] = value
        with pytest.raises(PslError, match="out of range"):
            HyperpriorCode(self.changed(key, tensor))

    def test_tables_that_do_not_add_up_are_refused(self) -> None:
        frequencies = TENSORS["scales.frequencies"].copy()
        frequencies[0] += 1
        with pytest.raises(PslError, match="frequency table"):
            HyperpriorCode(self.changed("scales.frequencies", frequencies))

    def test_fewer_tables_than_the_nets_ask_for_will_do(self) -> None:
        """Indices are limited to the tables there are, on both sides alike."""
        few = scales.scale_tables(3, 0.2, 2.0).to_tensors()
        code = HyperpriorCode(TENSORS | {f"scales.{key}": value for key, value in few.items()})
        payload, promised = code.encode(*tile(4, 4), 100)
        assert code.decode(payload, 4, 4, 100).latents.tobytes() == promised.tobytes()
