"""`pseudocodec explore interpolate` and `pseudocodec explore arithmetic`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from pseudocodec._cli.group import emit
from pseudocodec._cli.report import print_table, progress
from pseudocodec._cli.sources import local
from pseudocodec._cli.targets import check_target
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.exploration import Coded, arithmetic, interpolate, save_coded
from pseudocodec.exploration.sheet import STRIP_COLUMNS, draw_strips, in_rows
from pseudocodec.files import atomic_write

SEEDS_SHOWN, BYTES_SHOWN = 6, 16  # of a payload, in the table; --json has all
MEANS = ("A", "B", "C", "A - B + C")


@dataclass(frozen=True)
class Output:
    """What is written, and how."""

    strip: Path
    psl: Path | None
    uncoded: bool
    force: bool
    as_json: bool

    @classmethod
    def of(cls, flags: dict[str, Any]) -> Output:
        """Made of its own options, which are taken out of `flags`."""
        return cls(**{field.name: flags.pop(field.name) for field in fields(cls)})

    def check(self, sources: Iterable[Place]) -> None:
        """Refuse targets that may not be written, before any work is done."""
        if self.strip.suffix.lower() != ".png":
            raise click.UsageError("The strip is a PNG: name it with -o FILE.png.")
        inputs = list(local(sources))
        for target in (self.strip, self.psl):
            if target is not None:
                check_target(target, inputs, force=self.force)

    def write(self, captions: Sequence[str], results: Sequence[Coded]) -> None:
        """The strip, and the archive if one is asked for."""
        cells = [(text, each.pixels) for text, each in zip(captions, results, strict=True)]
        rows = in_rows(cells, STRIP_COLUMNS)
        if self.uncoded:
            below = [("uncoded", each.uncoded) for each in results]
            pairs = zip(rows, in_rows(below, STRIP_COLUMNS), strict=True)
            rows = [row for pair in pairs for row in pair]
        if self.psl is not None:
            save_coded(self.psl, results, overwrite=self.force)
        with atomic_write(self.strip, overwrite=self.force) as file:
            file.write(draw_strips(rows))

    def report(self, rows: Sequence[dict[str, Any]], results: Sequence[Coded]) -> None:
        """Print a table that begins with `rows`, and what was written; or JSON."""
        if self.as_json:
            full = [row | _facts(each) for row, each in zip(rows, results, strict=True)]
            written = {
                "output": str(self.strip),
                "psl": None if self.psl is None else str(self.psl),
            }
            emit(written | {"rows": full})
            return
        shown = [row | _summary(each) for row, each in zip(rows, results, strict=True)]
        print_table([{key: _text(value) for key, value in row.items()} for row in shown])
        click.echo(f"{label(self.strip)}: the decoded pictures")
        if self.psl is not None:
            click.echo(f"{label(self.psl)}: the same in {len(results)} payloads")


def between(a: Place, b: Place, steps: int, **flags: Any) -> None:
    """Go from picture `a` to picture `b`, print the way, and write the strip."""
    output = Output.of(flags)
    output.check([a, b])
    with progress("interpolating"):
        way = interpolate(a, b, steps, **flags)
    results = [step.coded for step in way]
    output.write([f"t = {step.t:.3f}\n{_short(step.coded)}" for step in way], results)
    output.report([{"t": step.t} for step in way], results)


def combine(a: Place, b: Place, c: Place, **flags: Any) -> None:
    """Take the mean of `b` from that of `a` and add that of `c`; print and write the outcome."""
    output = Output.of(flags)
    output.check([a, b, c])
    with progress("decoding"):
        found = arithmetic(a, b, c, **flags)
    results = [found.a, found.b, found.c, found.result]
    counts = zip(MEANS, found.pictures, strict=False)
    captions = [f"{name}\n{n:,} picture{'' if n == 1 else 's'}" for name, n in counts]
    output.write([*captions, f"{MEANS[-1]}\n{_short(found.result)}"], results)
    pictures = [*found.pictures, sum(found.pictures)]
    rows = [{"mean": name, "pictures": n} for name, n in zip(MEANS, pictures, strict=True)]
    output.report(rows, results)


def _text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value}"


def _short(coded: Coded) -> str:
    """A payload in a caption."""
    if coded.seeds is not None and len(coded.seeds) == 1:
        return f"seed {coded.seeds[0]}"
    return f"{len(coded.payload)} bytes"


def _facts(coded: Coded) -> dict[str, Any]:
    fields = ("bits", "seeds", "signs", "distance")
    return {"payload": coded.payload.hex()} | {key: getattr(coded, key) for key in fields}


def _summary(coded: Coded) -> dict[str, Any]:
    """The size of a payload, its seeds or else its first bytes, and its distance."""
    if coded.seeds is None or coded.signs is None:
        shown = coded.payload[:BYTES_SHOWN].hex()
        left = len(coded.payload) - BYTES_SHOWN
    else:
        left = len(coded.seeds) - SEEDS_SHOWN
        pairs = list(zip(coded.seeds, coded.signs, strict=True))[:SEEDS_SHOWN]
        shown = " ".join(f"{'-' if sign < 0 else '+'}{seed}" for seed, sign in pairs)
    more = f" and {left} more" if left > 0 else ""
    return {"bits": coded.bits, "payload": shown + more, "distance": coded.distance}
