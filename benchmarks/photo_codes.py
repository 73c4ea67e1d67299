"""Photographs with each latent code: one net, the same hyper-latents, bytes and PSNR by code.

Crops of 256 x 256 from validation pictures. The hyperprior gives each latent a mean and a table,
that is, a deviation; only how the residuals are coded differs:

- `rounded`: scalar, to the nearest step. `scalar`: where a step towards zero saves more bits than
  its error is worth, that one, as the library's encoder takes it.
- `trellis`: the LCG trellis in rings, the tables' variances driving it by reverse water-filling.
  `calibrated`: with the variances that residuals of each table have on other pictures. `hybrid`:
  calibrated, for deviations from 3.4 steps on; `scalar` below.

Bytes are real ones, and what is measured is decoded from them. BD-rates are per cent more bits
than `scalar` at equal PSNR. On `Gaussian` the pictures' residuals are replaced by drawn ones of the
deviations that the tables claim, so that all assumptions hold; PSNR is then of the latents, as the
orthonormal part of the transform would show their error. `cpu_s` is encoding and decoding a crop,
less the nets; beside that Viterbi holds 2^12 / 16 bytes a bit of a ring, 2 MiB.

The last table says why the trellis gains on `Gaussian` and loses on pictures: given its table a
residual is peaked and has long tails. An entropy coder spends bits where they fall; a rate fixed by
the variance cannot, and much of the energy (`beyond_pct`) is beyond the outermost of 2^12 values.

    python benchmarks/photo_codes.py --model photo
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

import data
from harness import RESULTS, Row, log, table, write_json, write_plot
from photo_run import arguments
from pseudocodec import load_model
from pseudocodec.entropy import scales
from pseudocodec.errors import PslError
from pseudocodec.evaluation.bd import bd_rate
from pseudocodec.hyperprior.integer import (
    ACTIVATION,
    HIGHEST_SCALE,
    LOWEST_SCALE,
    MEAN,
    SCALE_STEP,
    SCALES,
    row_at,
)
from pseudocodec.latent._trellis_layout import LOG_BITS, log2
from pseudocodec.latent.schedule import UNIT, Schedule
from pseudocodec.latent.trellis import Trellis
from pseudocodec.metrics import Images, psnr
from pseudocodec.model import PhotoModel
from pseudocodec.photo.tensors import level_tensor, tensor_of
from pseudocodec.prng import named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CROP = 256
LEVELS, QUICK_LEVELS = (0.1, 0.25, 0.4, 0.55, 0.7), (0.1, 0.4, 0.7)  # of the highest
MEASURED = 3  # one picture in so many is measured, the others calibrate
QUICK_PICTURES = 4
WEIGHT = 1.5  # of errors in `scalar`: of 0.3, 0.6, 1, 1.4, 1.75 and 3 the best were 1 to 1.75
WATER = 1 / 12  # the level, in squared steps: what rounding leaves of a strong latent
EFFICIENCY = 19, 20  # of the trellis: Shannon's bits / bits spent
RING_BITS = 8192  # at most; the seam of a ring this long costs nothing
STATE_BITS = 12
HYBRID_FROM = 28  # the table of deviation 3.45
PRIOR = 100  # residuals that a table's own variance counts for, in calibration
GROUPS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, np.inf)  # deviations, of the statistics
TAIL = 3.7  # deviations: the outermost of 2^12 quantiles
ANCHOR = "scalar"
TABLES: Mapping[str, Mapping[str, str]] = {
    "rate-distortion": {
        "source": "",
        "code": "",
        "level": "d",
        "pictures": "d",
        "bpp": ".4f",
        "psnr": ".2f",
        "cpu_s": ".3f",
    },
    "BD-rate, %": {"source": "", "code": "", "psnr": "+.1f"},
    "residuals": {
        "deviation": "",
        "latents_pct": ".1f",
        "bits_pct": ".1f",
        "variance": ".2f",
        "kurtosis": ".1f",
        "beyond_pct": ".1f",
    },
}

Reals = NDArray[np.float64]
Tables = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture at a level: gained latents, and all that the hyper-latents say of them."""

    picture: Images  # (h, w, 3), sides multiples of 64
    level: int
    gained: NDArray[np.float32]  # (latents, h / 16, w / 16), in steps, as are
    shift: Reals  # the means
    index: Tables
    hyper: NDArray[np.float32]
    prices: NDArray[np.float32]  # (latents,), bits that a squared step of error is worth
    lamda: float  # and one of all pixels' channels, of 1

    @property
    def residuals(self) -> Reals:
        """Latents less their means."""
        return self.gained - self.shift


Code = Callable[[Scene], tuple[int, Reals]]  # bytes of the residuals, and what decodes from them


class Rings:
    """The trellis for residuals of known tables: integers say all but the values, as in .psl.

    Latents whose variance (T,), in squared steps and by table, is above `water` are active. In the
    order of their places they are cut into rings of about equal length; their number and bits
    follow from the tables. All other residuals decode to zero.
    """

    def __init__(self, variances: Reals, water: float = WATER) -> None:
        scaled = np.append(variances, water) / HIGHEST_SCALE**2 * UNIT
        *table, self.water = np.rint(scaled).astype(np.int64).clip(1, UNIT)
        self.variances = np.array(table)
        self.deviations = np.sqrt(self.variances / UNIT) * HIGHEST_SCALE

    def encode(self, residuals: Reals, index: Tables) -> bytes:
        """Both of one shape -> the rings, each a whole number of bytes."""
        values, which = residuals.ravel(), index.ravel()
        out = b""
        for places, bits, code in self._cut(which):
            unit = (values[places] / self.deviations[which[places]]).astype(np.float32)
            [(ring, _)] = code.pack(code.encode(unit[None], bits, effort=0), bits)
            out += ring
        return out

    def decode(self, payload: bytes, index: Tables) -> Reals:
        """Rings -> residuals of the shape of `index`."""
        which = index.ravel()
        out, start = np.zeros(len(which)), 0
        for places, bits, code in self._cut(which):
            end = start + bits // 8
            unit = code.decode(code.unpack(payload[start:end], bits)[None], bits)[0]
            out[places] = unit * self.deviations[which[places]]
            start = end
        return out.reshape(index.shape)

    def _cut(self, which: Tables) -> Iterator[tuple[NDArray[np.int64], int, Trellis]]:
        """Places, bits and code of each ring."""
        variances = self.variances[which]
        active = np.flatnonzero(variances > self.water)
        shares = log2(variances[active]) - log2(np.array([self.water]))
        count = -(-_bits(shares) // RING_BITS)
        middles = np.cumsum(shares) - shares // 2
        ring = middles * count // max(1, int(shares.sum()))
        for number in range(count):
            places, spent = active[ring == number], _bits(shares[ring == number])
            levels = np.full(spent + 1, UNIT)
            levels[-1] = self.water
            schedule = Schedule(variances[places], levels)
            yield places, spent, Trellis(named("lcg-524287"), schedule, state_bits=STATE_BITS)


def _bits(shares: NDArray[np.int64]) -> int:
    """Bits, in whole bytes, for logarithms of variances over the water level."""
    top, bottom = EFFICIENCY
    return 8 * -(-int(shares.sum()) * bottom // (top << (LOG_BITS + 4)))


def deviations() -> Reals:
    """Of the tables, in steps."""
    out: Reals = LOWEST_SCALE * np.exp(SCALE_STEP * np.arange(SCALES))
    return out


def calibrated(scenes: Sequence[Scene]) -> Reals:
    """The variance of the residuals of each table; a table's own where there are few."""
    squares, count = np.zeros(SCALES), np.zeros(SCALES)
    for scene in scenes:
        index = scene.index.ravel()
        squares += np.bincount(index, scene.residuals.ravel() ** 2, SCALES)
        count += np.bincount(index, minlength=SCALES)
    out: Reals = (squares + PRIOR * deviations() ** 2) / (count + PRIOR)
    return out


def codes(model: PhotoModel, variances: Reals) -> dict[str, Code]:
    """All of them, with the calibrated variances."""
    tables = model.code.tables

    def quantised(scene: Scene, prices: NDArray[np.float32] | None) -> NDArray[np.int32]:
        _, decoded = model.code.encode(scene.gained, scene.hyper, scene.level, prices)
        return np.rint(decoded - scene.shift).astype(np.int32)

    def scalar(scene: Scene, prices: NDArray[np.float32] | None) -> tuple[int, Reals]:
        index = scene.index.ravel()
        payload = scales.encode(quantised(scene, prices).ravel(), index, tables)
        decoded = scales.decode(payload, index, tables).astype(np.float64)
        return len(payload), decoded.reshape(scene.index.shape)

    def trellis(scene: Scene, rings: Rings) -> tuple[int, Reals]:
        payload = rings.encode(scene.residuals, scene.index)
        return len(payload), rings.decode(payload, scene.index)

    def hybrid(scene: Scene) -> tuple[int, Reals]:
        low = scene.index < HYBRID_FROM
        size, values = trellis(scene, strong)
        symbols = quantised(scene, WEIGHT * scene.prices)[low]
        payload = scales.encode(symbols, scene.index[low], tables)
        values[low] = scales.decode(payload, scene.index[low], tables)
        return size + len(payload), values

    strong = Rings(np.where(np.arange(SCALES) < HYBRID_FROM, 0.0, variances))
    claimed, measured = Rings(deviations() ** 2), Rings(variances)
    return {
        "rounded": lambda scene: scalar(scene, None),
        ANCHOR: lambda scene: scalar(scene, WEIGHT * scene.prices),
        "trellis": lambda scene: trellis(scene, claimed),
        "calibrated": lambda scene: trellis(scene, measured),
        "hybrid": hybrid,
    }


def scene_of(model: PhotoModel, picture: Images, level: int) -> Scene:
    """What an encoder has before it codes the latents of a tile."""
    import torch

    device = torch.device("cpu")
    nets, code, at = model.transform(device), model.code, level_tensor(level, device)
    with torch.inference_mode():
        gain = nets.gain(at)
        gained = nets.analyse(tensor_of(picture, device)) * gain
        hyper = nets.hyper_analyse(gained)[0].numpy()
        lamda = float(nets.config.price(at)) * 255**2 / nets.config.channels
    mean = row_at(code.hyper_mean, level)[:, None, None]
    symbols = np.rint(hyper - mean / (1 << ACTIVATION)).astype(np.int64)
    means, index = code.synthesis((symbols << ACTIVATION) + mean, level)
    return Scene(
        picture=picture,
        level=level,
        gained=gained[0].numpy(),
        shift=means / (1 << MEAN),
        index=index.clip(max=SCALES - 1).astype(np.uint8),
        hyper=hyper,
        prices=(lamda / gain[0, :, 0, 0].square()).numpy(),
        lamda=lamda,
    )


def gaussian(scene: Scene) -> Scene:
    """The same with residuals drawn as the tables claim."""
    drawn = np.random.default_rng(0).standard_normal(scene.index.shape)
    residuals = drawn * deviations()[scene.index]
    return replace(scene, gained=(scene.shift + residuals).astype(np.float32))


def hyper_bytes(model: PhotoModel, scene: Scene, rounded: int) -> int:
    """Of hyper-latents and their length: what a payload has beside the rounded residuals."""
    payload, _ = model.code.encode(scene.gained, scene.hyper, scene.level)
    return len(payload) - rounded


def shown_psnr(model: PhotoModel, scene: Scene, values: Reals) -> float:
    """Of the decoded picture."""
    import torch

    device = torch.device("cpu")
    nets, at = model.transform(device), level_tensor(scene.level, device)
    with torch.inference_mode():
        latents = torch.from_numpy((values + scene.shift).astype(np.float32))[None]
        image = nets.synthesise(latents / nets.gain(at), at)[0].permute(1, 2, 0)
        pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return psnr(scene.picture[None], pixels[None])


def latent_psnr(_: PhotoModel, scene: Scene, values: Reals) -> float:
    """Of an orthonormal transform with this error of the latents."""
    weighted = np.square(values - scene.residuals).sum((1, 2)) @ scene.prices
    return float(-10 * np.log10(weighted / scene.lamda / scene.picture.size))


SOURCES = {"pictures": shown_psnr, "Gaussian": latent_psnr}


def curves(model: PhotoModel, scenes: Sequence[Scene], every: Mapping[str, Code]) -> Iterator[Row]:
    """A row a source, code and level: means over the pictures."""
    for source, quality in SOURCES.items():
        used = scenes if source == "pictures" else [gaussian(scene) for scene in scenes]
        fronts = [hyper_bytes(model, scene, every["rounded"](scene)[0]) for scene in used]
        for name, code in every.items():
            log.print(f"{source}: {name}")
            points: dict[int, list[tuple[float, float, float]]] = {}
            for scene, front in zip(used, fronts, strict=True):
                start = time.process_time()
                size, values = code(scene)
                seconds = time.process_time() - start
                bpp = 8 * (front + size) / scene.picture[..., 0].size
                point = (bpp, quality(model, scene, values), seconds)
                points.setdefault(scene.level, []).append(point)
            for level, found in points.items():
                means = dict(zip(("bpp", "psnr", "cpu_s"), np.mean(found, 0).tolist(), strict=True))
                row = {"source": source, "code": name, "level": level, "pictures": len(found)}
                yield {"table": "rate-distortion"} | row | means


def compare(rows: Sequence[Row]) -> Iterator[Row]:
    """BD-rates of the rows of `curves` against the anchor's of their source."""
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault((row["source"], row["code"]), []).append((row["bpp"], row["psnr"]))
    for (source, code), line in lines.items():
        rate = bd_rate(line, lines[source, ANCHOR])
        yield {"table": "BD-rate, %", "source": source, "code": code, "psnr": rate}


def statistics(model: PhotoModel, scenes: Sequence[Scene]) -> Iterator[Row]:
    """A row for each group of tables: their residuals in units of the deviation they claim."""
    index = np.concatenate([scene.index.ravel() for scene in scenes])
    residuals = np.concatenate([scene.residuals.ravel() for scene in scenes])
    bits = model.code.tables.information(np.rint(residuals).astype(np.int32), index)
    claimed = deviations()[index]
    for low, high in pairwise(GROUPS):
        group = (claimed >= low) & (claimed < high)
        unit = residuals[group] / claimed[group]
        if not np.square(unit).sum():
            continue
        square = np.square(unit)
        yield {
            "table": "residuals",
            "deviation": f"{low:g} to {high:g}",
            "latents_pct": 100 * float(group.mean()),
            "bits_pct": 100 * float(bits[group].sum() / bits.sum()),
            "variance": float(square.mean()),
            "kurtosis": float(np.square(square).mean() / square.mean() ** 2),
            "beyond_pct": 100 * float(square[np.abs(unit) > TAIL].sum() / square.sum()),
        }


def measure(quick: bool, name: str) -> list[Row]:
    """Rows of all tables; `table` says of which."""
    model = load_model(name)
    if not isinstance(model, PhotoModel):
        raise PslError(f"model {name!r} has no hyperprior: name one of photographs")
    pictures = crops()[: QUICK_PICTURES if quick else None]
    levels = [round(share * model.code.top) for share in (QUICK_LEVELS if quick else LEVELS)]
    log.print(f"{len(pictures)} pictures at {len(levels)} levels")
    of = [[scene_of(model, picture, level) for level in levels] for picture in pictures]
    measured = [scene for line in of[::MEASURED] for scene in line]
    others = [scene for i, line in enumerate(of) if i % MEASURED for scene in line]
    rows = list(curves(model, measured, codes(model, calibrated(others))))
    return [*rows, *compare(rows), *statistics(model, measured)]


def crops() -> list[Images]:
    """The middle of each validation picture, (256, 256, 3); exits with a sentence if absent."""
    folder = data.ROOT / "photos" / "validation"
    paths = sorted(folder.glob("*.png"))
    if len(paths) < QUICK_PICTURES:
        sys.exit(
            f"photos/validation/ has {len(paths)} pictures in {data.ROOT}: set PSEUDOCODEC_DATA to "
            "the folder that holds them."
        )
    out = []
    for path in paths:
        with Image.open(path) as image:
            left, top = (image.width - CROP) // 2, (image.height - CROP) // 2
            box = (left, top, left + CROP, top + CROP)
            out.append(np.asarray(image.convert("RGB").crop(box)))
    return out


def draw(axes: Axes, rows: Sequence[Row]) -> None:
    """PSNR of the pictures against bits a pixel, a line a code."""
    points = [row for row in rows if row.get("source") == "pictures" and "bpp" in row]
    for code in dict.fromkeys(row["code"] for row in points):
        line = [row for row in points if row["code"] == code]
        axes.plot([row["bpp"] for row in line], [row["psnr"] for row in line], "o-", label=code)
    axes.set_xlabel("bits a pixel")
    axes.set_ylabel("PSNR, dB")
    axes.set_title("Photographs: one net and its hyperprior, five latent codes", loc="left")
    axes.legend()


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write the JSON file and the plot."""
    chosen = arguments("photo_codes", __doc__).parse_args(argv)
    try:
        rows = measure(chosen.quick, chosen.model)
    except PslError as error:
        sys.exit(f"{error}.")
    for title, columns in TABLES.items():
        Console().print(f"\n{title}", style="bold")
        Console().print(table([row for row in rows if row["table"] == title], columns))
    default = None if chosen.quick else RESULTS / "photo_codes"
    json_path = chosen.json or (default and default.with_suffix(".json"))
    plot_path = chosen.plot or (default and default.with_suffix(".png"))
    if json_path:
        command = f"python benchmarks/photo_codes.py --model {Path(chosen.model).stem}"
        write_json(json_path, command + " --quick" * chosen.quick, rows, ("numba", "torch"))
    if plot_path:
        write_plot(plot_path, draw, rows)


if __name__ == "__main__":
    main()
