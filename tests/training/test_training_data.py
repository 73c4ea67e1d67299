"""Pictures for training: one size, one colour, and none of them on both sides of the split."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.image import resize
from pseudocodec.training import data
from pseudocodec.training.data import Pictures, hold_out, load_pictures, split

GREY = np.random.default_rng(1).integers(0, 256, (80, 16, 20), dtype=np.uint8)
RGB = np.random.default_rng(2).integers(0, 256, (80, 16, 20, 3), dtype=np.uint8)
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """A function that writes pictures to a folder as PNG files 000.png, 001.png, ..."""

    def write(*pictures: np.ndarray, name: str = "set") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / f"{i:03}.png")
        return folder

    return write


def rows(pixels: torch.Tensor) -> list[bytes]:
    return [picture.numpy().tobytes() for picture in pixels]


class TestPixels:
    def test_grey(self, save: Save) -> None:
        pictures = load_pictures(save(*GREY))
        assert pictures.pixels.is_contiguous()
        assert pictures.pixels.dtype == torch.uint8
        np.testing.assert_array_equal(pictures.pixels.numpy(), GREY[:, None])
        assert pictures.notes == ()

    def test_colour(self, save: Save) -> None:
        pictures = load_pictures(save(*RGB))
        np.testing.assert_array_equal(pictures.pixels.numpy(), RGB.transpose(0, 3, 1, 2))
        assert pictures.notes == ()

    def test_several_paths_in_order(self, save: Save) -> None:
        paths = [save(*GREY[40:], name="z"), save(*GREY[:40], name="a")]
        np.testing.assert_array_equal(
            load_pictures(paths).pixels.numpy()[:, 0], np.roll(GREY, 40, axis=0)
        )

    def test_16_bits_are_rounded(self, save: Save) -> None:
        pictures = load_pictures(save(*GREY.astype(np.uint16) * 257))
        np.testing.assert_array_equal(pictures.pixels.numpy()[:, 0], GREY)

    def test_order_is_kept_over_many_batches(self, tmp_path: Path) -> None:
        images = np.arange(5000, dtype="<u4").view(np.uint8).reshape(-1, 1, 4)
        images = images.repeat(16, axis=1).repeat(4, axis=2)
        np.save(tmp_path / "a.npy", images)
        pixels = load_pictures(tmp_path / "a.npy").pixels
        np.testing.assert_array_equal(pixels.numpy()[:, 0], images)


class TestSizes:
    def test_the_commonest_wins(self, save: Save) -> None:
        others = [np.ascontiguousarray(picture[:, :16]) for picture in GREY[:30]]
        pictures = load_pictures(save(*others, *GREY[30:]))
        expected = [resize(picture[:, :, None], 20, 16)[:, :, 0] for picture in others]
        np.testing.assert_array_equal(pictures.pixels.numpy()[:30, 0], expected)
        np.testing.assert_array_equal(pictures.pixels.numpy()[30:, 0], GREY[30:])
        assert pictures.notes == (
            "30 of 80 pictures were resized to 20 x 16, the size most of them have",
        )

    def test_of_equally_common_ones_the_first(self, save: Save) -> None:
        turned = GREY[40:].transpose(0, 2, 1)
        pictures = load_pictures(save(*GREY[:40], *map(np.ascontiguousarray, turned)))
        assert pictures.pixels.shape == (80, 1, 16, 20)

    @pytest.mark.parametrize(("width", "height"), [(15, 16), (16, 15), (257, 16), (16, 257)])
    def test_sides_out_of_range_are_refused(self, width: int, height: int, save: Save) -> None:
        folder = save(*GREY, np.zeros((height, width), np.uint8))
        with pytest.raises(
            PslError, match=rf"080\.png has {width} x {height} pixels.* sides of 16 to 256: scale"
        ):
            load_pictures(folder)

    @pytest.mark.parametrize("side", [16, 256])
    def test_sides_at_the_limits(self, side: int, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.zeros((64, side, side), np.uint8))
        assert load_pictures(tmp_path / "a.npy").pixels.shape == (64, 1, side, side)


class TestColours:
    def test_one_colour_picture_makes_the_set_rgb(self, save: Save) -> None:
        pixels, notes = (p := load_pictures(save(*GREY, RGB[0]))).pixels.numpy(), p.notes
        np.testing.assert_array_equal(pixels[:80], GREY[:, None].repeat(3, axis=1))
        np.testing.assert_array_equal(pixels[80], RGB[0].transpose(2, 0, 1))
        assert notes == ("80 of 81 pictures are grey and are taken as RGB",)

    def test_grey_stored_as_rgb_is_loaded_as_grey(self, save: Save) -> None:
        stored = GREY[:50, :, :, None].repeat(3, axis=3)
        pictures = load_pictures(save(*stored, *GREY[50:]))
        np.testing.assert_array_equal(pictures.pixels.numpy()[:, 0], GREY)
        assert pictures.notes == ("50 of 80 pictures are grey stored as RGB: taken as grey",)

    def test_grey_stored_as_rgb_among_colours_is_not_worth_a_note(self, save: Save) -> None:
        stored = GREY[0, :, :, None].repeat(3, axis=2)
        pictures = load_pictures(save(*RGB, stored))
        np.testing.assert_array_equal(pictures.pixels.numpy()[80], stored.transpose(2, 0, 1))
        assert pictures.notes == ()


class TestBadPictures:
    @pytest.fixture
    def folder(self, save: Save) -> Path:
        folder = save(*GREY)
        for i in range(5):
            (folder / f"{i:03}_bad.png").write_bytes(b"text")
        return folder

    def test_is_named(self, folder: Path) -> None:
        with pytest.raises(PslError, match=r"000_bad\.png is not a picture.*--skip-bad"):
            load_pictures(folder)

    def test_are_left_out_when_asked(self, folder: Path) -> None:
        pictures = load_pictures(folder, skip_bad=True)
        np.testing.assert_array_equal(pictures.pixels.numpy()[:, 0], GREY)
        names = ", ".join(str(folder / f"{i:03}_bad.png") for i in range(3))
        assert pictures.notes == (f"5 of 85 pictures were left out: {names}, ...",)

    def test_transparent_one_is_named(self, save: Save) -> None:
        transparent = np.dstack([RGB[0], GREY[0]])
        folder = save(*RGB, transparent)
        with pytest.raises(PslError, match=r"080\.png: the image is transparent"):
            load_pictures(folder)
        pictures = load_pictures(folder, skip_bad=True)
        assert len(pictures.pixels) == 80
        assert pictures.notes == (f"1 of 81 pictures were left out: {folder / '080.png'}",)

    def test_none_that_is_good(self, save: Save) -> None:
        folder = save(*np.zeros((70, 8, 8), np.uint8))
        with pytest.raises(PslError, match=r"0 pictures, 70 were left out.*has 8 x 8 pixels"):
            load_pictures(folder, skip_bad=True)

    def test_a_failing_collection_is_refused_even_so(self, tmp_path: Path) -> None:
        (tmp_path / "a.tar").write_bytes(b"text")
        with pytest.raises(PslError, match="not an uncompressed"):
            load_pictures(tmp_path / "a.tar", skip_bad=True)


class TestLimits:
    def test_too_few(self, save: Save) -> None:
        with pytest.raises(PslError, match="63 pictures: at least 64"):
            load_pictures(save(*GREY[:63]))

    def test_too_many(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(data, "MAX_PICTURES", 79)
        np.save(tmp_path / "a.npy", GREY)
        with pytest.raises(TooLarge, match="more than 79 pictures"):
            load_pictures(tmp_path / "a.npy")

    def test_too_many_bytes_while_loading(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(data, "MAX_TRAINING_BYTES", GREY.nbytes - 1)
        np.save(tmp_path / "a.npy", GREY)
        with pytest.raises(TooLarge, match=f"more than {GREY.nbytes - 1} bytes"):
            load_pictures(tmp_path / "a.npy")

    def test_too_many_bytes_once_in_rgb(self, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(data, "MAX_TRAINING_BYTES", 2 * GREY.nbytes)
        with pytest.raises(TooLarge, match=f"more than {2 * GREY.nbytes} bytes"):
            load_pictures(save(*GREY, RGB[0]))

    def test_reads_only_a_little_ahead(self) -> None:
        items = itertools.count()
        results = data._in_threads(str, items)
        assert next(results) == "0"
        assert next(items) <= data._AHEAD + 2
        results.close()


class TestLike:
    def test_size_and_colour_of_the_other_set(self, save: Save) -> None:
        like = Pictures(torch.zeros(64, 3, 32, 40, dtype=torch.uint8))
        pictures = load_pictures(save(GREY[0]), like=like)
        expected = resize(GREY[0][:, :, None], 40, 32).transpose(2, 0, 1).repeat(3, axis=0)
        np.testing.assert_array_equal(pictures.pixels.numpy()[0], expected)
        assert pictures.notes == (
            "1 of 1 pictures were resized to 40 x 32, the size of the training pictures",
            "1 of 1 pictures are grey and are taken as RGB",
        )

    def test_colour_for_a_grey_model_is_refused(self, save: Save) -> None:
        like = Pictures(torch.zeros(64, 1, 16, 20, dtype=torch.uint8))
        with pytest.raises(PslError, match="are RGB but the training pictures grey"):
            load_pictures(save(RGB[0]), like=like)


class TestSplit:
    def test_share_and_limit(self) -> None:
        pixels = torch.from_numpy(GREY[:, None])
        assert [len(part) for part in split(pixels, 0)] == [76, 4]
        assert [len(part) for part in split(pixels, 0, 0.25)] == [60, 20]
        assert [len(part) for part in split(pixels, 0, 0.25, most=7)] == [73, 7]
        assert [len(part) for part in split(pixels, 0, 0.001)] == [79, 1]

    def test_seed_decides(self) -> None:
        pixels = torch.from_numpy(GREY[:, None])
        assert rows(split(pixels, 1)[1]) == rows(split(pixels, 1)[1])
        assert rows(split(pixels, 1)[1]) != rows(split(pixels, 2)[1])

    @given(
        which=st.lists(st.integers(0, 9), min_size=2, max_size=60).filter(lambda w: len({*w}) > 1),
        seed=st.integers(0, 99),
        share=st.floats(0.01, 0.49),
    )
    def test_no_picture_is_on_both_sides(self, which: list[int], seed: int, share: float) -> None:
        pixels = torch.from_numpy(GREY[which][:, None])
        training, held = split(pixels, seed, share)
        assert not set(rows(training)) & set(rows(held))
        assert sorted(rows(training) + rows(held)) == sorted(rows(pixels))
        assert len(training) > 0
        rarest = min(which.count(i) for i in which)
        assert 0 < len(held) <= max(1, round(share * len(which)), rarest)

    def test_all_identical(self) -> None:
        with pytest.raises(PslError, match="all the training pictures are identical"):
            split(torch.zeros(64, 1, 16, 16, dtype=torch.uint8), 0)

    def test_copies_are_noted(self, save: Save) -> None:
        pictures = load_pictures(save(*GREY, *GREY[:3], GREY[0]))
        assert pictures.notes == ("4 of 84 pictures are exact copies of others",)


class TestHoldOut:
    pictures = Pictures(torch.from_numpy(GREY[:, None]))

    def test_default(self) -> None:
        for ours, plain in zip(
            hold_out(self.pictures, seed=3), split(self.pictures.pixels, 3), strict=True
        ):
            assert torch.equal(ours, plain)

    @pytest.mark.parametrize("share", [0.25, "0.25", np.float32(0.25)])
    def test_share(self, share: float | str) -> None:
        assert [len(part) for part in hold_out(self.pictures, share)] == [60, 20]

    @pytest.mark.parametrize("share", [0, 0.5, 1, -0.1, float("nan"), "inf", "0.5"])
    def test_share_out_of_range(self, share: float | str) -> None:
        with pytest.raises(PslError, match=f"holdout={share}: give a share between 0 and 0.5"):
            hold_out(self.pictures, share)

    @pytest.mark.parametrize("kind", [str, Path])
    def test_another_set(self, kind: type, save: Save) -> None:
        training, held = hold_out(self.pictures, kind(save(*RGB[:5, :, :, 0])))
        assert rows(training) == rows(self.pictures.pixels)
        np.testing.assert_array_equal(held.numpy()[:, 0], RGB[:5, :, :, 0])

    def test_pictures_of_the_other_set_are_not_trained_on(self, save: Save) -> None:
        training, held = hold_out(self.pictures, save(*GREY[:9]))
        assert rows(training) == rows(self.pictures.pixels[9:])
        assert rows(held) == rows(self.pictures.pixels[:9])

    def test_the_training_set_itself_is_refused(self, save: Save) -> None:
        with pytest.raises(PslError, match="leaves 0 training pictures"):
            hold_out(self.pictures, save(*GREY))

    def test_bad_pictures_of_the_other_set(self, save: Save) -> None:
        folder = save(*GREY[:2])
        (folder / "bad.png").write_bytes(b"text")
        with pytest.raises(PslError, match=r"bad\.png is not a picture"):
            hold_out(self.pictures, folder)
        assert len(hold_out(self.pictures, folder, skip_bad=True)[1]) == 2

    def test_missing_path(self) -> None:
        with pytest.raises(PslError, match="no such file or folder: nowhere"):
            hold_out(self.pictures, "nowhere")
