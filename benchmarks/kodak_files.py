"""Files of the 24 Kodak pictures at efforts that take hours, for kodak.py to report.

    python benchmarks/kodak_files.py 7 --at-once 2

makes them with the shipped `photo` at every quality of kodak.py, and keeps what each whole file
came to in benchmarks/results/kodak_files.json: a run that is ended, with Ctrl-C or otherwise, goes
on from there. A row says of how many cores its seconds are. At effort 7 a picture takes some 50
seconds on two cores, all of them two hours and a half; each effort above takes twice as long.
"""

from __future__ import annotations

import functools

import kept
import photo_curves
import photos
import pseudocodec
from harness import RESULTS, Row
from pseudocodec.inversion import refine_photo
from pseudocodec.metrics import Images
from pseudocodec.photo import encoder

MODEL = "photo"
EFFORTS = range(4, 10)
FILES = RESULTS / "kodak_files.json"
MEASURES = {key: photo_curves.MEASURES[key] for key in ("psnr", "ms_ssim")}


def found() -> dict[int, list[Row]]:
    """By effort rows as of `photo_curves.measure`, of files as they are made now; whole efforts."""
    return kept.whole(kept.read(FILES), jobs, EFFORTS)


def jobs(effort: int) -> list[Row]:
    """What the files of an effort are of: each quality and picture, and what else matters."""
    choices = kept.numbers(refine_photo) | {"WEIGHT": encoder.WEIGHT}
    choices |= {"EFFORT": tuple(encoder.EFFORTS[effort])}
    maker = {"model": pseudocodec.load_model(MODEL).id.hex(), "choices": kept.digest(choices)}
    return [
        maker | {"effort": effort, "setting": quality, "picture": name}
        for quality in photos.QUALITIES
        for name in photos.NAMES
    ]


@functools.cache
def pictures() -> dict[str, Images]:
    """All of Kodak, by name."""
    return photos.kodak()


@functools.cache
def own(effort: int) -> photos.Codec:
    """Ours, with what is loaded or compiled on first use."""
    codec = photos.ours(MODEL, effort)
    codec.decode(photos.ours(MODEL, 0).encode(pictures()["kodim01"], photos.QUALITIES[0]))
    return codec


def make(job: Row) -> Row:
    """The figures of a job."""
    import torch

    codec = own(job["effort"])
    row = {"codec": codec.name, "source": "measured", "cores": torch.get_num_threads()}
    picture = pictures()[job["picture"]]
    return row | photo_curves.round_trip(codec, picture, job["setting"], MEASURES)


if __name__ == "__main__":
    kept.main(__doc__, FILES, EFFORTS, jobs, make)
