"""Generator, inverse generator and discriminator: shapes, ranges, sizes, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pseudocodec.errors import PslError
from pseudocodec.nets.gan import (
    GanConfig,
    GanDiscriminator,
    GanTransform,
    Generator,
    InverseGenerator,
)
from pseudocodec.nets.registry import build_transform

TINY = GanConfig(16, 16, 1, latents=5, base=2, encoder_base=2)
SIZES = [
    ((28, 28, 1), 2, (7, 7)),
    ((64, 64, 3), 4, (4, 4)),
    ((16, 16, 1), 2, (4, 4)),
    ((8, 8, 3), 1, (4, 4)),
    ((20, 28, 1), 2, (5, 7)),
    ((18, 32, 1), 1, (9, 16)),
    ((256, 16, 3), 2, (64, 4)),
]


def count(net: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize(("shape", "halvings", "places"), SIZES)
def test_sides_are_halved_while_they_are_even_and_long_enough(
    shape: tuple[int, int, int], halvings: int, places: tuple[int, int]
) -> None:
    config = replace(TINY, height=shape[0], width=shape[1], channels=shape[2])
    assert (config.halvings, config.places) == (halvings, places)
    latents = torch.rand(3, 5) * 2 - 1
    with torch.no_grad():
        pictures = Generator(config)(latents)
        found = InverseGenerator(config)(pictures)
        logits = GanDiscriminator(config)(pictures)
    assert pictures.shape == (3, shape[2], *shape[:2])
    assert (found.shape, logits.shape) == ((3, 5), (3,))
    assert {pictures.dtype, found.dtype, logits.dtype} == {torch.float32}


def test_features_double_three_times() -> None:
    assert GanConfig(256, 256, 3, 10, base=4).widths(4) == [4, 8, 16, 32, 32, 32]


@torch.no_grad()
def test_pictures_and_latents_stay_in_their_range() -> None:
    generator, inverse = Generator(TINY), InverseGenerator(TINY)
    for net in (generator.ups[-1], inverse.head):
        net.weight.mul_(1000)
    pictures = generator(torch.randn(8, 5))
    found = inverse(pictures)
    for values in (pictures, found):
        assert float(values.abs().max()) <= 1
        assert float(values.abs().max()) > 0.99


@torch.no_grad()
def test_unbounded_latents_may_be_any_numbers() -> None:
    inverse = InverseGenerator(replace(TINY, bounded=False))
    inverse.head.weight.mul_(1000)
    assert float(inverse(torch.rand(8, 1, 16, 16)).abs().max()) > 1


@torch.no_grad()
def test_a_transform_takes_and_gives_pictures_from_0_to_1() -> None:
    nets = GanTransform(TINY).eval()
    images, level = torch.rand(4, 1, 16, 16), torch.zeros(4)
    torch.testing.assert_close(nets.analyse(images, level), nets.inverse(2 * images - 1))
    latents = torch.rand(4, 5)
    decoded = nets.synthesise(latents, level)
    torch.testing.assert_close(decoded, (nets.generator(latents) + 1) / 2)
    assert 0 <= float(decoded.min()) <= float(decoded.max()) <= 1


@torch.no_grad()
def test_the_rate_changes_nothing() -> None:
    nets = GanTransform(TINY).eval()
    images, levels = torch.rand(1, 1, 16, 16), (torch.tensor([-9.0]), torch.tensor([0.0]))
    first, second = (nets.analyse(images, level) for level in levels)
    assert torch.equal(first, second)
    first, second = (nets.synthesise(first, level) for level in levels)
    assert torch.equal(first, second)


def test_the_weights_of_a_dcgan() -> None:
    """28 x 28 grey, features 32 and 64, 100 latents: each layer counted by hand."""
    config = GanConfig(28, 28, 1, latents=100)
    convolutions = 16 * (1 * 32 + 32 * 64)
    project = 100 * 64 * 7 * 7
    norms = 2 * (32 + 64)
    assert count(Generator(config)) == project + 64 * 49 + convolutions + 32 + 1 + norms
    assert count(InverseGenerator(config)) == project + 100 + convolutions + 32 + 64 + norms
    assert count(GanDiscriminator(config)) == convolutions + 32 + 64 + 64 * 49 + 1
    assert config.weights == 2 * (project + convolutions)


def test_the_weights_of_hidden_layers() -> None:
    config = replace(TINY, hidden=7, depth=3)
    plain, more = (count(Generator(c)) for c in (TINY, config))
    features = 2 * 2 * 4 * 4
    assert more - plain == 5 * 7 + 7 + 2 * (7 * 7 + 7) + (7 - 5) * features
    assert config.weights - TINY.weights == 5 * 7 + 2 * 7 * 7 + (7 - 5) * features


@torch.no_grad()
def test_no_layer_of_the_discriminator_is_steep() -> None:
    torch.manual_seed(0)
    net = GanDiscriminator(TINY)
    layers = [*net.downs, net.head]
    for layer in layers:
        layer.parametrizations.weight.original.mul_(100)
    for _ in range(20):  # each is one step of the power iteration
        net(torch.rand(1, 1, 16, 16))
    for layer in layers:
        assert float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) < 1.1


def test_a_plain_discriminator_has_weights_of_any_size() -> None:
    net = GanDiscriminator(TINY, plain=True)
    assert not any(hasattr(layer, "parametrizations") for layer in [*net.downs, net.head])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"latents": 0}, r"latents=0: expected a whole number from 1 to 16384"),
        ({"latents": 1 << 15}, r"latents=32768: expected"),
        ({"latents": 2.0}, r"latents=2\.0: expected a whole number"),
        ({"latents": True}, r"latents=True: expected a whole number"),
        ({"base": 1 << 10}, r"base=1024: expected a whole number from 1 to 512"),
        ({"encoder_base": 0}, r"encoder_base=0: expected"),
        ({"hidden": -1}, r"hidden=-1: expected a whole number from 0 to 4096"),
        ({"depth": 9}, r"depth=9: expected a whole number from 1 to 8"),
        ({"height": 512}, r"height=512: expected a whole number from 1 to 256"),
        ({"channels": 2}, r"channels=2: expected 1 \(grey\) or 3 \(RGB\)"),
        ({"bounded": 1}, r"bounded=1: expected true or false"),
        ({"height": 17}, r"pictures of 16 x 17 pixels: this net takes even sides from 8 pixels on"),
        ({"width": 21}, r"pictures of 21 x 16 pixels: .*; resize or pad the pictures"),
        ({"width": 6}, r"pictures of 6 x 16 pixels"),
        ({"height": 254, "width": 254, "base": 512, "latents": 4096}, r"weights: at most 268,435"),
    ],
)
def test_shapes_that_cannot_be_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(PslError, match=f"^.*{said}"):
        replace(TINY, **change)


def test_a_model_file_builds_them() -> None:
    assert isinstance(build_transform("gan", TINY.as_dict()), GanTransform)
    with pytest.raises(PslError, match=r"net family 'gan': .*'colour'"):
        build_transform("gan", {**TINY.as_dict(), "colour": 1})


def test_codes_of_other_lengths_are_refused() -> None:
    GanTransform(TINY).check([5])
    with pytest.raises(PslError):
        GanTransform(TINY).check([6])
