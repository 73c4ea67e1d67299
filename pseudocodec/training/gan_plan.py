"""What suits a set of pictures when a model of one seed a picture is trained on them."""

from __future__ import annotations

from dataclasses import dataclass

from pseudocodec.errors import PslError
from pseudocodec.nets.gan import GanConfig
from pseudocodec.prng import GENERATORS, Lcg, named
from pseudocodec.seeding import BOOK_VALUES
from pseudocodec.training.gan_losses import LOSSES, check_critic_steps
from pseudocodec.training.plan import SIZES
from pseudocodec.training.sequences import SOURCES

SMALL_SIDE, SMALL_LATENTS, LATENTS = 40, 25, 100
SMALL_LCG, LARGE_LCG = "lcg-8191", "lcg-524287"
SCALE = {"small": 0.5, "base": 1.0, "large": 2.0}
BOOK_BATCH = 512  # of covering, where all seeds' pictures are compared
BOOK_RATE, SEARCH_RATE = 1.5e-3, 8e-4  # of learning; a channel makes gradients noisy
SMALL_PICTURES, SMALL_BATCH, LARGE_BATCH = 40 * 40, 128, 64


@dataclass(frozen=True)
class GanChoices:
    """What a user may settle; None leaves it to the pictures."""

    loss: str | None = None
    latents_from: str | None = None
    lcg: str | None = None
    critic_steps: int | None = None

    def __post_init__(self) -> None:
        """Refuse what there is not, before pictures are read."""
        for name, value, known in (
            ("loss", self.loss, LOSSES),
            ("latents_from", self.latents_from, SOURCES),
            ("lcg", self.lcg, tuple(GENERATORS)),
        ):
            if value not in {None, *known}:
                raise PslError(f"{name}={value!r}: expected one of {', '.join(known)}")
        check_critic_steps(1 if self.critic_steps is None else self.critic_steps)


@dataclass(frozen=True)
class GanPlan:
    """What a run trains."""

    config: GanConfig
    lcg: Lcg
    loss: str
    source: str
    critic_steps: int
    batch: int
    covering_batch: int
    covering_rate: float

    def describe(self) -> str:
        """What was chosen, in a phrase for people."""
        c, g = self.config, self.lcg
        return (
            f"{c.width} x {c.height} pixels, {'grey' if c.channels == 1 else 'RGB'}, one of "
            f"{g.m:,} seeds a picture ({g.bits} bits), sequences of {c.latents}, latents in "
            f"training: {self.source}, loss: {self.loss}"
        )


def gan_plan(shape: tuple[int, int, int], size: str, choices: GanChoices) -> GanPlan:
    """A plan for pictures of shape (C, H, W): sequences as long as the thesis has them.

    Small pictures get m = 8191, whose pictures can all be compared, larger ones m = 524287. Where
    all can be compared the generator has to know each seed's picture, and gets the room for it in
    fully connected layers. Raises PslError for an unknown size and pictures the nets cannot take.
    """
    if size not in SIZES:
        raise PslError(f"size={size!r}: expected one of {', '.join(SIZES)}")
    channels, height, width = shape
    samples = height * width * channels
    fits = named(SMALL_LCG).m * samples <= BOOK_VALUES
    lcg = named(choices.lcg or (SMALL_LCG if fits else LARGE_LCG))
    booked = lcg.m * samples <= BOOK_VALUES
    scale = SCALE[size]
    config = GanConfig(
        height,
        width,
        channels,
        latents=SMALL_LATENTS if max(height, width) <= SMALL_SIDE else LATENTS,
        base=round((16 if booked else 32) * scale),
        hidden=round(1024 * scale) if booked else 0,
        encoder_base=round(32 * scale),
        bounded=choices.latents_from != "gaussian",
    )
    return GanPlan(
        config,
        lcg,
        choices.loss or "non-saturating",
        choices.latents_from or "lcg",
        choices.critic_steps or 1,
        SMALL_BATCH if height * width <= SMALL_PICTURES else LARGE_BATCH,
        BOOK_BATCH if booked else LARGE_BATCH,
        BOOK_RATE if booked else SEARCH_RATE,
    )
