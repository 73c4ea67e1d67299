"""Reading members of an uncompressed .tar in place; for `inputs`."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from pseudocodec import image
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.errors import Corrupt, PslError, TooLarge

MAX_MEMBER_BYTES = 2**30
"""A member larger than this is refused: it is read whole before it is decoded."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where the bytes of one regular file lie in a .tar."""

    archive: Place
    name: str
    offset: int
    size: int


def members(path: Place) -> Iterator[Member]:
    """The regular files in the .tar at `path`, in its order.

    Raises:
        PslError: the file cannot be read or is not a .tar.
        Corrupt: it is truncated or its headers make no sense.
    """
    name = label(path)
    end = -1
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                if archive.offset <= end or member.size < 0:  # a forged size would loop for ever
                    raise Corrupt(f"{name} is damaged: a member has a negative size")
                end = archive.offset
                archive.members.clear()  # type: ignore[attr-defined]  # it keeps every header
                if member.isreg() and not member.issparse():
                    yield Member(path, member.name, member.offset_data, member.size)
    except tarfile.ReadError as error:
        if end < 0:
            raise PslError(f"{name} is not an uncompressed .tar archive") from error
        raise Corrupt(f"{name} is damaged: {label(error)}") from error
    except OSError as error:
        raise PslError(f"cannot read {name}: {error.strerror or error}") from error
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise Corrupt(f"{name} is damaged: {label(error)}") from error


def read(member: Member) -> Image.Image:
    """The picture in `member`, as `image.read` gives it.

    Raises:
        TooLarge: the member exceeds `MAX_MEMBER_BYTES` or the picture the limits of `image.read`.
        Corrupt: the archive ends inside the member.
        PslError: it is not a picture, or damaged.
    """
    name = label(f"{member.archive}/{member.name}")
    if member.size > MAX_MEMBER_BYTES:
        raise TooLarge(f"{name} has {member.size} bytes, more than {MAX_MEMBER_BYTES}: extract it")
    try:
        with member.archive.open("rb", buffering=0) as file:
            file.seek(member.offset)
            data = file.read(member.size)
    except OSError as error:
        raise PslError(f"cannot read {name}: {error.strerror or error}") from error
    if len(data) < member.size:
        raise Corrupt(f"{name} is truncated: {len(data)} of {member.size} bytes are there")
    stream = io.BytesIO(data)
    stream.name = name  # for the messages of image.read
    return image.read(stream)
