"""The latent codes of photographs: bytes decode to what was measured, on both sources."""

import json

import numpy as np
import pytest
from PIL import Image

import photo_codes
from photo_codes import Rings, Scene, calibrated, deviations
from pseudocodec.errors import PslError


def residuals(shape, seed=0):
    """Residuals as the tables claim, and their tables."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, 40, shape).astype(np.uint8)
    return rng.standard_normal(shape) * deviations()[index], index


def scene(values, index):
    still = np.zeros_like(values)
    some = np.zeros(1, np.float32)
    picture = np.zeros((1, 1, 3), np.uint8)
    return Scene(picture, 0, values.astype(np.float32), still, index, some, some, 1.0)


def test_strong_residuals_keep_the_error_of_the_water_level():
    values, index = residuals((6, 32, 32))
    rings = Rings(deviations() ** 2)
    decoded = rings.decode(rings.encode(values, index), index)
    active = deviations()[index] ** 2 > photo_codes.WATER
    assert not decoded[~active].any()
    assert np.square(decoded - values)[active].mean() == pytest.approx(photo_codes.WATER, rel=0.1)


def test_bytes_are_those_of_reverse_water_filling():
    values, index = residuals((6, 32, 32))
    ideal = np.log2(deviations()[index] ** 2 / photo_codes.WATER).clip(0).sum() / 2
    size = 8 * len(Rings(deviations() ** 2).encode(values, index))
    assert size == pytest.approx(ideal * 20 / 19, rel=1e-3)
    assert size > photo_codes.RING_BITS  # of more rings than one


def test_no_ring_is_longer_than_allowed():
    index = np.full(8_000, 40, np.uint8)
    cut = list(Rings(deviations() ** 2)._cut(index))
    assert np.concatenate([places for places, _, _ in cut]).tolist() == list(range(8_000))
    # About equal, but for the component and the byte that each is rounded to.
    assert max(bits for _, bits, _ in cut) <= photo_codes.RING_BITS + 16
    assert all(bits == code.max_bits and bits % 8 == 0 for _, bits, code in cut)


def test_residuals_under_water_take_no_bytes():
    index = np.zeros((4, 4), np.uint8)
    rings = Rings(deviations() ** 2)
    assert rings.encode(np.ones((4, 4)), index) == b""
    assert not rings.decode(b"", index).any()


def test_calibration_finds_the_variances_behind_the_tables():
    values, index = residuals((200, 64, 1))
    found = calibrated([scene(2 * values, index)]) / deviations() ** 2
    assert found[40:].tolist() == pytest.approx([1] * 24)  # never seen: as claimed
    shrunk = (4 * 320 + photo_codes.PRIOR) / (320 + photo_codes.PRIOR)  # 320 of each
    assert found[:40].mean() == pytest.approx(shrunk, rel=0.05)


def test_gaussian_residuals_have_the_claimed_deviation():
    _, index = residuals((40, 64, 1))
    drawn = photo_codes.gaussian(scene(np.zeros(index.shape), index))
    unit = drawn.residuals / deviations()[index]
    assert np.square(unit).mean() == pytest.approx(1, abs=0.1)
    assert np.square(unit**2).mean() == pytest.approx(3, abs=0.6)


def test_rates_are_compared_within_a_source():
    rows = [
        {"source": source, "code": code, "bpp": factor * bpp, "psnr": 30 + bpp}
        for source, factor in (("pictures", 1.2), ("Gaussian", 0.9))
        for code, factor in ((photo_codes.ANCHOR, 1), ("trellis", factor))
        for bpp in (0.5, 1.0, 2.0)
    ]
    rates = {(row["source"], row["code"]): row["psnr"] for row in photo_codes.compare(rows)}
    assert rates["pictures", "trellis"] == pytest.approx(20)
    assert rates["Gaussian", "trellis"] == pytest.approx(-10)
    assert rates["Gaussian", photo_codes.ANCHOR] == 0


def test_a_model_without_a_hyperprior_is_refused():
    with pytest.raises(PslError, match="model 'digits' has no hyperprior"):
        photo_codes.measure(quick=True, name="digits")
    with pytest.raises(SystemExit, match="no hyperprior"):
        photo_codes.main(["--quick", "--model", "digits"])


def test_absent_pictures_end_the_script_with_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(photo_codes.data, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"photos/validation/ has 0 pictures .*PSEUDOCODEC_DATA"):
        photo_codes.crops()


@pytest.fixture
def stand_ins(monkeypatch, photo_model):
    i, j, c = np.ogrid[:128, :128, :3]
    pictures = [((i * j // 60 + 40 * c + shift) % 256).astype(np.uint8) for shift in range(4)]
    monkeypatch.setattr(photo_codes, "crops", lambda: pictures)
    monkeypatch.setattr(photo_codes, "load_model", lambda name: photo_model)
    return pictures


def test_scalar_bytes_and_values_are_the_librarys(photo_model, stand_ins):
    level = photo_model.code.top // 2
    made = photo_codes.scene_of(photo_model, stand_ins[0], level)
    every = photo_codes.codes(photo_model, deviations() ** 2)
    front = photo_codes.hyper_bytes(photo_model, made, every["rounded"](made)[0])
    for name, weight in (("rounded", None), (photo_codes.ANCHOR, photo_codes.WEIGHT)):
        prices = None if weight is None else weight * made.prices
        payload, _ = photo_model.code.encode(made.gained, made.hyper, level, prices)
        size, values = every[name](made)
        assert front + size == len(payload)
        side = made.gained.shape[1:]
        np.testing.assert_array_equal(
            (values + made.shift).astype(np.float32),
            photo_model.code.decode(payload, *side, level).latents,
        )


@pytest.mark.usefixtures("stand_ins")
def test_the_script_writes_its_rows_and_a_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    files = tmp_path / "rows.json", tmp_path / "curves.png"
    photo_codes.main(["--quick", "--json", str(files[0]), "--plot", str(files[1])])
    record = json.loads(files[0].read_text())
    assert record["command"] == "python benchmarks/photo_codes.py --model photo --quick"
    assert {row["table"] for row in record["rows"]} == set(photo_codes.TABLES)
    printed = capsys.readouterr().out
    assert all(title in printed for title in photo_codes.TABLES)
    with Image.open(files[1]) as image:
        assert image.size == (1200, 750)
