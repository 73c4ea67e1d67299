"""From CompressAI's checkpoints to model files."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pseudocodec._text import label
from pseudocodec.errors import PslError, TooLarge
from pseudocodec.integrations.compressai.architectures import NAMES, Config, compressai
from pseudocodec.integrations.compressai.model import FAMILY, SCALE_BITS
from pseudocodec.integrations.compressai.tables import Tables
from pseudocodec.model.file import ModelFacts, write_model

if TYPE_CHECKING:
    import torch

MAX_CHECKPOINT_BYTES = 1 << 30
MOST_REACH = 1 << 14  # of a bottleneck's quantiles, from which its tables get their lengths


def import_checkpoint(
    path: str | os.PathLike[str],
    architecture: str,
    output: str | os.PathLike[str],
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> bytes:
    """Make a model file of a CompressAI checkpoint; returns the model's id.

    The checkpoint is a state dict, or a dict with one as "state_dict"; it is loaded without running
    code (`weights_only`), and its SHA-256 goes into the model file. `name` is by default that of
    `output`. Raises PslError for a file that is not a checkpoint of `architecture`.
    """
    network, config, digest = read_checkpoint(path, architecture)
    target = Path(output)
    origin = {"checkpoint_sha256": digest}
    return write_network(network, config, origin, name or target.stem, target, overwrite=overwrite)


def read_checkpoint(
    path: str | os.PathLike[str], architecture: str
) -> tuple[torch.nn.Module, Config, str]:
    """The network in a CompressAI checkpoint, its configuration, and the file's SHA-256.

    Raises PslError as `import_checkpoint`.
    """
    import torch

    source, pretrained = Path(path), compressai("zoo.pretrained")
    if architecture not in NAMES:
        raise PslError(f"architecture={architecture!r}: expected one of {', '.join(NAMES)}")
    try:
        if source.stat().st_size > MAX_CHECKPOINT_BYTES:
            raise TooLarge(f"{path}: checkpoints may have {MAX_CHECKPOINT_BYTES} bytes; not loaded")
        data = source.read_bytes()
    except OSError as error:
        raise PslError(f"{path}: the checkpoint cannot be read ({error.strerror})") from error
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        state = pretrained.load_pretrained(state.get("state_dict", state))
        widths = (state[f"g_a.{layer}.weight"].shape[0] for layer in (0, 6))
        config = Config(architecture, *widths)
        network = config.build()
        network.load_state_dict(state)
    except PslError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = label((str(error) or type(error).__name__).splitlines()[-1].strip())
        raise PslError(f"{path}: not a checkpoint of {architecture} ({reason})") from error
    return network, config, hashlib.sha256(data).hexdigest()


def write_network(
    network: Any,
    config: Config,
    origin: Mapping[str, object],
    name: str,
    path: Path,
    *,
    overwrite: bool,
) -> bytes:
    """Write a network as a model file; returns the model's id. `origin` says where it comes from.

    Weights become float16 first, and tables are made for those, so that what is written fits
    together: the network is changed in place. Raises PslError for weights that float16 cannot hold.
    """
    import torch

    tensors: dict[str, NDArray[Any]] = {}
    conditional = getattr(network, "gaussian_conditional", None)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            parameter.copy_(parameter.half())
            if not torch.isfinite(parameter).all():
                raise PslError(f"{path}: weights {key} are not finite in float16; not written")
            tensors[key] = parameter.float().cpu().numpy()
        if float(network.entropy_bottleneck.quantiles.abs().max()) > MOST_REACH:
            raise PslError(f"{path}: quantiles beyond {MOST_REACH}; the checkpoint is damaged")
        scales = compressai("models").get_scale_table()
        if conditional is not None and len(conditional.scale_table):
            scales = conditional.scale_table
        network.update(scale_table=scales, force=True)
    tables = {"bottleneck": Tables.of(network.entropy_bottleneck)}
    if conditional is not None:
        tensors["code.scales"] = (scales.double() * 2**SCALE_BITS).long().cpu().numpy()
        tables["conditional"] = Tables.of(conditional)
    for part, table in tables.items():
        tensors |= {f"code.{part}.{key}": value for key, value in table.to_tensors().items()}
    net = asdict(config) | {"origin": dict(origin)}
    facts = ModelFacts(name, FAMILY, net, {"kind": FAMILY}, (0, 0))
    return write_model(path, facts, tensors, overwrite=overwrite)
