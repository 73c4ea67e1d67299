"""Models of one seed a picture: what files cost, what effort buys, what is refused."""

from __future__ import annotations

import io
import pickle
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import gan_models
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import pseudocodec
import pseudocodec.pillow
from pseudocodec import _plan, seeding
from pseudocodec.container import read_single, write_single
from pseudocodec.container.layout import ARCHIVE_HEADER_BYTES, COMMON, U32
from pseudocodec.encoding import EFFORTS, describe
from pseudocodec.errors import Corrupt, PslError, UnverifiedWarning
from pseudocodec.integrations.torch import PslDataset
from pseudocodec.latent.seed import SeedCode
from pseudocodec.metrics import psnr
from pseudocodec.model import VectorModel
from pseudocodec.parallel.jobs import Numbered, Portable, VectorEncoder
from pseudocodec.rate import Target
from pseudocodec.seeding import CLOSE, best_of_book

Bytes = NDArray[np.uint8]
BITS = 13  # of a seed below 5101
FILE = COMMON.size + 2


@pytest.fixture(scope="module")
def pictures() -> Bytes:
    return gan_models.pictures(20)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> VectorModel:
    """A model whose only code is that of files without DENSE."""
    path = tmp_path_factory.mktemp("models") / "older.safetensors"
    gan_models.write(path, dense=False)
    loaded = pseudocodec.load_model(path)
    assert isinstance(loaded, VectorModel)
    return loaded


def seeds_of(model: VectorModel, pictures: Bytes, effort: int) -> NDArray[np.int64]:
    assert isinstance(model.code, SeedCode)
    described = describe(model, model.code, pictures[..., None], BITS, effort=effort, device="cpu")
    assert all((row.shape, row.dtype, bits) == ((1,), np.int64, BITS) for row, bits in described)
    return np.array([row for row, _ in described], np.int64).reshape(len(pictures), 1)


def errors(model: VectorModel, seeds: NDArray[np.int64], pictures: Bytes) -> NDArray[np.float64]:
    """Squared errors (n,) of what seeds decode to, not rounded to bytes."""
    import torch

    latents = torch.from_numpy(model.code.decode(seeds, BITS))
    with torch.inference_mode():
        transform = model.transform(torch.device("cpu"))
        decoded = transform.synthesise(latents, torch.zeros(len(seeds)))[:, 0].numpy()
    return np.square(decoded.astype(float) - pictures / 255).sum((1, 2))


class TestEffort:
    def test_by_the_book_one_of_the_nearest_of_all_pictures(
        self, seed_model: VectorModel, pictures: Bytes
    ) -> None:
        every = np.arange(5101)[:, None]
        for effort in (2, 9):
            found = errors(seed_model, seeds_of(seed_model, pictures[:4], effort), pictures[:4])
            for mine, picture in zip(found, pictures[:4], strict=True):
                all_errors = errors(seed_model, every, picture[None].repeat(5101, 0))
                assert mine <= np.sort(all_errors)[CLOSE] * (1 + 1e-4)  # of them, by structure

    def test_of_pictures_as_near_the_one_of_like_structure(self) -> None:
        rng = np.random.default_rng(0)
        image = torch.from_numpy(rng.uniform(0.2, 0.8, (1, 1, 8, 8)).astype(np.float32))
        step = 0.1 * torch.sign(torch.from_numpy(rng.standard_normal(image.shape)).float())
        book = torch.cat([image + step, image + 0.1, image + 2])
        assert int(best_of_book(book, image)[0]) == 1  # lighter, and otherwise the same
        assert float(best_of_book(book, image)[1]) == pytest.approx(0.01, rel=1e-4)

    def test_a_picture_of_a_seed_gets_that_seed(self, seed_model: VectorModel) -> None:
        seeds = np.array([[0], [77], [5100]])
        latents = seed_model.code.decode(seeds, BITS)
        exact = seed_model.synthesise(latents, np.zeros(3, np.float32), "cpu")[..., 0]
        found = seeds_of(seed_model, exact, 2)
        again = seed_model.code.decode(found, BITS)
        decoded = seed_model.synthesise(again, np.zeros(3, np.float32), "cpu")[..., 0]
        np.testing.assert_array_equal(decoded, exact)

    def test_without_pictures_the_nearest_sequence_of_all(
        self, seed_model: VectorModel, pictures: Bytes
    ) -> None:
        """Effort 1 finds one at least as near as the neighbourhood of effort 0 holds."""
        wanted = seed_model.analyse(list(pictures[..., None]), 0.0, "cpu")
        near, nearest = (
            np.square(seed_model.code.decode(seeds_of(seed_model, pictures, e), BITS) - wanted)
            for e in (0, 1)
        )
        assert (nearest.sum(1) <= near.sum(1) + 1e-5).all()  # float32 sums of six squares
        assert nearest.sum() < near.sum()

    def test_judging_by_pictures_is_better_on_average(
        self, seed_model: VectorModel, pictures: Bytes
    ) -> None:
        by_latents, thesis, by_pictures = (
            errors(seed_model, seeds_of(seed_model, pictures, e), pictures).mean()
            for e in (1, 0, 2)
        )
        assert by_pictures < 0.9 * min(by_latents, thesis)

    def test_by_search_each_level_judges_the_candidates_of_the_one_before_too(
        self, seed_model: VectorModel, pictures: Bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(seeding, "BOOK_VALUES", 0)
        few = pictures[:6]
        levels = [errors(seed_model, seeds_of(seed_model, few, e), few) for e in range(1, 10)]
        for less, more in pairwise(levels):
            assert (more <= less * (1 + 1e-4)).all()
        assert levels[-1].mean() < levels[0].mean()

    def test_there_are_candidates_for_every_level(self) -> None:
        assert len(seeding.CANDIDATES) == len(EFFORTS)
        assert list(seeding.CANDIDATES) == sorted(seeding.CANDIDATES)

    @pytest.mark.parametrize("effort", [-1, 10])
    def test_there_is_no_other(self, seed_model: VectorModel, effort: int) -> None:
        with pytest.raises(PslError, match=f"effort={effort}: expected a whole number from 0 to 9"):
            seeds_of(seed_model, gan_models.pictures(1), effort)

    @pytest.mark.parametrize("book", [1 << 23, 0])
    def test_a_picture_does_not_depend_on_the_others(
        self, seed_model: VectorModel, pictures: Bytes, monkeypatch: pytest.MonkeyPatch, book: int
    ) -> None:
        monkeypatch.setattr(seeding, "BOOK_VALUES", book)
        for effort in (0, 1, 3):
            together = seeds_of(seed_model, pictures[:5], effort)
            alone = [seeds_of(seed_model, picture[None], effort) for picture in pictures[:5]]
            np.testing.assert_array_equal(together, np.concatenate(alone))

    def test_no_pictures_have_no_seeds(self, seed_model: VectorModel) -> None:
        assert seeds_of(seed_model, gan_models.pictures(0), 3).shape == (0, 1)


class TestSingle:
    def test_a_file_has_22_bytes_whatever_the_quality(
        self, seed_model: VectorModel, pictures: Bytes
    ) -> None:
        files = {
            pseudocodec.encode(pictures[0], model=seed_model, **target)
            for target in (
                {},
                {"quality": 0},
                {"quality": 100},
                {"nbytes": 22},
                {"nbytes": 999},
                {"bpp": 1},
                {"psnr": 3},
                {"progressive": False},
            )
        }
        assert {len(file) for file in files} == {FILE} == {22}
        assert len(files) == 1
        decoded = pseudocodec.decode(files.pop())
        assert (decoded.shape, decoded.dtype) == ((16, 16), np.uint8)
        flat = np.full_like(pictures[0], round(float(pictures[0].mean())))
        assert psnr(pictures[0], decoded) > psnr(pictures[0], flat)

    def test_the_payload_is_the_seed(self, seed_model: VectorModel, pictures: Bytes) -> None:
        file = pseudocodec.encode(pictures[0], model=seed_model)
        [[seed]] = seeds_of(seed_model, pictures[:1], 3)
        assert int.from_bytes(read_single(file).payload, "big") == seed << 3

    @pytest.mark.parametrize(
        ("target", "said"),
        [
            ({"nbytes": 19}, "nbytes=19: a .psl file of one picture has 20 bytes before its pay"),
            (
                {"nbytes": 21},
                "the file of a picture of model 'seeds' has 22 bytes; ask for as many",
            ),
            ({"bpp": 0.6}, "has 20 bytes before its payload"),
            ({"psnr": 80}, r"psnr=80: model 'seeds' reaches .* dB .* with 2 bytes, its most"),
        ],
    )
    def test_what_cannot_be_met_is_refused(
        self, seed_model: VectorModel, pictures: Bytes, target: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(PslError, match=said):
            pseudocodec.encode(pictures[0], model=seed_model, **target)

    def test_pictures_of_other_sizes_come_back_at_theirs(self, seed_model: VectorModel) -> None:
        other = np.zeros((20, 30), np.uint8)
        with pytest.raises(PslError, match="resize"):
            pseudocodec.encode(other, model=seed_model)
        file = pseudocodec.encode(other, model=seed_model, resize=True)
        assert len(file) == FILE + 8
        assert pseudocodec.decode(file).shape == (20, 30)

    def test_what_a_file_says_of_itself(self, seed_model: VectorModel, pictures: Bytes) -> None:
        facts = pseudocodec.info(pseudocodec.encode(pictures[0], model=seed_model))
        assert (facts["model_name"], facts["progressive"]) == ("seeds", False)
        assert (facts["bytes"], facts["overhead_bytes"], facts["payload_bits"]) == (22, 20, 16)
        assert facts["device_dependent"] is False

    @pytest.mark.parametrize("cut", [1, 2])
    def test_a_part_of_a_file_is_refused(
        self, seed_model: VectorModel, older: VectorModel, pictures: Bytes, cut: int
    ) -> None:
        for model, said in ((seed_model, "not progressive"), (older, "a seed of this model needs")):
            part = pseudocodec.encode(pictures[0], model=model)[:-cut]
            with pytest.raises(Corrupt):
                pseudocodec.decode(part)
            unverified = pytest.warns(UnverifiedWarning) if model is older else nullcontext()
            with pytest.raises(Corrupt, match=said), unverified:
                pseudocodec.decode(part, partial=True)

    def test_a_model_without_a_dense_code_has_files_of_the_other(
        self, older: VectorModel, seed_model: VectorModel, pictures: Bytes
    ) -> None:
        file = pseudocodec.encode(pictures[0], model=older, progressive=False)
        assert pseudocodec.info(file)["progressive"]
        again = pseudocodec.encode(pictures[0], model=seed_model)
        np.testing.assert_array_equal(pseudocodec.decode(file), pseudocodec.decode(again))

    def test_damage_that_no_checksum_shows(self, seed_model: VectorModel, pictures: Bytes) -> None:
        good = pseudocodec.encode(pictures[0], model=seed_model)
        assert pseudocodec.verify(good, deep=True)["damaged"] == 0
        for payload, said in (
            ((5101 << 3).to_bytes(2, "big"), r"outside 0\.\.5100"),
            (b"\0\1", "bits behind the seed are not zero"),
            (b"\0\0\0", "13"),
            (b"\0", "needs 13"),
        ):
            file = write_single(seed_model.id, payload, dense=True)
            found = pseudocodec.verify(file, deep=True)
            assert found["damaged"] == 1
            with pytest.raises(Corrupt, match=said):
                pseudocodec.decode(file)

    def test_pillow_saves_and_opens_them(self, seed_model: VectorModel, pictures: Bytes) -> None:
        buffer = io.BytesIO()
        Image.fromarray(pictures[0]).save(buffer, "PSL", model=seed_model)
        file = pseudocodec.encode(pictures[0], model=seed_model)
        assert buffer.getvalue() == file
        with Image.open(buffer) as image:
            assert (image.mode, image.size) == ("L", (16, 16))
            np.testing.assert_array_equal(np.asarray(image), pseudocodec.decode(file))


class TestArchive:
    @pytest.mark.parametrize("target", [{}, {"quality": 0}, {"nbytes": 6}, {"psnr": 3}])
    def test_pictures_cost_13_bits_each(
        self, seed_model: VectorModel, pictures: Bytes, tmp_path: Path, target: dict[str, Any]
    ) -> None:
        path = tmp_path / "a.psl"
        pseudocodec.save(path, pictures, model=seed_model, **target)
        assert path.stat().st_size == ARCHIVE_HEADER_BYTES + U32.size + -(-BITS * 20 // 8)
        facts = pseudocodec.verify(path, deep=True)
        assert (facts["images"], facts["progressive"], facts["damaged"]) == (20, False, 0)
        assert facts["payload_bits"] == [13, 13]
        singles = [pseudocodec.encode(picture, model=seed_model) for picture in pictures]
        with pseudocodec.open(path) as archive:
            np.testing.assert_array_equal(archive[:], [pseudocodec.decode(s) for s in singles])

    def test_blocks_are_padded_to_whole_bytes(
        self, seed_model: VectorModel, pictures: Bytes, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.psl"
        pseudocodec.save(path, np.tile(pictures, (15, 1, 1)), model=seed_model, nbytes=2)
        assert path.stat().st_size <= 2 * 300
        blocks = -(-BITS * 256 // 8) + -(-BITS * 44 // 8)
        assert path.stat().st_size == ARCHIVE_HEADER_BYTES + 2 * U32.size + blocks

    def test_less_than_a_seed_each_is_refused(
        self, seed_model: VectorModel, pictures: Bytes, tmp_path: Path
    ) -> None:
        said = "nbytes=4: an archive of 20 pictures needs more for its header and a seed each"
        with pytest.raises(PslError, match=said):
            pseudocodec.save(tmp_path / "a.psl", pictures, model=seed_model, nbytes=4)
        with pytest.raises(PslError, match=r"picture 0: psnr=80: .* with 2 bytes, its most"):
            pseudocodec.save(tmp_path / "a.psl", pictures, model=seed_model, psnr=80)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("effort", [0, 3])
    def test_bytes_depend_neither_on_batches_nor_on_who_encodes(
        self,
        seed_model: VectorModel,
        pictures: Bytes,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        effort: int,
    ) -> None:
        settings: dict[str, Any] = {"model": seed_model, "effort": effort}
        pseudocodec.save(tmp_path / "many.psl", pictures, **settings)
        monkeypatch.setattr(_plan, "BATCH", 1)
        pseudocodec.save(tmp_path / "one.psl", pictures, **settings)
        assert (tmp_path / "one.psl").read_bytes() == (tmp_path / "many.psl").read_bytes()
        job = VectorEncoder(Portable(seed_model), True, Target(quality=60), BITS, effort, "cpu")
        batch = [Numbered(i, (picture[:, :, None], None)) for i, picture in enumerate(pictures)]
        assert pickle.loads(pickle.dumps(job))(batch) == job(batch)

    def test_two_processes_write_the_same_bytes(
        self,
        seed_model: VectorModel,
        pictures: Bytes,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(_plan, "BATCH", 5)
        for workers in (1, 2):
            path = tmp_path / f"{workers}.psl"
            pseudocodec.save(path, pictures, model=seed_model, effort=2, workers=workers)
        assert (tmp_path / "1.psl").read_bytes() == (tmp_path / "2.psl").read_bytes()

    def test_pictures_are_added(
        self, seed_model: VectorModel, pictures: Bytes, tmp_path: Path
    ) -> None:
        pseudocodec.save(tmp_path / "all.psl", pictures, model=seed_model)
        pseudocodec.save(tmp_path / "a.psl", pictures[:7], model=seed_model)
        pseudocodec.append(tmp_path / "a.psl", pictures[7:])
        assert (tmp_path / "a.psl").read_bytes() == (tmp_path / "all.psl").read_bytes()

    def test_a_cut_archive_is_refused(
        self, seed_model: VectorModel, pictures: Bytes, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.psl"
        pseudocodec.save(path, pictures, model=seed_model)
        with pytest.raises(Corrupt):
            pseudocodec.open(path.read_bytes()[:-1])

    def test_they_are_a_data_set_for_torch(
        self, seed_model: VectorModel, pictures: Bytes, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.psl"
        pseudocodec.save(path, pictures, model=seed_model)
        with PslDataset([path]) as dataset, pseudocodec.open(path) as archive:
            assert len(dataset) == 20
            np.testing.assert_array_equal(dataset[3][0], archive[3])


def test_seeds_too_many_to_score_are_found_as_the_thesis_does(seed_model: VectorModel) -> None:
    """m of 2^31: neither a book nor a list of all, at any effort."""
    from pseudocodec.prng import Lcg

    code = SeedCode(Lcg(a=1103515245, c=12345, m=2**31), gan_models.LATENTS)
    images = list(gan_models.pictures(2)[..., None])
    low, high = (
        seeding.describe_seeds(seed_model, code, images, effort=effort, device="cpu")
        for effort in (0, 9)
    )
    np.testing.assert_array_equal(low, high)
