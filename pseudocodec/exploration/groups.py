"""Arithmetic of pictures: a - b + c, where each is the mean of a group in latent space.

After Radford, Metz & Chintala (2016, section 6.3.2) and the lecture "Autoencoders and GANs": the
mean of some smiling women less that of neutral women and with neutral men gives a smiling man.
Single vectors are unstable there, their means are not.

Every picture is decoded at its own rate: what a payload leaves open is zero on average, so that the
decoded latents of a group have the mean of the latents that were coded, at any rate. The three
means and the result are coded in the latent code of the first picture of `a`, with as many bits as
the longest payload of all groups, and the generator is told so many: the finest rate at which any
of the pictures was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from pseudocodec._saving import batched
from pseudocodec.container import Source
from pseudocodec.errors import PslError
from pseudocodec.exploration.coded import Coded, Space, decoded
from pseudocodec.exploration.points import Point, Vectors, latents_of, read_points, same_model
from pseudocodec.pipeline import BATCH, Coder

Group: TypeAlias = Source | Sequence[Source]
"""A .psl file, an archive, a folder of them, or a list or tuple of such."""


class Arithmetic(NamedTuple):
    """The means of three groups, and a - b + c."""

    a: Coded
    b: Coded
    c: Coded

    result: Coded

    pictures: tuple[int, int, int]
    """In each group."""


class Mean(NamedTuple):
    """Of a group of one model."""

    first: Point
    latents: Vectors  # (dims,)
    pictures: int
    bits: int  # of the longest payload


def arithmetic(
    a: Group, b: Group, c: Group, *, effort: int = 3, device: str = "auto"
) -> Arithmetic:
    """The picture of a - b + c, and those of the three means.

    Args:
        a: pictures that have what is looked for: a .psl file, an archive, of which all pictures
            count, a folder, of which all .psl files do, or a list of such.
        b: pictures like those of `a` that do not have it.
        c: pictures that are to get it; one is enough.
        effort: 0 to 9, of coding.
        device: "auto", "cpu", "cuda" ...

    Raises what `pseudocodec.open` and `decode` raise; PslError for a group without pictures, for
    pictures of two models, naming both, and for a model that is not one of one kind of pictures.
    """
    means = [mean_of(group, name) for group, name in ((a, "a"), (b, "b"), (c, "c"))]
    for other in means[1:]:
        same_model(means[0].first, other.first)
    bits = max(mean.bits for mean in means)
    space = Space.of(means[0].first, bits, effort=effort, device=device)
    first, second, third = means
    result = space.code(first.latents - second.latents + third.latents)
    a_coded, b_coded, c_coded = (_shown(mean, space) for mean in means)
    return Arithmetic(
        a_coded, b_coded, c_coded, result, (first.pictures, second.pictures, third.pictures)
    )


def mean_of(group: Group, name: str) -> Mean:
    """The mean of the decoded latents of a group, `name` in messages. Raises as `arithmetic`."""
    first, count, bits = None, 0, 0
    total: NDArray[np.float64] = np.zeros(())
    for batch in batched(read_points(_sources(group), name), BATCH):
        first = first or batch[0]
        for point in batch:
            same_model(first, point)
        total = total + latents_of(batch).sum(axis=0, dtype=np.float64)
        count, bits = count + len(batch), max(bits, *(point.payload[1] for point in batch))
    if first is None:
        raise PslError(f"group {name} has no pictures: give it at least one")
    return Mean(first, (total / count).astype(np.float32), count, bits)


def _shown(mean: Mean, space: Space) -> Coded:
    """The mean, coded; of one picture, as its file has it."""
    if mean.pictures > 1:
        return space.code(mean.latents)
    point = mean.first
    return decoded(Coder(point.model, point.dense, device=space.coder.device), point.payload)


def _sources(group: Group) -> Iterable[Source]:
    return group if isinstance(group, (list, tuple)) else [cast(Source, group)]
