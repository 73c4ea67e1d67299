"""Which of CompressAI's networks there are, and how one is built."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from pseudocodec._text import label
from pseudocodec.errors import PslError

MOST_CHANNELS = 1024
LEAKY = "-leaky-relu"


class Kind(NamedTuple):
    """One of CompressAI's networks: its class in `compressai.models`, and what its prior does."""

    network: str
    channels: tuple[int, int]  # N and M of CompressAI's lower qualities
    hyper: bool = True
    means: bool = True
    serial: bool = False


ARCHITECTURES = {
    "bmshj2018-factorized": Kind("FactorizedPrior", (128, 192), hyper=False),
    "bmshj2018-factorized-relu": Kind("FactorizedPriorReLU", (128, 192), hyper=False),
    "bmshj2018-hyperprior": Kind("ScaleHyperprior", (128, 192), means=False),
    "mbt2018-mean": Kind("MeanScaleHyperprior", (128, 192)),
    "mbt2018": Kind("JointAutoregressiveHierarchicalPriors", (192, 192), serial=True),
}
NAMES = (
    *ARCHITECTURES,
    *(name + LEAKY for name in ARCHITECTURES if not name.endswith("-relu")),
)
"""What `architecture` may be: CompressAI's names, and those with leaky ReLU in place of GDN."""


@dataclass(frozen=True)
class Config:
    """A network: its architecture, one of NAMES, and its channels N (hidden) and M (latents).

    Raises PslError for an unknown architecture and for channels outside 1 to MOST_CHANNELS.
    """

    architecture: str
    N: int
    M: int
    channels: int = 3

    def __post_init__(self) -> None:
        """Check what may come from a model file."""
        if self.architecture not in NAMES:
            raise PslError(
                f"architecture={self.architecture!r}: expected one of {', '.join(NAMES)}"
            )
        for value in (self.N, self.M):
            if not (isinstance(value, int) and 1 <= value <= MOST_CHANNELS):
                raise PslError(f"channels {value}: expected 1 to {MOST_CHANNELS}")

    @property
    def kind(self) -> Kind:
        """What CompressAI calls it."""
        return ARCHITECTURES[self.architecture.removesuffix(LEAKY)]

    def build(self) -> Any:
        """An untrained network. Raises PslError where CompressAI cannot be imported."""
        from torch import nn

        network = getattr(compressai("models"), self.kind.network)(self.N, self.M)
        if self.architecture.endswith(LEAKY):
            for part in (network.g_a, network.g_s):
                for place in range(1, len(part), 2):
                    part[place] = nn.LeakyReLU(inplace=True)
        return network


def compressai(module: str) -> Any:
    """A module of CompressAI, such as "models". Raises PslError where it is not to be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its dependencies deprecate one another
            return import_module(f"compressai.{module}")
    except Exception as error:  # torchvision without its operators raises RuntimeError
        reason = label((str(error) or type(error).__name__).splitlines()[0])
        raise PslError(
            f"the model needs CompressAI, which cannot be imported here ({reason}): "
            'pip install "pseudocodec[compressai]" adds it'
        ) from error
