"""Pictures to payloads: a fit for each tile, its nets stored by rate and distortion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pseudocodec._pixels import Pixels
from pseudocodec.errors import PslError
from pseudocodec.overfit.fitting.aim import Aim
from pseudocodec.overfit.fitting.schedule import STEPS
from pseudocodec.overfit.fitting.tile_fit import Found, TileFit
from pseudocodec.photo import payload
from pseudocodec.photo.progress import OnProgress, Progress
from pseudocodec.photo.tiles import PATCH, Grid
from pseudocodec.rate import Target

if TYPE_CHECKING:
    from pseudocodec.overfit.model import OverfitModel

PROBE = 40  # steps that tell how a size is shared out among tiles


def encode_pixels(
    model: OverfitModel,
    pixels: Pixels,
    target: Target,
    *,
    overhead: int = 0,
    effort: int,
    device: str,
    on_progress: OnProgress = None,
) -> bytes:
    """See `photo.rate.encode_pixels`. A KeyboardInterrupt ends the fit, others are cut short.

    All tiles start from one row of the model's. A size is shared out among them by what a few steps
    at one price say that they need.
    """
    if effort not in range(len(STEPS)):
        raise PslError(f"effort={effort}: expected a whole number from 0 to {len(STEPS) - 1}")
    height, width, colours = pixels.shape
    grid = Grid(height, width)
    overhead += payload.front_size(grid)
    aim = Aim.of(target, height * width, overhead)
    level = model.starts.nearest(aim.price)
    areas = [grid.tile(i).scaled(PATCH).inside(grid.pixels).slices for i in range(grid.tiles)]
    parts = [pixels[area] for area in areas]
    aims = _shared(model, parts, aim, level, device)
    steps, tiles = STEPS[effort], []
    for i, (part, own) in enumerate(zip(parts, aims, strict=True)):
        tell = _teller(on_progress, i, len(parts))
        with TileFit(model.starts, part, level, device=device) as fit:
            found = fit.run(own, steps, tell)
            steps = PROBE if fit.interrupted else steps  # of the tiles that are left
        tiles.append(_checked(found, own, target, overhead))
    return payload.pack(grid, colours == 1, level, tiles)


def _teller(on_progress: OnProgress, tile: int, tiles: int) -> OnProgress:
    if on_progress is None:
        return None

    def tell(p: Progress) -> None:
        on_progress(p._replace(done=tile * p.total + p.done, total=tiles * p.total))

    return tell


def _shared(
    model: OverfitModel, parts: list[Pixels], aim: Aim, level: int, device: str
) -> list[Aim]:
    if aim.size is None or len(parts) == 1:
        return [aim] * len(parts)
    needs = []
    for part in parts:
        with TileFit(model.starts, part, level, device=device) as fit:
            needs.append(fit.probe(aim.price, PROBE))
    total = sum(needs)
    return [Aim(aim.price, size=int(aim.size * need / total)) for need in needs]


def _checked(found: Found, aim: Aim, target: Target, overhead: int) -> bytes:
    if aim.size is not None and len(found.data) > aim.size:
        raise PslError(
            f"a file of {aim.size + overhead} bytes was asked for; this picture takes at least "
            f"{len(found.data) + overhead} here: ask for more, or scale it down first"
        )
    if aim.mse is not None and found.mse > aim.mse:
        raise PslError(
            f"psnr={target.psnr}: fitted to this picture the nets do not reach it; ask for less, "
            "or for quality=100"
        )
    return found.data
