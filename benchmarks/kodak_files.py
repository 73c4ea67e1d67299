"""What whole files of the 24 Kodak pictures came to: ours at an effort, and the other codecs'.

    python benchmarks/kodak_files.py 9 --at-once 2

makes files of the shipped `photo` at effort 9 and every quality of kodak.py, and keeps their
figures in benchmarks/results/kodak_files.json: a run that is ended, with Ctrl-C or otherwise, goes
on from there. kodak.py reports them, and makes what it misses. The other codecs' (`peers`) depend
on the versions of their libraries alone. At effort 9 all of them took
15 minutes of two slow cores, at effort 3 three.
"""

from __future__ import annotations

import functools

import kept
import photo_curves
import photos
import pseudocodec
from harness import RESULTS, Row, version
from pseudocodec.inversion import refine_photo
from pseudocodec.metrics import Images
from pseudocodec.photo import encoder

MODEL, PEERS = "photo", "peers"
EFFORTS = tuple(str(effort) for effort in range(len(encoder.EFFORTS)))
FILES = RESULTS / "kodak_files.json"
MEASURES = {key: photo_curves.MEASURES[key] for key in ("psnr", "ms_ssim")}
_PLUGINS = {"JPEG XL": "pillow-jxl-plugin", "HEIC": "pillow-heif"}


def found(model: str = MODEL) -> dict[str, list[Row]]:
    """Rows as of `photo_curves.measure`, of files as they are made now, by effort and of peers.

    Whole sets only.
    """
    rows = kept.read(FILES)
    return kept.whole(rows, functools.partial(jobs, model=model), (*EFFORTS, PEERS))


def jobs(subject: str, model: str = MODEL) -> list[Row]:
    """What the files of an effort or of all peers are of, and what else matters."""
    makers = _peers() if subject == PEERS else [(_ours(int(subject), model), photos.QUALITIES)]
    return [
        maker | {"setting": setting, "picture": name}
        for maker, settings in makers
        for setting in settings
        for name in photos.NAMES
    ]


def _ours(effort: int, model: str) -> Row:
    plan = encoder.EFFORTS[effort]
    choices = kept.numbers(refine_photo) if plan.steps else {}
    choices |= {"EFFORT": tuple(plan), "DETAIL_WEIGHT": encoder.DETAIL_WEIGHT}
    loaded = pseudocodec.load_model(model)
    return {"model": loaded.id.hex(), "choices": kept.digest(choices), "effort": effort}


def _peers() -> list[tuple[Row, tuple[int, ...]]]:
    return [
        ({"codec": name, "version": version(_PLUGINS.get(name, "pillow"))}, settings)
        for name, settings in photos.SETTINGS.items()
    ]


@functools.cache
def pictures() -> dict[str, Images]:
    """All of Kodak, by name."""
    return photos.kodak()


@functools.cache
def codec(subject: int | str, model: str) -> photos.Codec:
    """Ours at an effort, or a peer by name, with what is loaded or compiled on first use."""
    if isinstance(subject, str):
        [peer] = photos.peers([subject])
        return peer
    fast = photos.ours(model, 0)
    fast.decode(fast.encode(pictures()["kodim01"], photos.QUALITIES[0]))
    return photos.ours(model, subject)


def make(job: Row, model: str = MODEL) -> Row:
    """The figures of a job but for its seconds, which were those of a machine with more to do."""
    made = codec(job.get("effort", job.get("codec")), model)
    row = photo_curves.round_trip(made, pictures()[job["picture"]], job["setting"], MEASURES)
    kept_of = ("bpp", *MEASURES)
    return {"codec": made.name, "source": "measured"} | {key: row[key] for key in kept_of}


if __name__ == "__main__":
    kept.main(__doc__, FILES, (*EFFORTS, PEERS), jobs, make)
