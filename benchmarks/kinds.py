"""What the benchmarks of one kind of picture share: the rows they measure and how they are drawn.

Bytes are those of real files: an archive of all pictures (in the dense code, and for comparison in
the progressive one), one file a picture, or contact sheets of 100. PSNR is that of the mean squared
error over all pictures. Ours is encoded at the default effort; times include loading the archive,
not the first compilation. The bound is the Gaussian rate-distortion curve of the covariance of the
training pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bounds
from data import Split
from harness import Row
from pseudocodec._cli.report import stages
from pseudocodec.errors import UnknownModel
from pseudocodec.evaluation.ours import NAME, Encoder
from pseudocodec.evaluation.peers import PEERS, curve
from pseudocodec.evaluation.plot import COLOURS, OTHER_COLOUR, draw
from pseudocodec.metrics import Images
from pseudocodec.model.load import load_vector_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUICK_SINGLES = 20  # pictures of a quick run in progressive archives and files of their own
QUICK_COMPONENTS = 1_000  # above which the bound takes minutes, and a quick run leaves it out
LIBRARIES = ("pillow", "pillow-jxl-plugin", "scikit-image", "numba", "torch")
COLUMNS = {
    "codec": "",
    "layout": "",
    "setting": ">4",
    "bytes": ".2f",
    "overhead": ".2f",
    "psnr": ".2f",
    "ssim": ".3f",
    "encode_per_s": ".0f",
    "decode_per_s": ".0f",
}
Place = tuple[int, tuple[int, int], str]
"""Where a line is labelled: at which of its points, with what offset in points, how aligned."""


@dataclass(frozen=True)
class Kind:
    """A kind of picture with its model, and what to measure on it."""

    title: str
    model: str
    read: Callable[[Split], Images]
    budgets: Sequence[int]  # bytes a picture of archives
    progressive_budgets: Sequence[int]  # of archives whose prefixes decode, for comparison
    progressive_sample: int  # pictures in those
    single_budgets: Sequence[int]  # bytes of a file of its own
    single_sample: int  # pictures stored as files of their own by us
    settings: Mapping[str, Sequence[int | None]]  # quality of each peer
    quick_sample: int  # pictures of a quick run
    peer_single_sample: int | None  # pictures stored as files of their own by the peers
    bound_bits: Sequence[float]
    places: Mapping[tuple[str, str], Place]  # of labels not at the right end of their lines

    def measure(self, quick: bool) -> list[Row]:
        """The rows of the model, of its peers and of the bound."""
        try:
            model = load_vector_model(self.model)
        except UnknownModel as error:
            sys.exit(f"{error}.")
        images = self.read("test")[: self.quick_sample if quick else None]
        few = QUICK_SINGLES if quick else len(images)
        singles = images[: min(few, self.single_sample)]
        codec, progressive = Encoder(model), Encoder(model, progressive=True)
        with stages() as tell:
            rows = [row for row, _ in codec.archives(images, self.budgets, tell)]
            some = images[: min(few, self.progressive_sample)]
            rows += [row for row, _ in progressive.archives(some, self.progressive_budgets, tell)]
            rows += progressive.singles(singles, self.single_budgets, tell)
            rows += self._peers(images, tell)
        if not (quick and images[0].size > QUICK_COMPONENTS):
            rows += self._bound()
        return rows

    def _peers(self, images: Images, tell: Callable[[str, int, int], None]) -> list[Row]:
        rows = []
        for name, settings in self.settings.items():
            if not PEERS[name].available:
                sys.exit(f'Pillow has no {name} here: pip install "pseudocodec[bench]" adds it.')
            rows += curve(images, PEERS[name], "sheet", settings, tell)
            rows += curve(images[: self.peer_single_sample], PEERS[name], "single", settings, tell)
        return rows

    def _bound(self) -> list[Row]:
        points = bounds.curve(bounds.cached_spectrum(self.read("train")), self.bound_bits)
        return [{"codec": "bound", "layout": "Gaussian R(D)"} | point for point in points]

    def draw(self, axes: Axes, rows: list[Row]) -> None:
        """The curves, each labelled where it ends."""
        for (codec, layout), points in draw(axes, rows).items():
            self._label(axes, codec, layout, points)
        axes.set_title(self.title, loc="left")
        note = "solid: archive, or sheet of 100\ndashed: one file a picture"
        place = axes.transAxes
        axes.text(0.99, 0.03, note, transform=place, color="0.3", horizontalalignment="right")

    def _label(self, axes: Axes, codec: str, layout: str, points: list[Row]) -> None:
        index, offset, align = self.places.get((codec, layout), (-1, (5, 3), "left"))
        own = codec == NAME
        axes.annotate(
            layout if codec == "bound" else f"{codec}, {layout}" if own else codec,
            (points[index]["bytes"], points[index]["psnr"]),
            xytext=offset,
            textcoords="offset points",
            horizontalalignment=align,
            color=COLOURS.get(codec, OTHER_COLOUR),
            fontsize=9,
            fontweight="bold" if own else "normal",
        )
