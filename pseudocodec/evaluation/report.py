"""`evaluate`: a report of a model on pictures, from real files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from pseudocodec.errors import PslError
from pseudocodec.evaluation.card import card
from pseudocodec.evaluation.curve import default_sizes
from pseudocodec.evaluation.folder import EXTRA, FILES, model_facts, report_folder, write_report
from pseudocodec.evaluation.ours import Encoder
from pseudocodec.evaluation.photos import report_photos
from pseudocodec.evaluation.pictures import Data, Pictures, load
from pseudocodec.evaluation.plot import plot
from pseudocodec.evaluation.rows import OnProgress, Row, silent
from pseudocodec.evaluation.sheet import draw_sheet, shown
from pseudocodec.evaluation.versus import best_peer, versus
from pseudocodec.metrics import Images, can_ssim
from pseudocodec.model import AnySizeModel, Model, VectorModel, load_model
from pseudocodec.model.load import load_vector_model

MAX_SIZES = 100
"""Points of one curve."""


def evaluate(
    model: str | os.PathLike[str] | Model,
    data: Data,
    output: str | os.PathLike[str] | None = None,
    *,
    nbytes: Sequence[int] | None = None,
    effort: int = 3,
    limit: int | None = None,
    peers: bool = True,
    peer_limit: int = 200,
    device: str = "auto",
    overwrite: bool = False,
    resize: bool = True,
    name: str | None = None,
    recipe: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Measure a model on pictures, beside the usual codecs, and write a report.

    All pictures go into one archive at each size; bytes are those of the file divided by their
    number, PSNR is that of the squared error averaged over all of them. JPEG, WebP, AVIF, JPEG XL
    and PNG, where Pillow has them, store the first `peer_limit` pictures on contact sheets, which
    are compared with an archive of the same pictures, and in files of their own, which are
    compared with such .psl files.

    With a model for pictures of any size, such as "photo", every picture is a file of its own, at
    seven qualities, and so are those of the other codecs; rows have bits a pixel and the means
    over pictures, and "versus" the per cent of bits at equal PSNR.

    Args:
        model: a name (see `models`), a .safetensors file, or a `Model`.
        data: a folder, file, .tar, IDX file or array file, as `pseudocodec encode` takes; or an
            array (n, h, w) or (n, h, w, 3), or a sequence of what `encode` takes.
        output: the folder for card.md, report.json, sheet.png and, where matplotlib is installed,
            curve.png. Default: the model's name or file name with "-report" in place of the
            suffix, beside the file of a model given by its path.
        nbytes: sizes in bytes a picture; by default seven over the model's range. Not for models
            of any size.
        effort: 0 to 9, as for `encode`.
        limit: measure the first so many pictures only.
        peers: measure the other codecs.
        peer_limit: pictures, the first ones, that the other codecs are given.
        device: "auto", "cpu", "cuda" ...
        overwrite: replace an earlier report in `output`.
        resize: scale pictures of another size to the model's first; the report says so.
        name: what the report calls the pictures; by default the name of their file.
        recipe: lines of Markdown on how the model was made, for the card.
        on_progress: called with what is being done, how many of its steps are, how many there are.

    Returns what report.json holds - model, data, effort, recipe, rows, versus (None without
    `peers`), notes, files - and the folder.

    Raises PslError: no pictures, one that cannot be taken, an unknown model, a size too small, or a
    report that is there already.
    """
    if peer_limit < 1:
        raise PslError(f"peer_limit={peer_limit}: expected a positive number of pictures")
    sizes, found = _sizes(nbytes), load_model(model)
    folder = report_folder(output, model, found, overwrite=overwrite)
    if isinstance(found, AnySizeModel):
        if sizes:
            raise PslError(
                f"nbytes: model {found.facts.name!r} takes pictures of any size, which are "
                "measured at fixed qualities; leave it out"
            )
        return report_photos(
            found,
            data,
            folder,
            effort=effort,
            limit=limit,
            peers=peers,
            peer_limit=peer_limit,
            device=device,
            overwrite=overwrite,
            name=name,
            recipe=recipe,
            on_progress=on_progress,
        )
    loaded = load_vector_model(found)
    pictures = load(data, loaded.facts, limit=limit, fit=resize, title=name)
    images, tell = pictures.images, on_progress or silent
    sizes = sizes or default_sizes(loaded.facts.payload_bytes, len(images))
    encoder = Encoder(loaded, effort, device)
    rows, reconstructions = [], []
    for row, decoded in encoder.archives(images, sizes, tell):
        rows.append(row)
        reconstructions.append(decoded[: shown(images.shape[2])].copy())
    report: dict[str, Any] = {
        "model": _model_facts(loaded),
        "data": {"label": pictures.label, "pictures": len(images)},
        "effort": effort,
        "recipe": list(recipe),
        "rows": rows,
        "versus": versus(encoder, images, peer_limit, rows, tell) if peers else None,
    }
    drawn = {"curve.png": _curve(report), "sheet.png": _sheet(images, reconstructions, report)}
    report["notes"] = _notes(pictures, report, drawn)
    report["files"] = [name for name in FILES if drawn.get(name, b"") is not None]
    write_report(folder, report, card(report), drawn, overwrite=overwrite)
    return report | {"folder": os.fspath(folder)}


def _sizes(nbytes: Sequence[int] | None) -> list[int]:
    if nbytes is None:
        return []
    if not 1 <= len(nbytes) <= MAX_SIZES:
        raise PslError(f"nbytes has {len(nbytes)} sizes: pass 1 to {MAX_SIZES}, or None")
    for size in nbytes:
        if size != int(size) or size < 1:
            raise PslError(f"nbytes has {size}: expected positive whole numbers of bytes")
    return sorted({int(size) for size in nbytes})


def _model_facts(model: VectorModel) -> dict[str, Any]:
    facts = model.facts
    return model_facts(model) | {
        "width": facts.width,
        "height": facts.height,
        "latent_code": facts.code.get("kind"),
        "dense_code": (facts.dense or {}).get("kind"),
        "payload_bytes": list(facts.payload_bytes),
    }


def _curve(report: dict[str, Any]) -> bytes | None:
    """All lines are of the same pictures: those of the peers where there are any."""
    versus_, data = report["versus"], report["data"]
    title = f"{report['model']['name']} on {data['label']}"
    lines: list[Row] = list(report["rows"])
    if versus_:
        lines = [
            row for side in ("ours", "peers") for rows in versus_[side].values() for row in rows
        ]
        if versus_["pictures"] < data["pictures"]:
            title += f", first {versus_['pictures']:,} pictures"
    return plot(lines, title)


def _sheet(images: Images, decoded: Sequence[Images], report: dict[str, Any]) -> bytes:
    """Originals, three sizes in the inner part of the curve, and the best peer at the largest."""
    rows, last = report["rows"], len(report["rows"]) - 1
    chosen = sorted({(last + 1) // 6, last // 2, last - (last + 1) // 6})
    lines = [(f"original\n{images[0].nbytes:,} bytes", images)]
    lines += [(_caption(rows[i]), decoded[i]) for i in chosen]
    if report["versus"]:
        found = best_peer(images, report["versus"]["peers"]["sheet"], rows[chosen[-1]]["bytes"])
        lines += [(_caption(found[0]), found[1])] if found else []
    return draw_sheet(lines)


def _caption(row: Row) -> str:
    quality = "lossless" if row["psnr"] is None else f"{row['psnr']:.1f} dB"
    return f"{row['codec']} {row['layout']}\n{row['bytes']:.1f} bytes, {quality}"


def _notes(pictures: Pictures, report: dict[str, Any], drawn: dict[str, bytes | None]) -> list[str]:
    notes = list(pictures.notes)
    if report["versus"] and report["versus"]["absent"]:
        names = " and ".join(report["versus"]["absent"])
        notes.append(f"Pillow has no {names} here, so that they are left out.")
    if drawn["curve.png"] is None:
        notes.append(f"The curve is not drawn, since matplotlib is not installed: {EXTRA}.")
    if not can_ssim():
        notes.append(f"SSIM is not measured, since scikit-image is not installed: {EXTRA}.")
    return notes
