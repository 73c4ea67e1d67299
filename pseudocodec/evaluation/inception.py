"""The FID, by Inception weights that the user has: nothing is downloaded.

M. Heusel et al.: GANs trained by a two time-scale update rule converge to a local Nash equilibrium.
NeurIPS 2017. The network and the resampling are those of the original TensorFlow code, and so
agree with torch-fidelity; pytorch-fid resamples otherwise.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec._text import label
from pseudocodec.errors import PslError, TooLarge
from pseudocodec.metrics import Images, frechet_distance
from pseudocodec.model.base import torch_device

if TYPE_CHECKING:
    import torch

    from pseudocodec.nets.inception import Inception

ENVIRONMENT = "PSEUDOCODEC_INCEPTION"
NAMES = (
    "pt_inception-2015-12-05-6726825d.pth",  # as pytorch-fid calls the file
    "weights-inception-2015-12-05-6726825d.pth",  # as torch-fidelity does, of the same bytes
)
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
MAX_WEIGHTS_BYTES = 1 << 28  # the file has 95,628,359
BATCH = 16  # pictures at a time: about a quarter of a gigabyte

Weights = str | os.PathLike[str] | None
"""Where the weights lie; None for the file that `PSEUDOCODEC_INCEPTION` or torch's cache has."""


def fid(
    a: Images, b: Images, weights: Weights = None, *, device: str = "auto", batch: int = BATCH
) -> float:
    """Fréchet Inception distance of two sets of pictures, 0 or more (Heusel et al. 2017).

    It falls with the number of pictures: compare only values of equally many. Published ones are of
    10,000 to 50,000.

    Args:
        a: uint8 (n, H, W) or (n, H, W, 3), n >= 2.
        b: the same of m >= 2 pictures, which may have another size.
        weights: as in `inception_features`.
        device: as in `inception_features`.
        batch: as in `inception_features`.

    Raises:
        PslError: as `inception_features`, or a set of a single picture.
    """
    one = inception_features(a, weights, device=device, batch=batch)
    return frechet_distance(one, inception_features(b, weights, device=device, batch=batch))


def inception_features(
    images: Images, weights: Weights = None, *, device: str = "auto", batch: int = BATCH
) -> NDArray[np.float32]:
    """The features of the FID, float32 (n, 2048): the last pooling of InceptionV3.

    Pictures are resampled to 299 x 299 bilinearly as TensorFlow 1 does it (see
    `nets.inception.resized`); grey ones are repeated in three channels.

    Args:
        images: uint8 (n, H, W) or (n, H, W, 3), n >= 1.
        weights: the file `NAMES` calls, verified by its SHA-256. By default the one that the
            environment variable PSEUDOCODEC_INCEPTION names, else the one in torch's cache
            (`torch.hub.get_dir()`/checkpoints), where pytorch-fid and torch-fidelity put it.
        device: "auto", "cpu", "cuda" ...
        batch: pictures at a time.

    Raises:
        PslError: the weights are not there or not those; images of another shape or dtype, or none.
        TooLarge: the file of weights is larger than any of these.
    """
    if images.dtype != np.uint8 or images.ndim not in {3, 4} or images.shape[3:] not in {(), (3,)}:
        raise PslError(
            f"images: expected uint8 (n, h, w) or (n, h, w, 3), got {images.dtype} {images.shape}"
        )
    if not images.size or batch < 1:
        raise PslError(f"images {images.shape}, batch={batch}: expected at least one picture")
    where = torch_device(device)
    path = _find(weights)
    try:
        net = _load(path, path.stat().st_mtime_ns, where)
    except OSError as error:
        raise PslError(f"{path}: the weights cannot be read ({error.strerror})") from error
    parts = [_run(net, images[i : i + batch], where) for i in range(0, len(images), batch)]
    return np.concatenate(parts)


def _run(net: Inception, images: Images, device: torch.device) -> NDArray[np.float32]:
    import torch

    if images.ndim == 3:
        images = np.broadcast_to(images[..., None], (*images.shape, 3))
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)
    with torch.no_grad():
        found: NDArray[np.float32] = net(torch.from_numpy(planes).to(device)).cpu().numpy()
    return found


def _find(weights: Weights) -> Path:
    """The file of weights. Raises PslError, which says what is needed and how to give it."""
    import torch

    if weights is not None:
        places, given = [Path(weights)], "as `weights`"
    elif os.environ.get(ENVIRONMENT):
        places, given = [Path(os.environ[ENVIRONMENT])], f"in {ENVIRONMENT}"
    else:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        places, given = [folder / name for name in NAMES], "in torch's cache"
    for place in places:
        if place.is_file():
            return place
    raise PslError(
        f"the FID needs the Inception weights {NAMES[0]} of pytorch-fid (or torch-fidelity's, the "
        f"same file), which are not at {label(places[0])} ({given}): get the file, and pass its "
        f"path as `weights` or set {ENVIRONMENT} to it"
    )


@lru_cache(maxsize=1)
def _load(path: Path, modified: int, device: torch.device) -> Inception:
    """The network on its device; `modified` makes a changed file a new entry of the cache."""
    import torch

    from pseudocodec.nets.inception import Inception

    size = path.stat().st_size
    if size > MAX_WEIGHTS_BYTES:
        raise TooLarge(f"{path}: {size} bytes; the Inception weights have fewer, not loaded")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise PslError(
            f"{path}: not {NAMES[0]}, or damaged ({size} bytes of SHA-256 {found[:8]}..., expected "
            f"{SHA256[:8]}...); get it again"
        )
    with torch.device("meta"):  # no memory, no random numbers: all weights come from the file
        net = Inception()
    net.load_state_dict(_fitting(path, data, net.state_dict()), assign=True)
    return net.to(device).eval().requires_grad_(False)


def _fitting(
    path: Path, data: bytes, expected: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The weights in a file, by name, in float32. Raises PslError unless they are as expected."""
    import torch

    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        found = _weights(state)
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = label((str(error) or type(error).__name__).splitlines()[0].strip())
        raise PslError(f"{path}: the weights cannot be read ({reason}); get them again") from error
    wanted = _weights(expected)
    for name in sorted(wanted.keys() | found.keys()):
        there, here = (tuple(w[name].shape) if name in w else None for w in (found, wanted))
        if there != here:
            raise PslError(
                f"{path}: weights of another network than the FID's Inception "
                f"({label(name)}: {there}, expected {here})"
            )
    return {name: tensor.float() for name, tensor in found.items()}


def _weights(state: Any) -> dict[str, torch.Tensor]:
    """Without the counters of batches, which older files lack and nothing uses."""
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
