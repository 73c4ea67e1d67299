"""What share/ tells other software of the format: file(1), desktops."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pseudocodec.container.layout import MAGIC
from pseudocodec.pillow import EXTENSION, MIME

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "formats" / "psl" / "golden"
XML = ROOT / "share" / "mime" / "pseudocodec.xml"
NAMES = {"": "http://www.freedesktop.org/standards/shared-mime-info"}

with_file = pytest.mark.skipif(shutil.which("file") is None, reason="the command file is absent")


def said(path: Path, *options: str) -> str:
    command = ["file", "--brief", "-m", str(ROOT / "share" / "magic" / "psl"), *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@with_file
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("container-single", "pseudocodec picture, 30 x 20, version 1"),
        ("digits-single", "pseudocodec picture, version 1"),
        ("photo-single", "pseudocodec picture, 210 x 160, version 1"),
        ("container-archive", "pseudocodec archive, 3 pictures, version 1"),
        ("photo-archive", "pseudocodec archive, 2 pictures, version 1"),
    ],
)
def test_file_describes_golden_files(name: str, sentence: str) -> None:
    path = GOLDEN / f"{name}.psl"
    assert said(path) == sentence
    assert said(path, "--mime-type") == MIME


@with_file
def test_file_counts_one_picture_and_says_a_common_size(tmp_path: Path) -> None:
    from pseudocodec.container import ArchiveWriter, Geometry

    path = tmp_path / "one.psl"
    with path.open("wb") as file:
        writer = ArchiveWriter(file, bytes(8), geometry=Geometry(300, 70_000))
        writer.add(b"\xf0", 4)
        writer.close()
    assert said(path) == "pseudocodec archive, 1 picture, 300 x 70000, version 1"


@with_file
def test_file_knows_nothing_of_damaged_magic(tmp_path: Path) -> None:
    path = tmp_path / "text.psl"
    path.write_bytes((GOLDEN / "digits-single.psl").read_bytes().replace(b"\r\n", b"\n"))
    assert "pseudocodec" not in said(path)


def test_desktops_know_the_type_by_magic_and_name() -> None:
    [kind] = ElementTree.parse(XML).getroot().findall("mime-type", NAMES)
    assert kind.get("type") == MIME
    [match] = kind.findall("magic/match", NAMES)
    value = match.get("value", "").encode().decode("unicode_escape").encode("latin-1")
    assert (match.get("type"), match.get("offset"), value) == ("string", "0", MAGIC)
    [glob] = kind.findall("glob", NAMES)
    assert glob.get("pattern") == f"*{EXTENSION}"
    assert all(path.read_bytes().startswith(value) for path in GOLDEN.glob("*.psl"))
