"""The report of a model for pictures of any size as text: a model card in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pseudocodec.evaluation.rows import Row

_CAVEATS = """## What to know before relying on it

- Figures are of the pictures named above, and better than on new ones where the model was trained
  on them.
- A file decodes to the same latents on every machine. Pixels come from a float net and may differ
  by one step of 255 between machines.
"""


def photo_card(report: dict[str, Any]) -> str:
    """card.md for a report on photographs; links curve.png and sheet.png beside it."""
    model, data = report["model"], report["data"]
    header, cells = photo_table(report["rows"], with_codec=True)
    lines = [f"# {model['name']} ({model['id']})", "", *report["recipe"], ""]
    lines += [
        f"Files of {data['pictures']:,} pictures ({data['label']}), effort {report['effort']}; "
        "means over pictures, speeds over all pixels, on the machine that ran this.",
        "",
        f"| {' | '.join(header)} |",
        "|" + "---|" * len(header),
        *(f"| {' | '.join(row)} |" for row in cells),
        "",
    ]
    found = {name: rate for name, rate in (report["versus"] or {}).items() if rate is not None}
    if found:
        lines += [
            "Bits at equal PSNR (Bjontegaard difference of rates, negative is better): "
            + ", ".join(f"against {name} {rate:+.1f} %" for name, rate in found.items())
            + ".",
            "",
        ]
    lines += [f"![{name}]({name})\n" for name in report["files"] if name.endswith(".png")]
    lines += [*report["notes"], "", _CAVEATS] if report["notes"] else [_CAVEATS]
    return "\n".join(lines)


def photo_table(
    rows: Sequence[Row], *, with_codec: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the rate-distortion table."""
    columns = {
        "codec": ("codec", ""),
        "setting": ("setting", ""),
        "bytes": ("bytes a picture", ",.0f"),
        "bpp": ("bits a pixel", ".3f"),
        "psnr": ("PSNR, dB", ".2f"),
        "encode_mp_per_s": ("encoded, MP/s", ".2f"),
        "decode_mp_per_s": ("decoded, MP/s", ".2f"),
    }
    if not with_codec:
        del columns["codec"]
    header = [title for title, _ in columns.values()]
    return header, [[format(row[key], columns[key][1]) for key in columns] for row in rows]
