"""From picture to picture: ends that are the files', steps that are real payloads."""

from __future__ import annotations

import io
from pathlib import Path

import kind_models
import numpy as np
import photo_models
import pytest

import pseudocodec
from pseudocodec.errors import Corrupt, NotPsl, OutOfRange, PslError, UnknownModel
from pseudocodec.exploration import Coded, interpolate, save_coded
from pseudocodec.exploration.points import latents_of, read_point
from pseudocodec.model import PhotoModel, VectorModel

BITS = 80


@pytest.fixture
def files(seeded: VectorModel, gaussian: VectorModel, tmp_path: Path) -> dict[str, list[Path]]:
    """Three pictures of each latent code, a file each."""
    kinds = {"seed": (seeded, 16, False), "composition": (gaussian, BITS, False)}
    kinds |= {"scalar": (gaussian, BITS, True)}
    found = {}
    for kind, (model, bits, dense) in kinds.items():
        payloads = kind_models.payloads(model, 3, bits=bits, dense=dense)
        found[kind] = [
            kind_models.single(tmp_path / f"{kind}-{i}.psl", model, payload, dense)
            for i, payload in enumerate(payloads)
        ]
    return found


@pytest.fixture
def photo(photo_model: PhotoModel, tmp_path: Path) -> Path:
    path = tmp_path / "photo.psl"
    path.write_bytes(pseudocodec.encode(photo_models.smooth(32, 32), model=photo_model, effort=0))
    return path


@pytest.mark.parametrize("kind", ["seed", "composition", "scalar"])
def test_the_ends_are_the_pictures_of_the_files(files: dict[str, list[Path]], kind: str) -> None:
    a, b, _ = files[kind]
    way = interpolate(a, b, steps=4, effort=0)
    assert [t for t, _ in way] == [0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1]
    for path, (_, end) in zip((a, b), (way[0], way[-1]), strict=True):
        assert path.read_bytes().endswith(end.payload)
        assert end.distance == 0
        np.testing.assert_array_equal(end.pixels, pseudocodec.decode(path))
        np.testing.assert_array_equal(end.pixels, end.uncoded)


@pytest.mark.parametrize("kind", ["seed", "composition", "scalar"])
@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_the_steps_are_an_archive_of_the_pictures_shown(
    files: dict[str, list[Path]], kind: str, path: str, tmp_path: Path
) -> None:
    if (kind, path) == ("seed", "spherical"):
        pytest.skip("latents of sequences are not Gaussian")
    a, b, _ = files[kind]
    steps = [coded for _, coded in interpolate(a, b, steps=5, path=path, effort=0)]
    assert {step.bits for step in steps} == {16 if kind == "seed" else BITS}
    save_coded(tmp_path / "steps.psl", steps)
    with pseudocodec.open(tmp_path / "steps.psl") as archive:
        for i, step in enumerate(steps):
            np.testing.assert_array_equal(archive[i], step.pixels)
            assert step.pixels.shape == (kind_models.HEIGHT, kind_models.WIDTH)


def test_the_same_every_time(files: dict[str, list[Path]]) -> None:
    a, b, _ = files["composition"]
    first, second = (interpolate(a, b, effort=0) for _ in range(2))
    assert len(first) == 9
    assert [coded.payload for _, coded in first] == [coded.payload for _, coded in second]


def test_a_step_between_sequences_is_the_nearest_of_all(
    files: dict[str, list[Path]], seeded: VectorModel
) -> None:
    """The model's own search knows the neighbourhood of one value and what is near a sequence."""
    a, b, _ = files["seed"]
    start, end = latents_of([read_point(a, None, "a"), read_point(b, None, "b")])
    every = seeded.code.decode(np.arange(kind_models.LCG.m)[:, None], 16)
    for t, step in interpolate(a, b, steps=5):
        errors = np.mean((every - ((1 - t) * start + t * end)) ** 2, axis=1)
        assert step.seeds is not None
        assert errors[step.seeds[0]] == pytest.approx(errors.min(), rel=1e-5)  # or as near
        assert step.signs == (1,)
        assert step.distance == pytest.approx(np.sqrt(errors.min()), abs=1e-6)


def test_seeds_and_signs_are_those_of_the_payload(
    files: dict[str, list[Path]], gaussian: VectorModel
) -> None:
    a, b, _ = files["composition"]
    code = gaussian.code
    for _, step in interpolate(a, b, steps=3, effort=0):
        assert step.seeds is not None and step.signs is not None
        words = [seed << 1 | (sign < 0) for seed, sign in zip(step.seeds, step.signs, strict=True)]
        [payload] = code.pack(np.array([words]), step.bits)
        assert payload == (step.payload, step.bits)


def test_other_codes_have_no_seeds(files: dict[str, list[Path]]) -> None:
    a, b, _ = files["scalar"]
    assert all(step.coded.seeds is None for step in interpolate(a, b, steps=3, effort=0))


def test_distances_are_to_the_way(files: dict[str, list[Path]], gaussian: VectorModel) -> None:
    a, b, _ = files["composition"]
    start, end = latents_of([read_point(a, None, "a"), read_point(b, None, "b")])
    step = interpolate(a, b, steps=3, effort=0)[1].coded
    found = gaussian.code.decode(gaussian.code.unpack(step.payload, BITS)[None], BITS)[0]
    assert step.distance == pytest.approx(np.sqrt(np.mean((found - (start + end) / 2) ** 2)))
    assert 0 < step.distance < np.sqrt(np.mean((start - end) ** 2)) / 2


def test_the_longer_payload_sets_the_bits(gaussian: VectorModel, tmp_path: Path) -> None:
    [short], [long] = (kind_models.payloads(gaussian, 1, bits=bits) for bits in (40, BITS))
    a, b = (
        kind_models.single(tmp_path / f"{payload[1]}.psl", gaussian, payload)
        for payload in (short, long)
    )
    assert [step.coded.bits for step in interpolate(a, b, 3, effort=0)] == [40, BITS, BITS]
    assert [step.coded.bits for step in interpolate(b, a, 3, effort=0)] == [BITS, BITS, 40]


def test_a_dense_file_and_a_progressive_one(files: dict[str, list[Path]], tmp_path: Path) -> None:
    steps = [step.coded for step in interpolate(files["scalar"][0], files["composition"][1], 3)]
    assert [step.dense for step in steps] == [True, True, False]
    with pytest.raises(PslError, match="some of the pictures are progressive and others dense"):
        save_coded(tmp_path / "s.psl", steps)
    assert not (tmp_path / "s.psl").exists()


def test_pictures_of_an_archive(seeded: VectorModel, tmp_path: Path) -> None:
    payloads = kind_models.payloads(seeded, 5, bits=13)
    path = kind_models.archive(tmp_path / "a.psl", seeded, payloads)
    first, last = interpolate(path, path, steps=2, index_a=1, index_b=-1)
    assert (first.coded.payload, last.coded.payload) == (payloads[1][0], payloads[4][0])
    with pseudocodec.open(path) as archive:
        np.testing.assert_array_equal(last.coded.pixels, archive[4])


def test_bytes_and_files(files: dict[str, list[Path]]) -> None:
    a, b, _ = (path.read_bytes() for path in files["seed"])
    [*_, last] = interpolate(io.BytesIO(a), b, steps=3)
    assert b.endswith(last.coded.payload)


def test_pictures_and_a_model(gaussian: VectorModel) -> None:
    a, b = (photo_models.smooth(24, 32, seed=s, channels=1)[:, :, 0] for s in (1, 2))
    ends = interpolate(a, b, 2, model=gaussian, quality=100, effort=0)
    for picture, (_, end) in zip((a, b), ends, strict=True):
        data = pseudocodec.encode(picture, model=gaussian, quality=100, effort=0, resize=True)
        assert data.endswith(end.payload)
        assert end.pixels.shape == (kind_models.HEIGHT, kind_models.WIDTH)


@pytest.mark.parametrize("steps", [1, 0, -3, 101, 2.5, True, "9"])
def test_steps_out_of_range(files: dict[str, list[Path]], steps: int) -> None:
    with pytest.raises(PslError, match="expected a whole number from 2 to 100"):
        interpolate(*files["seed"][:2], steps=steps)


def test_an_unknown_path(files: dict[str, list[Path]]) -> None:
    with pytest.raises(PslError, match="path='round': expected linear or spherical"):
        interpolate(*files["seed"][:2], path="round")


def test_sequences_lie_on_no_sphere(files: dict[str, list[Path]]) -> None:
    with pytest.raises(PslError, match=r"'tiny' lie in \[-1, 1\].*take the linear path"):
        interpolate(*files["seed"][:2], path="spherical")


def test_different_models(files: dict[str, list[Path]]) -> None:
    a, b = files["seed"][0], files["composition"][0]
    said = r"seed-0\.psl is of model 'tiny' \(\w{16}\), .*-0\.psl of model 'gaussian' \(\w{16}\)"
    with pytest.raises(PslError, match=said):
        interpolate(a, b)


def test_a_photo(files: dict[str, list[Path]], photo: Path) -> None:
    with pytest.raises(PslError, match=r"photo\.psl: model 'tiny photo' is for pictures of any"):
        interpolate(files["seed"][0], photo)


def test_a_photo_model(photo_model: PhotoModel) -> None:
    picture = photo_models.smooth(16, 16)
    with pytest.raises(PslError, match="a model of one kind of pictures"):
        interpolate(picture, picture, model=photo_model)


def test_an_archive_without_an_index(seeded: VectorModel, tmp_path: Path) -> None:
    found = kind_models.payloads(seeded, 5, bits=13)
    path = kind_models.archive(tmp_path / "many.psl", seeded, found)
    with pytest.raises(PslError, match=r"many\.psl: .* 5 pictures: .* \(--index-b\), from 0 to 4"):
        interpolate(path, path, index_a=0)
    with pytest.raises(OutOfRange, match="picture 5 is not in the archive"):
        interpolate(path, path, index_a=0, index_b=5)


def test_a_single_picture_with_an_index(files: dict[str, list[Path]]) -> None:
    with pytest.raises(PslError, match=r"seed-0\.psl: .* leave out index_a"):
        interpolate(*files["seed"][:2], index_a=0)


def test_files_that_are_none(files: dict[str, list[Path]], tmp_path: Path) -> None:
    good = files["seed"][0]
    whole = good.read_bytes()
    cut = tmp_path / "cut.psl"
    cut.write_bytes(whole[:-1])
    with pytest.raises(Corrupt, match=r"cut\.psl: the checksum"):
        interpolate(good, cut)
    with pytest.raises(NotPsl, match=r"^b: "):
        interpolate(good, b"no picture at all")
    with pytest.raises(PslError, match="cannot open"):
        interpolate(good, tmp_path / "absent.psl")
    with pytest.raises(PslError, match=r"^a: cannot read from int"):
        interpolate(5, good)


def test_an_unknown_model(files: dict[str, list[Path]]) -> None:
    from pseudocodec.container import write_single

    with pytest.raises(UnknownModel, match=r"^b: the file needs model 0101010101010101"):
        interpolate(files["seed"][0], write_single(b"\1" * 8, b"\0\0"))


def test_a_payload_that_the_code_cannot_have_written(seeded: VectorModel) -> None:
    from pseudocodec.container import write_single

    good, bad = (write_single(seeded.id, payload) for payload in (b"\0\0", b"\xff\xff"))
    with pytest.raises(Corrupt, match="b: "):
        interpolate(good, bad)
    with pytest.raises(Corrupt, match=r"b: .* 800 bits"):
        interpolate(good, write_single(seeded.id, bytes(100)))


def test_nothing_to_save(tmp_path: Path) -> None:
    nothing: list[Coded] = []
    with pytest.raises(PslError, match="nothing to save"):
        save_coded(tmp_path / "s.psl", nothing)
