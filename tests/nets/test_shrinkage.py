"""Shrinkage: what it computes, where it starts, and that small differences are what it takes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.nets.hyperprior import HyperpriorConfig
from pseudocodec.nets.shrinkage import MIDDLE, ROWS, SEEN, STEEPNESS, STEP, Shrinkage, Stage

STAGES, MAPS, CHANNELS, CONDITION = 2, 22, 3, 4


def nets(*, lively: bool = True) -> Shrinkage:
    """If `lively`, no weight is zero."""
    torch.manual_seed(0)
    made = Shrinkage(STAGES, MAPS, CHANNELS, CONDITION)
    if lively:
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return made.requires_grad_(False)


def pictures(count: int = 1, height: int = 36, width: int = 44) -> Tensor:
    return torch.rand(count, CHANNELS, height, width, generator=torch.Generator().manual_seed(1))


def test_it_starts_as_the_identity() -> None:
    images = pictures(2)
    found = nets(lively=False)(images, torch.randn(2, CONDITION))
    torch.testing.assert_close(found, images)


def test_no_stages_are_no_change() -> None:
    images = pictures()
    assert Shrinkage(0, 1, CHANNELS, CONDITION)(images, torch.randn(1, CONDITION)) is images


def plain(stage: Stage, images: Tensor, condition: Tensor) -> Tensor:
    """A stage on pixels as they lie."""
    before, after = stage.film(condition).exp().chunk(2)
    found = F.conv2d(images, stage.first, padding="same") * before[:, None, None] * STEEPNESS
    limited = found.clamp(-1, 1) * after[:, None, None] * STEP
    return images + F.conv2d(limited, stage.last, padding="same")


def test_unshuffled_pictures_are_filtered_as_pictures_are() -> None:
    """Away from the edge, beyond which there are other pixels."""
    made, images, condition = nets(), pictures(height=4 * ROWS + 20), torch.randn(1, CONDITION)
    found, expected = made(images, condition), images - MIDDLE
    for stage in made.stages:
        assert isinstance(stage, Stage)
        expected = plain(stage, expected, condition[0])
    inner = (..., slice(STAGES * SEEN, -STAGES * SEEN), slice(STAGES * SEEN, -STAGES * SEEN))
    torch.testing.assert_close(found[inner], (expected + MIDDLE)[inner], rtol=0, atol=1e-5)
    assert float((found - images)[inner].abs().mean()) > 1e-3


def test_each_picture_has_its_own_level() -> None:
    made, images, condition = nets(), pictures(2), torch.randn(2, CONDITION)
    together = made(images, condition)
    alone = [made(images[i : i + 1], condition[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(together, torch.cat(alone))
    other = made(images[:1], condition[1:])
    assert not torch.allclose(other, alone[0])


def test_an_inference_is_what_learns() -> None:
    """Which saves memory in one of them only."""
    made, images, condition = nets(), pictures(), torch.randn(1, CONDITION)
    expected = made(images, condition)
    with torch.inference_mode():
        found = made(images, condition)
    torch.testing.assert_close(found, expected)


def test_it_learns_to_take_noise_from_edges() -> None:
    """A step of 100 with noise of deviation 3: half of the error goes, the edge stays."""
    torch.manual_seed(0)
    made = Shrinkage(1, 18, CHANNELS, CONDITION)
    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    condition = torch.zeros(1, CONDITION)
    generator = torch.Generator().manual_seed(2)

    def noisy() -> tuple[Tensor, Tensor]:
        clean = torch.full((1, CHANNELS, 32, 32), 80 / 255)
        where = int(torch.randint(8, 24, (), generator=generator))
        clean[..., where:] += 100 / 255
        return clean, clean + 3 / 255 * torch.randn(clean.shape, generator=generator)

    for _ in range(60):
        clean, noise = noisy()
        error = (made(noise, condition) - clean).square().mean()
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    clean, noise = noisy()
    with torch.no_grad():
        left = made(noise, condition) - clean
    assert float(left.square().mean()) < 0.5 * float((noise - clean).square().mean())
    assert float(left.mean((0, 1, 2)).abs().max()) < 3 / 255


@pytest.mark.parametrize("sizes", [{"stages": -1}, {"stages": 3, "maps": 0}, {"stages": 2000}])
def test_sizes_no_net_has_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(PslError, match="hyperprior nets: "):
        HyperpriorConfig(**sizes)


def test_models_from_before_are_given_it_once() -> None:
    given = HyperpriorConfig().with_shrinkage()
    assert given.stages > 0 and given.maps > 1
    assert given.with_shrinkage() is given
