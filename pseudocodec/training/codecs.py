"""The codecs that `train` knows, the objectives of each, and the choices that each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from pseudocodec.errors import PslError
from pseudocodec.integrations.compressai import NAMES
from pseudocodec.training.compressai import train_compressai
from pseudocodec.training.overfit import train_overfit
from pseudocodec.training.train_gan import SHARES, train_gan
from pseudocodec.training.train_kind import train_kind
from pseudocodec.training.train_photo import train_photo
from pseudocodec.training.tune_photo import tune_photo

UNCHOSEN: Mapping[str, Any] = {
    "size": "base",
    "holdout": None,
    "report": True,
    "lmbda": None,
    "init": None,
    "loss": None,
    "latents_from": None,
    "lcg": None,
    "critic_steps": None,
}
"""Choices that not every codec takes, as they are unless made."""

GAN = ("size", "holdout", "report", "loss", "latents_from", "lcg", "critic_steps")


class Way(NamedTuple):
    """How one codec is trained for one objective: a function of a Job and the choices it takes."""

    train: Callable[..., dict[str, Any]]
    takes: tuple[str, ...]


def _compressai(name: str) -> dict[str, Way]:
    takes = ("lmbda", "init", "holdout")
    return {
        objective: Way(partial(train_compressai, architecture=name, objective=objective), takes)
        for objective in ("mse", "ms-ssim")
    }


CODECS: Mapping[str, Mapping[str, Way]] = {
    "kind": {
        objective: Way(partial(train_kind, objective=objective), ("size", "holdout", "report"))
        for objective in ("mse", "perceptual")
    },
    "gan": {objective: Way(partial(train_gan, objective=objective), GAN) for objective in SHARES},
    "photo": {
        "mse": Way(train_photo, ("init", "holdout", "report")),
        "perceptual": Way(tune_photo, ("init", "holdout", "report")),
    },
    "overfit": {"mse": Way(train_overfit, ("init",))},
    **{name: _compressai(name) for name in NAMES},
}


def way_of(codec: str, objective: str, choices: Mapping[str, Any]) -> Callable[..., dict[str, Any]]:
    """What trains a codec for an objective, called with a Job; the `choices` are in it.

    Raises PslError for a codec or an objective that there is not, and for a choice that differs
    from UNCHOSEN where it makes no difference.
    """
    if codec not in CODECS:
        raise PslError(f"codec={codec!r}: expected one of {', '.join(CODECS)}")
    ways = CODECS[codec]
    if objective not in ways:
        raise PslError(
            f"objective={objective!r}: expected one of {', '.join(ways)} for codec={codec!r}"
        )
    way = ways[objective]
    for key, value in choices.items():
        if key not in way.takes and value != UNCHOSEN[key]:
            takers = ", ".join(name for name, ways in CODECS.items() if _takes(ways, key))
            raise PslError(
                f"{key}={value!r}: codec={codec!r} with objective={objective!r} does not take it; "
                f"leave it out (it is for {takers})"
            )
    return partial(way.train, **{key: choices[key] for key in way.takes})


def _takes(ways: Mapping[str, Way], key: str) -> bool:
    return any(key in way.takes for way in ways.values())
