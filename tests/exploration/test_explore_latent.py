"""Changes of latents: what each does to an array, and to a photograph."""

from __future__ import annotations

import numpy as np
import photo_models
import pytest

from pseudocodec.container import Geometry
from pseudocodec.entropy.scales import MAX_RESIDUAL
from pseudocodec.errors import OutOfRange, PslError, TooLarge
from pseudocodec.exploration import UNCHANGED, USUAL, coder, explore_latent, operation
from pseudocodec.exploration.coder import WholeCoder
from pseudocodec.metrics import ms_ssim, psnr
from pseudocodec.model import PhotoModel, load_model
from pseudocodec.photo.codec import decode_payload
from pseudocodec.photo.encoder import Encoder

LATENTS = np.arange(1, 1 + 8 * 5 * 4, dtype=np.float32).reshape(8, 5, 4)
PICTURE = photo_models.smooth(170, 190, seed=3)


@pytest.mark.parametrize(
    ("name", "zeros"),
    [
        ("zero-channels-first", np.s_[:4]),
        ("zero-channels-middle", np.s_[2:6]),
        ("zero-channels-second", np.s_[4:]),
        ("zero-rows-first", np.s_[:, :2]),
        ("zero-rows-second", np.s_[:, 2:]),
        ("zero-columns-middle", np.s_[:, :, 1:3]),
        ("zero-channels:3-3", np.s_[3]),
        ("zero-columns:0-3", np.s_[:]),
        ("keep-rows:0-2", np.s_[:, 3:]),
    ],
)
def test_zeros(name: str, zeros: slice) -> None:
    expected = LATENTS.copy()
    expected[zeros] = 0
    np.testing.assert_array_equal(operation(name).apply(LATENTS), expected)
    assert LATENTS.all()


def test_swapped_halves() -> None:
    changed = operation("swap-rows").apply(LATENTS)
    np.testing.assert_array_equal(changed, LATENTS[:, [2, 3, 4, 0, 1]])


@pytest.mark.parametrize(("name", "factor"), [("scale:100", 100), ("scale:-0.5", -0.5)])
def test_scale(name: str, factor: float) -> None:
    np.testing.assert_array_equal(operation(name).apply(LATENTS), LATENTS * factor)


@pytest.mark.parametrize(
    "name",
    [
        *("", "all", "zero", "zero-channels", "zero-depth-first", "zero-rows:1", "zero-rows:1-2 "),
        *("keep-rows-first", "swap-rows:1-2", "scale:", "scale:nan", "scale:1e9", "scale:99999"),
    ],
)
def test_names_of_none(name: str) -> None:
    with pytest.raises(PslError, match="expected a name such as"):
        operation(name)


@pytest.mark.parametrize("name", ["zero-channels:0-8", "keep-rows:5-5", "zero-columns:2-1"])
def test_ranges_that_the_latents_do_not_have(name: str) -> None:
    with pytest.raises(OutOfRange, match="expected a range within the"):
        operation(name).apply(LATENTS)


def test_unchanged_is_what_an_encoder_writes(photo_model: PhotoModel) -> None:
    [result] = explore_latent(PICTURE, [], model=photo_model, quality=70)
    encoder = Encoder(photo_model, PICTURE)
    coded = encoder.encode(round(0.7 * photo_model.code.top))
    assert (result.operation, result.nbytes) == (UNCHANGED, len(coded.payload))
    assert result.bpp == result.bpp_old_prior == 8 * result.nbytes / (170 * 190)
    np.testing.assert_array_equal(result.pixels, encoder.decode(coded))
    assert result.psnr == psnr(PICTURE, result.pixels)
    assert result.ms_ssim == ms_ssim(PICTURE[None], result.pixels[None])
    assert result.clipped == 0


def test_the_usual_operations(photo_model: PhotoModel) -> None:
    stages: list[tuple[str, int, int]] = []
    results = explore_latent(
        PICTURE, USUAL, model=photo_model, on_progress=lambda *stage: stages.append(stage)
    )
    by_name = {result.operation: result for result in results}
    assert list(by_name) == [UNCHANGED, *USUAL]
    assert [stage for stage, *_ in stages] == list(by_name)
    unchanged = by_name.pop(UNCHANGED)
    halves = [result for name, result in by_name.items() if "rows" in name or "columns" in name]
    assert len(halves) == 4
    assert all(result.bpp < unchanged.bpp for result in halves)
    for result in (*halves, by_name["zero-channels-first"], by_name["scale:100"]):
        assert result.psnr < unchanged.psnr - 2
    assert by_name["scale:100"].bpp > 2 * unchanged.bpp


def test_a_half_that_is_zero_is_of_one_colour(photo_model: PhotoModel) -> None:
    """Beyond the reach of the nets and of the other half's means, to within a rounded latent."""
    tall = photo_models.smooth(960, 48, seed=4)
    unchanged, zeroed = explore_latent(tall, ["zero-rows-second"], model=photo_model)
    ends = [result.pixels[-48:].astype(int) for result in (unchanged, zeroed)]
    assert np.ptp(ends[1], axis=(0, 1)).max() < np.ptp(ends[0], axis=(0, 1)).min() / 2
    assert psnr(tall[:300], zeroed.pixels[:300]) > unchanged.psnr - 1


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("channels", [1, 3])
def test_a_payload_of_changed_latents_decodes_to_the_picture(
    photo_model: PhotoModel, channels: int
) -> None:
    picture = PICTURE[:150, :130, :channels]
    whole = WholeCoder(photo_model, picture, 500, "cpu")
    for name in ("zero-rows-first", "swap-channels", "scale:100"):
        changed = operation(name).apply(whole.latents)
        for prior in (changed, whole.latents):
            data, coded = whole.encode(changed, prior)
            assert np.abs(coded - changed).max() <= 0.5 + 1e-3
            decoded = decode_payload(
                photo_model, data, Geometry(130, 150), dense=True, device="cpu"
            )
            np.testing.assert_array_equal(decoded, whole.decode(coded).squeeze())


def test_what_cannot_be_coded_is_clipped_and_counted(photo_model: PhotoModel) -> None:
    _, result = explore_latent(PICTURE, ["scale:9999"], model=photo_model, quality=100)
    whole = WholeCoder(photo_model, PICTURE, photo_model.code.top, "cpu")
    large = np.abs(9999 * whole.latents)
    assert 0 < np.count_nonzero(large > 2 * MAX_RESIDUAL) <= result.clipped
    assert result.clipped < large.size


@pytest.mark.parametrize("shape", [(1, 1), (40, 33)])
def test_small_and_grey_pictures(photo_model: PhotoModel, shape: tuple[int, int]) -> None:
    grey = photo_models.smooth(*shape, channels=1)[:, :, 0]
    for result in explore_latent(grey, ["swap-columns"], model=photo_model):
        assert result.pixels.shape == shape
        assert result.ms_ssim is None


def test_sixteen_bits_are_compared_in_eight(photo_model: PhotoModel) -> None:
    wide = PICTURE.astype(np.uint16) * 257
    [narrow], [result] = (explore_latent(p, [], model=photo_model) for p in (PICTURE, wide))
    assert result.psnr == pytest.approx(narrow.psnr, abs=0.01)


def test_too_large(photo_model: PhotoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coder, "MOST_PIXELS", 170 * 190 - 1)
    with pytest.raises(TooLarge, match="190 x 170 pixels"):
        explore_latent(PICTURE, [], model=photo_model)


@pytest.mark.parametrize("quality", [-1, 100.5, float("nan")])
def test_a_quality_out_of_range(photo_model: PhotoModel, quality: float) -> None:
    with pytest.raises(PslError, match="expected 0"):
        explore_latent(PICTURE, [], model=photo_model, quality=quality)


def test_a_model_of_one_kind_of_pictures() -> None:
    with pytest.raises(PslError, match="'digits' is not one for photographs"):
        explore_latent(PICTURE, [], model=load_model("digits"))
