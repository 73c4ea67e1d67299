"""The latent interpretation experiment of the EPFL report, with pseudocodec's photo model.

"Latent space in image compression" (EPFL, 2021), section 4, changes the latents of one photograph,
(192, 32, 48) of a scale hyperprior at quality 6, and gives PSNR, MS-SSIM and bits a pixel of what
decodes (table 1; figures 11 to 17). Here the same changes, at the bits a pixel of its figure 11,
each coded for real. The report's photograph, St Malo, is not of the Kodak set: ours are kodim01 to
kodim04, of its section 3, as large. It does not say which half of the rows or columns became zero,
so that its figures 12 and 13 stand beside both of ours.

Two PSNRs of the printed table repeat bits a pixel of the row before (0.498 of figure 12, 0.414 of
figure 15) and are left out. "bpp, old prior" codes the changed latents with the hyper-latents of
the unchanged ones.

The sheet shows what decodes from one photograph. `--quick`: one photograph, four changes.

    python benchmarks/epfl/latent_interpretation.py --model photo
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))  # the scripts it shares code with

import photos
from harness import RESULTS, Row, table, write_json
from photo_run import LIBRARIES, arguments
from pseudocodec._cli.report import stages
from pseudocodec.errors import PslError
from pseudocodec.exploration import UNCHANGED, USUAL, Changed, explore_latent
from pseudocodec.exploration.sheet import draw_grid
from pseudocodec.metrics import Images
from pseudocodec.model import PhotoModel, load_model
from pseudocodec.photo.encoder import Encoder
from pseudocodec.photo.rate import encode_to
from pseudocodec.rate import Target

NAME = "epfl/latent_interpretation"
PICTURES = 4
QUICK = ("zero-rows-first", "zero-channels-first", "zero-channels-second", "scale:100")
SHOWN = "kodim03"
PAPER = {
    UNCHANGED: (11, 31.42, 0.9803, 0.498),
    "zero-rows-first": (12, None, 0.7024, 0.342),
    "zero-rows-second": (12, None, 0.7024, 0.342),
    "zero-columns-first": (13, 12.83, 0.7145, 0.366),
    "zero-columns-second": (13, 12.83, 0.7145, 0.366),
    "zero-channels-first": (14, 15.89, 0.7301, 0.414),
    "zero-channels-middle": (15, None, 0.8827, 0.449),
    "zero-channels-second": (16, 10.99, 0.6327, 0.419),
    "scale:100": (17, 6.61, 0.2760, 5.231),
}
"""Figure, PSNR, MS-SSIM and bits a pixel of the report's table 1."""

COLUMNS = {
    "operation": "",
    "picture": "",
    "psnr": ".2f",
    "ms_ssim": ".4f",
    "bpp": ".3f",
    "bpp_old_prior": ".3f",
}


def measure(quick: bool, name: str) -> tuple[list[Row], bytes]:
    """A row a change and picture, the report's last, and the PNG of what decodes from one picture.

    Raises PslError for a model that is not one for photographs.
    """
    model = load_model(name)
    if not isinstance(model, PhotoModel):
        raise PslError(f"model {model.facts.name!r} does not take photographs")
    pictures = photos.kodak(PICTURES)
    if quick:
        pictures = {SHOWN: pictures[SHOWN]}
    operations = QUICK if quick else USUAL
    found = {picture: explore(model, image, operations) for picture, image in pictures.items()}
    rows = []
    for i, operation in enumerate((UNCHANGED, *operations)):
        rows += [_row(picture, results[i]) for picture, results in found.items()]
        rows += _published(operation)
    return rows, draw_grid([(_caption(result), result.pixels) for result in found[SHOWN]])


def explore(model: PhotoModel, image: Images, operations: Sequence[str]) -> list[Changed]:
    """At the level whose payload has the bits a pixel of the report's unchanged picture."""
    wanted = Target.of(bpp=PAPER[UNCHANGED][3])
    level = encode_to(Encoder(model, image), wanted, overhead=0).level
    quality = 100 * level / model.code.top
    with stages() as tell:
        return explore_latent(image, operations, model=model, quality=quality, on_progress=tell)


def _row(picture: str, result: Changed) -> Row:
    facts = result._asdict()
    del facts["pixels"]
    return {"picture": picture} | facts


def _published(operation: str) -> list[Row]:
    if operation not in PAPER:
        return []
    figure, psnr, ms_ssim, bpp = PAPER[operation]
    row = {"picture": f"report, {figure}", "operation": operation, "psnr": psnr}
    return [row | {"ms_ssim": ms_ssim, "bpp": bpp}]


def _caption(result: Changed) -> str:
    return f"{result.operation}\n{result.psnr:.2f} dB, {result.bpp:.3f} bpp"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write the JSON file and the pictures."""
    chosen = arguments(NAME, __doc__).parse_args(argv)
    try:
        rows, png = measure(chosen.quick, chosen.model)
    except PslError as error:
        sys.exit(f"{error}.")
    Console().print(table(rows, COLUMNS))
    default = None if chosen.quick else RESULTS / NAME
    json_path = chosen.json or (default and default.with_suffix(".json"))
    plot_path = chosen.plot or (default and default.with_suffix(".png"))
    if json_path:
        quick = " --quick" if chosen.quick else ""
        command = f"python benchmarks/{NAME}.py --model {Path(chosen.model).stem}{quick}"
        write_json(json_path, command, rows, LIBRARIES)
    if plot_path:
        plot_path.parent.mkdir(parents=True, exist_ok=True)
        plot_path.write_bytes(png)


if __name__ == "__main__":
    main()
