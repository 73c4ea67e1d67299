"""`train`: a codec for your own pictures from a folder of them."""

from __future__ import annotations

import os
from typing import Any

from pseudocodec.training.codecs import way_of
from pseudocodec.training.job import Job, OnNote, OnProgress, ignore
from pseudocodec.training.outputs import Files


def train(
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    budget: float = 1800.0,
    size: str = "base",
    objective: str = "mse",
    holdout: float | str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    name: str | None = None,
    report: bool = True,
    codec: str = "kind",
    lmbda: float | None = None,
    init: str | os.PathLike[str] | None = None,
    loss: str | None = None,
    latents_from: str | None = None,
    lcg: str | None = None,
    critic_steps: int | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    on_note: OnNote | None = None,
) -> dict[str, Any]:
    """Train a model on the pictures of `data` and write it to `output` (.safetensors).

    The pictures decide the rest: patches, latents, the range of rates, and whether mirror images
    are pictures of the same kind (`training.plan`). Beside the model a folder NAME-report is
    written (see `evaluate`): rate and distortion of real files on the held-out pictures, compared
    with JPEG, WebP, AVIF and JPEG XL. While training, OUTPUT.progress.png shows held-out pictures
    and what the channel leaves of them.

    Args:
        data: a folder, .tar, idx, .npy, .npz or .parquet of grey or RGB pictures, 16 to 256 pixels
            a side, of any aspect. The commonest size is the model's; others are resized to it. For
            a photo model, pictures of at least 256 pixels a side.
        budget: seconds of training, summed over resumed runs. The report takes a few minutes more.
        size: of the nets for one kind, "small", "base" or "large": larger ones are better when
            `budget` allows.
        objective: "mse", or "perceptual" for sharper pictures whose detail is partly invented: of a
            photo model, the decoder is tuned. CompressAI's networks have "mse" and "ms-ssim";
            codec "gan" has "mse" and "adversarial", which leaves the last of its stages out.
        holdout: the share of the pictures that is held out for the report, or other pictures; by
            default a twentieth, at most 2,000, and of photographs a hundredth, at most 24.
        skip_bad: leave out pictures that cannot be read, and say so.
        resume: continue from the checkpoint beside `output` (OUTPUT.checkpoint), which is written
            every two minutes and when interrupted; a longer budget extends a run.
        seed: of the initial weights and the order of pictures. Runs of the same seed still differ
            in the number of steps their time allowed.
        device: "auto", "cpu", "cuda" ... Under torchrun every process trains.
        name: the model's name; by default that of the output file.
        report: whether to measure the model on real files at the end; CompressAI's networks have
            no such report.
        codec: "kind" for pictures of one kind; "gan" for such pictures in one seed each, of 2 to 3
            bytes: a generator trained against a discriminator, its inverse, and then the generator
            again, so that its seeds cover the pictures; "photo" for photographs of any size;
            "overfit" for what fits to one picture start from; or one of CompressAI's networks, such
            as "bmshj2018-hyperprior" (see `integrations.compressai`).
        lmbda: of a network of CompressAI's: what distortion costs.
        init: what a network of CompressAI's starts from, a CompressAI checkpoint or a model file;
            the photo model that training goes on from, by name, as a file or as a checkpoint of its
            training (by default none, but the perceptual objective tunes the one installed as
            "photo"); or the model of starts that "overfit" goes on from, by name or as a file.
        loss: of the two players, see `training.gan_losses`; "non-saturating" unless given.
        latents_from: what the generator is shown, see `training.sequences`; "lcg" unless given.
        lcg: "lcg-5101", "lcg-8191", "lcg-29282" or "lcg-524287"; by default as the size suits.
        critic_steps: of the discriminator, for each of the generator; 1 unless given.
        overwrite: replace a model or a report that is there already.
        on_progress: called about once a minute.
        on_note: called with sentences that a user should read.

    Returns {"id": hex, "path", "bytes", "steps", "seconds", ...}, and "report", whose rows are of
    real files. Of one kind it has "psnr", {bits: dB} of held-out pictures through the ideal
    channel; of CompressAI's networks "bpp" and "distortion".

    Raises PslError for unsuitable pictures, an option that the codec does not take, a checkpoint of
    other settings, diverged training, or a file in the way.
    """
    choices = {"size": size, "holdout": holdout, "report": report, "lmbda": lmbda, "init": init}
    choices |= {"loss": loss, "latents_from": latents_from, "lcg": lcg}
    choices |= {"critic_steps": critic_steps}
    way = way_of(codec, objective, choices)
    files = Files.check(output, budget, resume=resume, overwrite=overwrite)
    heard = {"on_progress": on_progress or ignore, "on_note": on_note or ignore}
    return way(Job(data, files, budget, seed, device, skip_bad, name, **heard))
