"""The report as text: a model card in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pseudocodec.evaluation.compare import smallest
from pseudocodec.evaluation.rows import Row

_TITLES = {
    "sheet": ("many pictures in one file", "an archive", "contact sheets"),
    "single": ("one file a picture", ".psl files", "single files"),
}

_CAVEATS = """## What to know before relying on it

- A generator redraws whatever it is given as the kind it was trained on: it may invent content
  where the bytes do not say, and smooth away what it has not seen. Keep originals where that
  matters.
- Figures are of the pictures named above. On pictures of another kind they are worse; on pictures
  the model was trained on they are better than on new ones.
- A file decodes to the same latents on every machine. Pixels come from a float net and may differ
  by one step of 255 between machines.
"""


def card(report: dict[str, Any]) -> str:
    """card.md for a report of `evaluate`; links curve.png and sheet.png beside it."""
    parts = [_model(report), _recipe(report["recipe"]), _figures(report)]
    if report["versus"]:
        parts += [_versus(report["versus"], layout) for layout in _TITLES]
    return "\n".join([*filter(None, parts), _CAVEATS])


def rate_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the rate-distortion table: bytes, PSNR, SSIM where it was measured."""
    header, columns = ["bytes a picture", "PSNR, dB"], [("bytes", ".1f"), ("psnr", ".2f")]
    if any(row["ssim"] is not None for row in rows):
        header, columns = [*header, "SSIM"], [*columns, ("ssim", ".3f")]
    header += ["encoded a second", "decoded a second"]
    columns += [("encode_per_s", ",.0f"), ("decode_per_s", ",.0f")]
    return header, [[_number(row[key], spec) for key, spec in columns] for row in rows]


def _number(value: float | None, spec: str) -> str:
    return "lossless" if value is None else format(value, spec)


def _model(report: dict[str, Any]) -> str:
    model, data = report["model"], report["data"]
    low, high = model["payload_bytes"]
    codes = model["latent_code"] + (
        f"; dense: {model['dense_code']}" if model["dense_code"] else ""
    )
    rows = [
        ["file", f"`{model['file']}`, {model['bytes']:,} bytes, id `{model['id']}`"],
        ["pictures", f"{model['width']} x {model['height']}, {_colour(model['channels'])}"],
        ["nets", f"`{model['family']}`"],
        ["latent codes", f"{codes}; {low} to {high} bytes a picture"],
        ["measured on", f"{data['label']}, {data['pictures']:,} pictures"],
    ]
    return f"# {model['name']}\n\n" + _table(["", ""], rows)


def _colour(channels: int) -> str:
    return "grey" if channels == 1 else "RGB"


def _recipe(lines: Sequence[str]) -> str:
    return "\n".join(["## Recipe", "", *lines, ""]) if lines else ""


def _figures(report: dict[str, Any]) -> str:
    lines = [
        "## Figures",
        "",
        f"From one archive of all {report['data']['pictures']:,} pictures a row, at effort "
        f"{report['effort']}: bytes are the size of the file divided by their number, everything "
        "counted but the model, which both sides have; PSNR is that of the squared error averaged "
        "over all of them.",
        "",
        _table(*rate_table(report["rows"])),
        *(f"{note}\n" for note in report["notes"]),
    ]
    if "curve.png" in report["files"]:
        lines.append("![bytes a picture against PSNR](curve.png)\n")
    lines.append("![originals and what is left of them](sheet.png)\n")
    return "\n".join(lines)


def _versus(found: dict[str, Any], layout: str) -> str:
    title, ours, theirs = _TITLES[layout]
    names = list(found["equal_bytes"][layout][0]["peers"]) if found["equal_bytes"][layout] else []
    limits = [
        f"{name} {row['bytes']:.1f} bytes ({row['psnr']:.1f} dB)"
        for name, row in smallest(found["peers"][layout]).items()
    ]
    lossless = [
        f"{row['codec']} {row['bytes']:.1f}"
        for row in found["peers"][layout]
        if row["psnr"] is None
    ]
    lines = [
        f"## Other codecs, {title}",
        "",
        f"{ours[0].upper()}{ours[1:]} against {theirs} of the same {found['pictures']:,} pictures. "
        "A dash: outside the range of the codec, which is never extrapolated. The smallest each "
        f"can do: {', '.join(limits)}."
        + (f" Bytes a picture without loss: {', '.join(lossless)}." if lossless else ""),
        "",
        "PSNR in dB at equal bytes:",
        "",
        _table(["bytes a picture", "pseudocodec", *names], _bytes_cells(found, layout, names)),
        "Bytes a picture at equal PSNR, and how many times ours they are:",
        "",
        _table(["PSNR, dB", "pseudocodec", *names], _psnr_cells(found, layout, names)),
    ]
    return "\n".join(lines)


def _bytes_cells(found: dict[str, Any], layout: str, names: Sequence[str]) -> list[list[str]]:
    return [
        [f"{row['bytes']:.1f}", _number(row["psnr"], ".2f")]
        + ["-" if row["peers"][n] is None else f"{row['peers'][n]:.2f}" for n in names]
        for row in found["equal_bytes"][layout]
    ]


def _psnr_cells(found: dict[str, Any], layout: str, names: Sequence[str]) -> list[list[str]]:
    cells = []
    for row in found["equal_psnr"][layout]:
        peers = [row["peers"][name] for name in names]
        texts = ["-" if p is None else f"{p['bytes']:.1f} ({p['ratio']:.1f} x)" for p in peers]
        cells.append([f"{row['psnr']:.2f}", f"{row['bytes']:.1f}", *texts])
    return cells


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
