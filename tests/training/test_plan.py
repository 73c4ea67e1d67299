"""What is chosen for a set of pictures: mirror images, shrinkage, rates, nets of every size."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.nets.grid import GridTransform
from pseudocodec.training import plan as module
from pseudocodec.training.plan import Plan, fitting_pictures, payload_range, plan_for


def stripes(count: int, seed: int, *, leaning: str) -> Tensor:
    """uint8 (N, 1, 16, 16): waves in directions that lean to the right, or to either side."""
    random = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    out = torch.zeros(count, 16, 16)
    for _ in range(3):
        slope, pace, phase = torch.rand(3, count, 1, 1, generator=random)
        if leaning == "either":
            slope = slope * (2 * torch.randint(2, slope.shape, generator=random) - 1)
        lean = (0.3 + slope.abs()) * slope.sign()
        out += torch.sin((0.2 + 0.6 * pace) * (y + lean * x) + 6 * phase)
    return ((out / 3 + 1) * 127.5).to(torch.uint8)[:, None]


def noise(count: int, *shape: int) -> Tensor:
    return torch.randint(256, (count, *shape), dtype=torch.uint8)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the measurements, which take seconds for large pictures."""
    monkeypatch.setattr(module, "_scores", lambda *_: {0.3: 20.0})


def test_mirror_images_where_the_kind_is_symmetric() -> None:
    images, held_out = (stripes(count, count, leaning="either") for count in (150, 100))
    assert plan_for(images, held_out).flip


def test_no_mirror_images_where_they_are_of_another_kind() -> None:
    images, held_out = (stripes(count, count, leaning="right") for count in (150, 100))
    assert not plan_for(images, held_out).flip


def test_no_mirror_images_where_they_teach_nothing() -> None:
    """Pictures that are their own mirror images: the gain is nought."""
    images, held_out = (stripes(count, count, leaning="right") for count in (150, 100))
    images, held_out = (torch.maximum(part, part.flip(3)) for part in (images, held_out))
    assert not plan_for(images, held_out).flip


def test_few_pictures_of_noise_are_shrunk_and_many_alike_are_not() -> None:
    assert plan_for(noise(100, 1, 24, 24), noise(30, 1, 24, 24)).shrink > 0
    images, held_out = (stripes(count, count, leaning="right") for count in (4000, 300))
    assert plan_for(images, held_out).shrink == 0


@pytest.mark.parametrize(
    ("samples", "expected"), [(784, (2, 64)), (64 * 64 * 3, (8, 256)), (256, (1, 32))]
)
def test_payloads(samples: int, expected: tuple[int, int]) -> None:
    assert payload_range(samples) == expected


def test_payloads_grow_with_the_picture() -> None:
    ranges = [payload_range(side * side) for side in range(16, 257, 16)]
    assert ranges == sorted(ranges)
    assert all(1 <= low < high for low, high in ranges)


@pytest.mark.usefixtures("no_choice")
@pytest.mark.parametrize("size", ["small", "base", "large"])
@pytest.mark.parametrize(
    "shape", [(1, 16, 16), (1, 17, 33), (3, 28, 40), (1, 16, 256), (3, 41, 128), (3, 256, 256)]
)
@torch.no_grad()
def test_nets_for_every_shape(shape: tuple[int, int, int], size: str) -> None:
    plan = plan_for(noise(2, *shape), noise(1, *shape), size)
    transform = GridTransform(plan.config).eval()
    images, level = torch.rand(1, *shape), torch.zeros(1)
    assert transform.synthesise(transform.analyse(images, level), level).shape == images.shape
    assert plan.config.dims >= 8 * plan.payload_bytes[1] / 8
    assert plan.shrink == 0.3


@pytest.mark.usefixtures("no_choice")
def test_larger_sizes_have_more_weights() -> None:
    def weights(size: str) -> int:
        plan = plan_for(noise(2, 3, 64, 64), noise(1, 3, 64, 64), size)
        return sum(weight.numel() for weight in GridTransform(plan.config).parameters())

    assert weights("small") < weights("base") < weights("large")


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(PslError, match="size='huge': expected one of small, base, large"):
        plan_for(noise(2, 1, 16, 16), noise(1, 1, 16, 16), "huge")


@pytest.mark.usefixtures("no_choice")
def test_pictures_the_nets_cannot_take_are_refused() -> None:
    with pytest.raises(PslError, match="width=257"):
        plan_for(noise(2, 1, 16, 257), noise(1, 1, 16, 257))


@pytest.mark.usefixtures("no_choice")
def test_it_is_told_in_words_and_as_json() -> None:
    plan = plan_for(noise(2, 3, 17, 33), noise(1, 3, 17, 33))
    assert plan.describe().startswith("33 x 17 pixels, RGB, patches of 4, ")
    assert "without mirror images, shrinkage 0.3" in plan.describe()
    assert json.loads(json.dumps(plan.as_dict()))["config"]["width"] == 33
    low, high = plan.train_bits
    assert low < 8 * plan.payload_bytes[0] < 8 * plan.payload_bytes[1] < high


class TestFittingPictures:
    @pytest.fixture
    def plans(self, no_choice: None) -> dict[bool, Plan]:
        plan = plan_for(noise(2, 1, 16, 16), noise(1, 1, 16, 16))
        fields: dict[str, Any] = {
            name: getattr(plan, name) for name in ("config", "shrink", "payload_bytes", "batch")
        }
        return {flip: Plan(flip=flip, **fields) for flip in (False, True)}

    def test_all_of_a_small_set(self, plans: dict[bool, Plan]) -> None:
        images = noise(70, 1, 16, 16)
        shown = fitting_pictures(images, plans[False])
        torch.testing.assert_close(shown, images / 255)
        shown = fitting_pictures(images, plans[True])
        torch.testing.assert_close(shown[:70], images / 255)
        torch.testing.assert_close(shown[70:], images.flip(3) / 255)

    def test_some_of_a_large_set(
        self, plans: dict[bool, Plan], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = noise(70, 1, 16, 16)
        monkeypatch.setattr(module, "FITTED_PICTURES", 40)
        assert len(fitting_pictures(images, plans[False])) == 40
        assert len(fitting_pictures(images, plans[True])) == 40
        monkeypatch.setattr(module, "FIT_BYTES", 20 * 4 * 256)
        assert len(fitting_pictures(images, plans[False])) == 20
        assert len(fitting_pictures(images, plans[True])) == 20
