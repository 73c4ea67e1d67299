"""The console command `pseudocodec`: its commands, options and help.

Only click is imported here, so that --help is instant; each command imports what it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pseudocodec._cli import options
from pseudocodec._cli.group import Group, json_option

if TYPE_CHECKING:
    from pseudocodec.container.remote import Place

_EXAMPLES = """\b
Examples:
  pseudocodec encode photo.jpg                 writes photo.psl beside it
  pseudocodec encode photo.jpg --bpp 0.25      spends a quarter of a bit a pixel
  pseudocodec encode digit.png --model digits -n 40 --show
  pseudocodec encode scans/ -o scans.psl       one archive of a whole folder
  pseudocodec encode scans/ --each -o out/     one file for each picture
  pseudocodec decode photo.psl                 writes photo.png
  pseudocodec decode scans.psl -i 7 -o 7.png   one picture out of an archive
  pseudocodec convert pictures/ archives/      a data set of any size
  pseudocodec info photo.psl                   what it contains
  pseudocodec train scans/ -o scans.safetensors --budget 2h
  pseudocodec evaluate digits t10k-images-idx3-ubyte.gz

\b
Exit status:
  0    success
  1    bad input, a damaged file, or an output that cannot be written
  2    wrong usage
  130  interrupted (Ctrl-C); only --resume ever finds a half-written file, FILE.partial
"""


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from pseudocodec import __version__

        click.echo(f"pseudocodec {__version__}")
        ctx.exit()


@click.group(
    cls=Group,
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Photographs in few bytes, and pictures of one kind in a few dozen.

    A trained model turns each picture into a short code, and back. Every command takes --json for
    scripts and writes progress to stderr. `pseudocodec COMMAND --help` tells more.
    """


@main.command(short_help="Compress pictures into a .psl file.")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True, type=options.SOURCE)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="OUT",
    help="The .psl file, or with --each the folder.  [default: beside a single picture]",
)
@click.option(
    "--each",
    "one_each",
    is_flag=True,
    help="Write one .psl file for each picture, named as the picture is, into the folder -o.",
)
@options.model
@options.target
@options.effort
@click.option(
    "--progressive/--dense",
    default=None,
    help="Every prefix of a progressive file decodes; a dense one is smaller, as photos always "
    "are.  [default: progressive for a single picture, dense for an archive]",
)
@click.option("--resize", is_flag=True, help="Scale pictures to the size of the model, and back.")
@options.workers
@click.option(
    "--keep-going",
    is_flag=True,
    help="Leave out pictures that cannot be encoded, name them at the end and exit with status 1.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with an archive that an earlier run left half written; with --each, leave alone "
    "the files that are there.",
)
@options.show
@options.force
@options.device
@json_option
def encode(
    inputs: tuple[Any, ...],
    output: Path | None,
    *,
    one_each: bool,
    workers: int | None,
    keep_going: bool,
    resume: bool,
    with_show: bool,
    force: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Compress pictures into a .psl file.

    IN is a picture file, a folder (searched recursively), a .tar of pictures, an IDX file of
    images (MNIST's format, .gz too), or a .npy / .npz array of uint8 (n, h, w) or (n, h, w, 3).
    One picture file alone becomes one small file; anything else becomes one archive, named
    with -o, from which each picture can be read without the others. With --each every picture
    becomes a file of its own: of a folder, at the same place below -o; of a .tar or an array,
    00000.psl and so on in a folder of its name.

    Many pictures are spread over processes, which does not change a byte. What is done of an
    archive survives Ctrl-C, a crash and a full disk in OUT.partial: the same command with
    --resume goes on from there. With --keep-going one bad picture does not stop the others.

    Give at most one of -q, -n, -b and -p. The summary states the PSNR of what decodes from the
    file. A photo alone keeps its transparency, exactly, and its ICC profile; of an archive, all
    pictures are opaque and sRGB. 16 bits a sample become 8.

    \b
    Examples:
      pseudocodec encode photo.jpg
      pseudocodec encode photo.jpg -p 34 -o small.psl
      pseudocodec encode t10k-images-idx3-ubyte.gz --model digits -n 15 -o t.psl
      pseudocodec encode scans/ -o scans.psl --workers 8 --keep-going
      pseudocodec encode scans/ -o scans.psl --resume
      pseudocodec encode photos/ --each -o small/ -b 0.3
    """
    given = [name for name in ("quality", "nbytes", "bpp", "psnr") if choices[name] is not None]
    if len(given) > 1:
        raise click.UsageError(f"--{given[0]} and --{given[1]} exclude each other: give one.")
    from pseudocodec._cli import encode as worker
    from pseudocodec._cli.processes import Choices

    if choices["progressive"] is None:  # what the library chooses
        del choices["progressive"]
    how = Choices(choices, force, workers, keep_going, resume)
    worker.run(inputs, output, how, one_each=one_each, with_show=with_show, as_json=as_json)


@main.command(short_help="Turn a .psl file into pictures.")
@click.argument("path", metavar="IN.psl", type=options.SOURCE)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="OUT",
    help="A picture file, by its suffix; for an archive a folder. Default: beside the input.",
)
@click.option(
    "-i",
    "--index",
    "indexes",
    multiple=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Only this picture of an archive, counted from 0. Can be repeated.",
)
@click.option("--partial", is_flag=True, help="Accept a file cut short, without verifying it.")
@click.option(
    "--region",
    metavar="L,T,R,B",
    callback=options.region,
    help="Only these pixels: left, top, right, bottom, as in 0,16,640,480. Of a large photo only "
    "the tiles they lie in are read.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="Of an archive with damaged blocks, or a large photo with damaged or missing tiles, "
    "decode the others; name the damaged ones and exit with status 1.",
)
@options.workers
@click.option(
    "--resume",
    is_flag=True,
    help="Of an archive leave out the pictures whose files are there, from an earlier run.",
)
@options.show
@options.force
@options.device
@json_option
def decode(path: Any, output: Path | None, indexes: tuple[int, ...], **flags: Any) -> None:
    """Turn a .psl file into pictures.

    A single picture is written as IN.png, an archive as a folder IN of 00000.png, 00001.png and
    so on. With one --index and a picture file for -o, that picture is written there. Files are
    written whole or not at all: after Ctrl-C, --resume decodes those that are missing.

    \b
    Examples:
      pseudocodec decode photo.psl -o photo.webp
      pseudocodec decode large.psl --region 4096,2048,4736,2528 -o detail.png
      pseudocodec decode digits.psl -i 3 -i 5 -o few/
      pseudocodec decode digits.psl --workers 8 --resume
    """
    from pseudocodec._cli import decode as worker

    worker.run(path, output, indexes, **flags)


@main.command(short_help="Convert a data set into archives, on many machines if need be.")
@click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=options.SOURCE)
@click.argument("folder", metavar="DST", type=options.SOURCE)
@options.model
@options.target
@options.effort
@click.option("--resize", is_flag=True, help="Scale pictures to the size of the model, and back.")
@click.option(
    "--shard-size",
    type=click.IntRange(1, 10_000_000),
    metavar="N",
    help="Pictures of an archive.  [default: 10000, of photographs 1000]",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="local: processes of this machine. ray: the machines of a Ray cluster (needs "
    "pseudocodec[ray]), found by RAY_ADDRESS or begun with `ray start`.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Processes.  [default: one a CPU, on a GPU one; with Ray one for each GPU of the cluster "
    "or else for each CPU]",
)
@click.option(
    "--keep-going/--strict",
    default=True,
    help="Whether one picture that cannot be converted stops the others.  [default: keep going]",
)
@click.option(
    "-f", "--force", is_flag=True, help="Begin anew: what an earlier conversion left is deleted."
)
@options.device
@json_option
def convert(
    sources: tuple[Any, ...],
    folder: Any,
    *,
    keep_going: bool,
    force: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Convert a data set into archives of some thousand pictures each, and a manifest.

    SRC is anything `encode` takes, or several: a folder, .tar archives, .parquet files, arrays;
    local, or URLs such as s3://bucket/pictures. DST is a local folder, on a file system that all
    machines share, or a URL. It is made, or holds what an earlier run left.

    \b
    In DST lie:
      shard-00000.psl ...    the archives, for `decode` and `info`
      shard-00000.json ...   of each input the place in the archive, or why it is in none
      manifest.json          settings, totals, and size and SHA-256 of every archive
      plan.json, plan/       which inputs there are

    After Ctrl-C, a crash or the loss of a machine the same command goes on: archives that are
    whole, by their SHA-256, are left alone, and settings that differ are refused. Every input is
    in one archive, once, or skipped; skipped ones are named at the end, with exit status 1. They
    stay skipped until the .json file of their shard is deleted. Inputs are listed once: those that
    come later need a DST of their own. The bytes depend neither on --engine nor on --workers.

    Give at most one of -q, -n, -b and -p. A model file must have the same path on all machines.

    \b
    Examples:
      pseudocodec convert scans/ scans-psl/ --model scans.safetensors -n 40
      pseudocodec convert train-*.tar s3://bucket/train-psl -b 0.3
      pseudocodec convert s3://bucket/photos /mnt/photos-psl --engine ray
      pseudocodec decode scans-psl/shard-00042.psl -i 7 -o 7.png
    """
    given = [name for name in ("quality", "nbytes", "bpp", "psnr") if choices[name] is not None]
    if len(given) > 1:
        raise click.UsageError(f"--{given[0]} and --{given[1]} exclude each other: give one.")
    from pseudocodec._cli import convert as worker

    worker.run(sources, folder, strict=not keep_going, force=force, as_json=as_json, **choices)


@main.command(short_help="Show what .psl files contain.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.SOURCE)
@json_option
def info(files: tuple[Place, ...], as_json: bool) -> None:
    """Show what .psl files contain, from their headers alone. FILE may be a URL.

    With --json, one line for each FILE.
    """
    from pseudocodec._cli import facts

    facts.info(files, as_json=as_json)


@main.command(short_help="Check .psl files for damage.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.SOURCE)
@click.option(
    "--deep",
    is_flag=True,
    help="Decode every picture, too, and check what checksums cannot show; this needs the model.",
)
@json_option
def verify(files: tuple[Place, ...], deep: bool, as_json: bool) -> None:
    """Check every checksum of .psl files. The exit status is 1 if any file is damaged.

    With --deep, every problem of every picture is listed. With --json, one line for each FILE.
    """
    from pseudocodec._cli import facts

    facts.verify(files, deep=deep, as_json=as_json)


@main.command(short_help="List the installed models.")
@json_option
def models(as_json: bool) -> None:
    """List the installed models, by the names that `encode --model` takes."""
    from pseudocodec._cli import facts

    facts.models(as_json=as_json)


@main.command(short_help="Train a model on pictures of your own.")
@click.argument("data", type=options.FILE)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    required=True,
    metavar="MODEL.safetensors",
    help="The model to write.",
)
@click.option(
    "--budget",
    metavar="TIME",
    callback=options.duration,
    default="30m",
    show_default=True,
    help="Time to spend, such as 90s, 30m or 2h; with --resume, by all runs together.",
)
@click.option(
    "--size",
    type=click.Choice(["small", "base", "large"]),
    default="base",
    show_default=True,
    help="Of nets for one kind: larger ones are better where the budget lets them learn.",
)
@click.option(
    "--codec",
    metavar="NAME",
    default="kind",
    show_default=True,
    help="kind: for pictures of one kind. gan: for such pictures in one seed each, of 2 or 3 "
    "bytes. photo: for photographs of any size. overfit: what fits to one picture start from. Or "
    "one of CompressAI's networks (needs pseudocodec[compressai]): bmshj2018-factorized, "
    "bmshj2018-factorized-relu, bmshj2018-hyperprior, mbt2018-mean, mbt2018; NAME-leaky-relu has "
    "leaky ReLU for GDN.",
)
@click.option(
    "--objective",
    type=click.Choice(["mse", "perceptual", "adversarial", "ms-ssim"]),
    default="mse",
    show_default=True,
    help="mse: the least error. perceptual: sharper pictures, whose detail is partly invented; for "
    "photographs, it tunes the decoder of the model that --init names. adversarial: of --codec "
    "gan, without the stage that lowers the error. ms-ssim: of CompressAI's networks only.",
)
@click.option(
    "--lmbda",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Of CompressAI's networks: what distortion costs; larger gives better pictures and larger "
    "files.  [default: 0.0130, or 16.64 for ms-ssim]",
)
@click.option(
    "--init",
    type=options.FILE,
    metavar="NAME|FILE",
    help="Start from these weights: a model file or a checkpoint, for CompressAI's networks and "
    "for --codec overfit and --codec photo, which take the name of an installed model, too.  "
    "[default: with --objective perceptual, photo]",
)
@click.option(
    "--loss",
    type=click.Choice(["standard", "non-saturating", "least-squares", "wasserstein"]),
    help="Of --codec gan: what its two players minimise.  [default: non-saturating]",
)
@click.option(
    "--latents-from",
    type=click.Choice(["uniform", "gaussian", "lcg", "lcg+noise", "two-steps"]),
    help="Of --codec gan: the latents that the generator learns from.  [default: lcg]",
)
@click.option(
    "--lcg",
    type=click.Choice(["lcg-5101", "lcg-29282", "lcg-524287", "lcg-8191"]),
    help="Of --codec gan: the generator of the seeds.  [default: lcg-8191 up to 64 x 64 grey "
    "pixels, above lcg-524287]",
)
@click.option(
    "--critic-steps",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Of --codec gan: steps of the discriminator for each of the generator.  [default: 1]",
)
@click.option(
    "--holdout",
    metavar="SHARE|PATH",
    help="The share of the pictures, below 0.5, that is kept from training for the report, or "
    "where other pictures are.  [default: 0.05, at most 2,000 pictures; of photographs 0.01, at "
    "most 24 squares of 256 pixels]",
)
@click.option(
    "--skip-bad", is_flag=True, help="Leave out pictures that cannot be used, and say so."
)
@click.option("--name", metavar="NAME", help="Of the model.  [default: that of the file]")
@click.option(
    "--report/--no-report",
    default=True,
    help="Measure real files of the held-out pictures at the end; CompressAI's networks have no "
    "such report.  [default: report]",
)
@click.option("--resume", is_flag=True, help="Go on from where an earlier run stopped.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    default=0,
    show_default=True,
    help="Of the random numbers that training draws.",
)
@options.force
@options.device
@json_option
def train(data: Path, output: Path, **settings: Any) -> None:
    """Train a model on pictures of your own, grey or RGB.

    For pictures of one kind, unless --codec says otherwise.

    DATA is anything `encode` takes: a folder, a .tar, an IDX file, an array or a .parquet file.
    Pictures have 16 to 256 pixels a side, of any aspect; the commonest size is the model's, others
    are resized to it. Nets, latents and the range of rates are chosen to suit the pictures.

    Progress goes to stderr once a minute: PSNR on the held-out pictures, by bytes a picture, and
    MODEL.safetensors.progress.png shows some of them before and after; with --codec gan it is the
    losses and errors of each stage. Ctrl-C stops; --resume goes on from there. At the end the
    folder MODEL-report is written, as `evaluate` does: what real files of held-out pictures are
    worth beside JPEG, WebP, AVIF and JPEG XL.

    With several GPUs, start it with torchrun: every process trains.

    \b
    Examples:
      pseudocodec train scans/ -o scans.safetensors --budget 2h
      pseudocodec train faces.tar -o faces.safetensors --holdout faces-test.tar
      pseudocodec encode new.png --model scans.safetensors
      torchrun --nproc-per-node 4 -m pseudocodec train scans/ -o scans.safetensors
      pseudocodec train photos/ -o mine.safetensors --codec photo --budget 10h
      pseudocodec train digits.tar -o seeds.safetensors --codec gan
      pseudocodec train in/ -o s.safetensors --codec photo --objective perceptual
    """
    from pseudocodec._cli import train as worker

    worker.run(data, output, **settings)


@main.command(short_help="Report what a model is worth on pictures.")
@click.argument("model")
@click.argument("data", type=options.FILE)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="FOLDER",
    help="Default: the name of the model with -report.",
)
@click.option(
    "--nbytes",
    metavar="N,N,...",
    callback=options.sizes,
    help="Sizes to measure, in bytes a picture.  [default: seven over the model's range]",
)
@options.effort
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Measure the first N only.")
@click.option("--peers/--no-peers", default=True, help="Measure other codecs too.  [default: yes]")
@options.force
@options.device
@json_option
def evaluate(model: str, data: Path, output: Path | None, **settings: Any) -> None:
    """Report what a model is worth on pictures: bytes of real files against PSNR.

    MODEL is an installed model or a .safetensors file, DATA anything `encode` takes. Writes a
    folder: card.md with tables, beside JPEG, WebP, AVIF and JPEG XL at equal bytes and at equal
    PSNR; curve.png; sheet.png with pictures before and after; report.json with every figure.

    \b
    Examples:
      pseudocodec evaluate digits t10k-images-idx3-ubyte.gz --limit 1000
      pseudocodec evaluate scans.safetensors new-scans/ --nbytes 16,32,64
    """
    from pseudocodec._cli import evaluate as worker

    worker.run(model, data, output, **settings)


@main.group(cls=Group, short_help="Experiments with what a model knows.")
def explore() -> None:
    """Experiments with what a model knows of pictures."""


@explore.command(short_help="Change the latents of a photo and see what decodes.")
@click.argument("photo", type=options.FILE)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="SHEET.png",
    help="The pictures.  [default: PHOTO-latent.png, beside it]",
)
@click.option(
    "--model",
    default="photo",
    show_default=True,
    metavar="NAME",
    help="A model for pictures of any size, or its .safetensors file.",
)
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(0, 100),
    metavar="Q",
    default=60,
    show_default=True,
    help="As of encode, at effort 0.",
)
@click.option(
    "--operation",
    "operations",
    multiple=True,
    default=["all"],
    show_default=True,
    metavar="NAME",
    help="What to do to the latents; can be repeated.",
)
@options.force
@options.device
@json_option
def latent(photo: Path, output: Path | None, operations: tuple[str, ...], **flags: Any) -> None:
    """Change the latents of a photo before they are rounded, and see what decodes.

    Every row of the table is a payload coded for real: PSNR and MS-SSIM of what decodes from it
    against PHOTO, and its bits a pixel. The decoder predicts latents from hyper-latents, which are
    made of the changed latents; "old prior" tells the bits with those of the unchanged picture.
    Latents beyond 65,535 quantiser steps are clipped, and counted.

    \b
    Operations, where AXIS is channels, rows or columns:
      zero-AXIS-first, -middle, -second   a half of the latents becomes zero
      zero-AXIS:A-B, keep-AXIS:A-B        those from A to B, or all others, become zero
      swap-AXIS                           the halves change places
      scale:F                             all are multiplied by F
      all                                 scale:100, swap-channels and the halves

    \b
    Examples:
      pseudocodec explore latent photo.jpg
      pseudocodec explore latent photo.jpg --operation keep-channels:0-2 -o coarse.png
    """
    from pseudocodec._cli import explore as worker

    worker.latent(photo, output, operations, **flags)


@explore.command(short_help="Go from one picture of a kind to another.")
@click.argument("a", metavar="A.psl", type=options.SOURCE)
@click.argument("b", metavar="B.psl", type=options.SOURCE)
@options.strip
@click.option(
    "--steps",
    type=click.IntRange(2, 100),
    metavar="N",
    default=9,
    show_default=True,
    help="Pictures, A and B among them.",
)
@click.option(
    "--path",
    "way",
    type=click.Choice(["linear", "spherical"]),
    default="linear",
    show_default=True,
    help="A straight line, or the great circle around 0, which Gaussian latents lie near. Models "
    "whose latents lie in [-1, 1] take the line alone.",
)
@click.option(
    "--index-a",
    type=click.IntRange(min=0),
    metavar="N",
    help="If A is an archive: the picture, counted from 0.",
)
@click.option("--index-b", type=click.IntRange(min=0), metavar="N", help="Likewise of B.")
@options.effort
@options.force
@options.device
@json_option
def interpolate(a: Any, b: Any, steps: int, way: str, **flags: Any) -> None:
    """Go from picture A to picture B through the latent space of their model.

    A and B are .psl files of one model of one kind of pictures, such as digits. The latents they
    decode to are the ends; every step between is coded with as many bits as they have, in the
    latent code of A, and decoded: a real payload. The table shows of each its seeds, where the
    code has them, or else its bytes, and the distance: how far the decoded latents lie beside the
    way, root mean square. --uncoded shows what the generator makes of the way itself.

    \b
    Examples:
      pseudocodec explore interpolate seven.psl one.psl -o strip.png
      pseudocodec explore interpolate t.psl t.psl --index-a 0 --index-b 7 -o strip.png
      pseudocodec explore interpolate a.psl b.psl -o s.png --path spherical --psl steps.psl
    """
    from pseudocodec._cli import explore_points as worker

    worker.between(a, b, steps, path=way, **flags)


@explore.command(short_help="Take some pictures from others: A - B + C.")
@click.argument("a", metavar="A", type=options.SOURCE)
@click.argument("b", metavar="B", type=options.SOURCE)
@click.argument("c", metavar="C", type=options.SOURCE)
@options.strip
@options.effort
@options.force
@options.device
@json_option
def arithmetic(a: Any, b: Any, c: Any, **flags: Any) -> None:
    """Compute A - B + C of the mean latents of three groups of pictures, and see what decodes.

    A, B and C are each a .psl file, an archive, of which all pictures count, or a folder, of which
    all .psl files do; all of one model of one kind of pictures, such as digits. A shows something
    that B, otherwise alike, does not, and C is to get it. Single pictures are a coarse measure;
    means of a few dozen are a fine one.

    The three means and the result are coded with as many bits as the longest of all payloads has,
    and decoded; a group of one picture is shown as it is. The table is that of `interpolate`.

    \b
    Examples:
      pseudocodec explore arithmetic slanted/ upright/ seven.psl -o strip.png
      pseudocodec explore arithmetic smiling.psl neutral.psl other.psl -o s.png --psl s.psl
    """
    from pseudocodec._cli import explore_points as worker

    worker.combine(a, b, c, **flags)
