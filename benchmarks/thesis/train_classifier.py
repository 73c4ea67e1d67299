"""Train the digit classifier that the library ships, and say what it is worth.

A few minutes on one core. Another processor rounds otherwise and writes another file: where its
SHA-256, printed at the end, is not that in `pseudocodec/evaluation/digit_classifier.py`, figures
measured with the old one are to be measured again before the new one replaces it.

    python benchmarks/thesis/train_classifier.py classifier.safetensors
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the scripts it shares code with

import data
from harness import log
from pseudocodec.evaluation.digit_classifier import judged, read
from pseudocodec.training.classifier import ClassifierRecipe, train_classifier, write_classifier


def main() -> None:
    """Train, write, and read the file back to measure it on the 10,000 test digits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch on a tenth of the digits")
    options = parser.parse_args()
    images, labels = data.mnist("train"), data.mnist_labels("train")
    recipe = ClassifierRecipe()
    if options.quick:
        images, labels, recipe = images[:6_000], labels[:6_000], ClassifierRecipe(epochs=1)
    began = time.monotonic()
    net = train_classifier(
        images, labels, recipe, lambda epoch, loss: log.print(f"epoch {epoch}: {loss:.4f} nats")
    )
    seconds = time.monotonic() - began
    digest = write_classifier(net, options.output, overwrite=True)
    wanted = data.mnist_labels("test")
    guessed = judged(data.mnist("test"), read(options.output, digest)).argmax(axis=1)
    print(f"{seconds:.0f} s, {options.output.stat().st_size} bytes, SHA-256 {digest}")
    print(f"{np.mean(guessed == wanted):.2%} of the test digits")


if __name__ == "__main__":
    main()
