"""The thesis' classification test on digits: can what comes back still be read?

Cross-entropy, in nats, of the library's digit classifier on restored MNIST test digits, against the
labels of the originals; `accuracy` is the share it reads right. The thesis does not say which
classifier it used, so its figures compare with each other rather than with these. Methods are those
of variants.py; the first row, the originals themselves, is the floor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import protocol
from recovery import analyse, by_seed, synthesise
from variants import TABLE

import data
from harness import Row, run
from pseudocodec.evaluation.digit_features import digit_accuracy, digit_cross_entropy
from pseudocodec.metrics import Images
from pseudocodec.prng import THESIS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUICK = 32
THESIS_ROWS = {
    "GAN": 4.022841,
    "GAN LCG+noise": 3.766780,
    "GAN 2 steps": 3.624026,
    "autoencoder": 3.646455,
}
COLUMNS = {
    "method": "",
    "epochs": ".1f",
    "cross_entropy": ".3f",
    "thesis_cross_entropy": ".3f",
    "accuracy": ".1%",
}


def measure(quick: bool) -> list[Row]:
    test = protocol.images("digits", "test", quick)[: QUICK if quick else None]
    rows = [row("originals", None, test)]
    for method, (source, lcg) in TABLE.methods.items():
        trained = protocol.gan("digits", source, lcg, quick=quick)
        _, sequences = by_seed(THESIS[lcg], analyse(trained.nets, test))
        rows.append(row(method, trained.epochs, synthesise(trained.nets, sequences)))
    trained = protocol.autoencoder("digits", quick=quick)
    restored = synthesise(trained.nets, analyse(trained.nets, test))
    rows.append(row("autoencoder", trained.epochs, restored))
    rows.append(row("digits-gan, one seed of 13 bits", None, by_model(test)))
    return rows


def by_model(test: Images) -> Images:
    """What an archive of the shipped model gives back, at the default effort."""
    from models import through_archive

    return through_archive(test, "digits-gan").pictures


def row(method: str, epochs: float | None, restored: Images) -> Row:
    labels = data.mnist_labels("test")[: len(restored)].astype(np.int64)
    return {
        "method": method,
        "pictures": len(restored),
        "epochs": epochs,
        "cross_entropy": digit_cross_entropy(restored, labels),
        "thesis_cross_entropy": THESIS_ROWS.get(method),
        "accuracy": digit_accuracy(restored, labels),
    }


def draw(axes: Axes, rows: list[Row]) -> None:
    """Cross-entropy, a bar a method."""
    axes.barh([each["method"] for each in rows], [each["cross_entropy"] for each in rows])
    axes.invert_yaxis()
    axes.set_xlabel("cross-entropy in nats; less is better")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch",))
