"""pseudocodec: photographs of any size, and pictures of one kind in a few dozen bytes.

The whole public face:

    encode, decode                one picture to .psl bytes and back
    save, append, open            many pictures in one archive with random access
    convert                       a data set of any size to archives of a few thousand pictures
    info, verify                  what a file says of itself; whether it is intact
    load_model, models, train     models by name or path; those installed; one of your own
    evaluate                      what a model is worth on pictures, beside other codecs
    PslError ...                  the one family of errors

Importing the package imports neither torch nor numba nor numpy: each name loads what it needs on
first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pseudocodec.archive import Archive, append, open, save
    from pseudocodec.codec import decode, encode
    from pseudocodec.conversion import convert
    from pseudocodec.errors import (
        Corrupt,
        DamagedWarning,
        DeviceDependentWarning,
        NotPsl,
        OutOfRange,
        PslError,
        TooLarge,
        UnknownModel,
        UnsupportedVersion,
        UnverifiedWarning,
    )
    from pseudocodec.evaluation.report import evaluate
    from pseudocodec.inspection import info, verify
    from pseudocodec.model import Model, load_model, models
    from pseudocodec.training.train import train

__version__ = "0.1.0"

_HOMES = {
    "archive": ["Archive", "append", "open", "save"],
    "codec": ["decode", "encode"],
    "conversion": ["convert"],
    "errors": [
        "Corrupt",
        "DamagedWarning",
        "DeviceDependentWarning",
        "NotPsl",
        "OutOfRange",
        "PslError",
        "TooLarge",
        "UnknownModel",
        "UnsupportedVersion",
        "UnverifiedWarning",
    ],
    "evaluation.report": ["evaluate"],
    "inspection": ["info", "verify"],
    "model": ["Model", "load_model", "models"],
    "training.train": ["train"],
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Archive",
    "Corrupt",
    "DamagedWarning",
    "DeviceDependentWarning",
    "Model",
    "NotPsl",
    "OutOfRange",
    "PslError",
    "TooLarge",
    "UnknownModel",
    "UnsupportedVersion",
    "UnverifiedWarning",
    "append",
    "convert",
    "decode",
    "encode",
    "evaluate",
    "info",
    "load_model",
    "models",
    "open",
    "save",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]
