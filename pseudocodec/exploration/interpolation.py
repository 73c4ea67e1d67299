"""From one picture to another through the latent space of their model.

After "Autoencoders and GANs" (lecture notes) and Radford, Metz & Chintala, "Unsupervised
representation learning with deep convolutional generative adversarial networks" (2016): there the
points between two noise vectors are given to a generator as they are. Here each is coded as well,
with as many bits as the two pictures have, so that every step is a series of seeds, which a .psl
file can hold. A code has no word for just any point; `Coded.distance` says how far the nearest that
was found lies beside the way.
"""

from __future__ import annotations

import os
from functools import partial
from typing import NamedTuple, cast

import numpy as np

from pseudocodec.codec import encode
from pseudocodec.container import Source
from pseudocodec.errors import PslError
from pseudocodec.exploration.coded import Coded, Space, decoded
from pseudocodec.exploration.paths import PATHS
from pseudocodec.exploration.points import latents_of, read_point, same_model
from pseudocodec.latent.seed import SeedCode
from pseudocodec.model import Model
from pseudocodec.model.load import load_vector_model
from pseudocodec.pipeline import Coder
from pseudocodec.rate import DEFAULT_QUALITY

STEPS = 9
MOST_STEPS = 100


class Step(NamedTuple):
    """One picture on the way."""

    t: float
    """The share of the way, 0 to 1."""

    coded: Coded


def interpolate(
    a: object,
    b: object,
    steps: int = STEPS,
    *,
    path: str = "linear",
    index_a: int | None = None,
    index_b: int | None = None,
    model: str | os.PathLike[str] | Model | None = None,
    quality: float = DEFAULT_QUALITY,
    effort: int = 3,
    device: str = "auto",
) -> list[Step]:
    """The pictures from `a` to `b`, both included: those decode from the payloads of their files.

    Args:
        a: a .psl file, as of `pseudocodec.decode`, or an archive with `index_a`. With `model`, a
            picture, as of `pseudocodec.encode`.
        b: likewise.
        steps: pictures, 2 to `MOST_STEPS`, at equal shares of the way.
        path: "linear", or "spherical" for Gaussian latents; see `exploration.paths`.
        index_a: the number of the picture in an archive `a`, from the end if negative.
        index_b: likewise.
        model: one of one kind of pictures, that `a` and `b` are encoded with; resized if need be.
        quality: 0 to 100, of that.
        effort: 0 to 9, of coding.
        device: "auto", "cpu", "cuda" ...

    What lies between is in the latent code of `a`, with as many bits as the longer of the two
    payloads, and the generator is told so many.

    Raises what `pseudocodec.decode` raises; PslError for a model that is not one of one kind of
    pictures, two models, steps or a path out of range, a spherical path where latents are not
    Gaussian or are opposite, an archive without its index; OutOfRange for an index outside.
    """
    if isinstance(steps, bool) or steps not in range(2, MOST_STEPS + 1):
        raise PslError(f"steps={steps!r}: expected a whole number from 2 to {MOST_STEPS}")
    if path not in PATHS:
        raise PslError(f"path={path!r}: expected {' or '.join(PATHS)}")
    if model is not None:
        loaded = load_vector_model(model)
        settled = partial(encode, model=loaded, quality=quality, effort=effort, device=device)
        a, b = settled(a, resize=True), settled(b, resize=True)
    first = read_point(cast(Source, a), index_a, "a")
    last = read_point(cast(Source, b), index_b, "b")
    same_model(first, last)
    if path == "spherical" and isinstance(first.code, SeedCode):
        raise PslError(
            f"the latents of model {first.model.facts.name!r} lie in [-1, 1], not near a sphere: "
            "take the linear path"
        )
    start, end = latents_of([first, last])
    bits = max(first.payload[1], last.payload[1])
    space = Space.of(first, bits, effort=effort, device=device)
    between = np.linspace(0, 1, steps)[1:-1].tolist()
    return [
        Step(0.0, decoded(space.coder, first.payload)),
        *(Step(t, space.code(PATHS[path](start, end, t))) for t in between),
        Step(1.0, decoded(Coder(last.model, last.dense, device=device), last.payload)),
    ]
