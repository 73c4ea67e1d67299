"""The documentation site, built strictly: complete, linked, and without anything from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="mkdocs is not installed (the extra docs)")
pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed (the extra docs)")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's folder."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def html(site: Path, page: str) -> str:
    return (site / page / "index.html").read_text(encoding="utf-8")


def test_the_format_is_included(site: Path) -> None:
    text = html(site, "format")
    assert '<h2 id="common-header">' in text
    assert 'href="#rules"' in text and 'id="rules"' in text
    assert 'class="filename">container-single.psl<' in text
    assert "d[y][x] = a[y][x]" in text


def test_headings_of_what_is_included_go_below_the_pages_own(site: Path) -> None:
    text = html(site, "models")
    assert re.findall(r"<h1 id=\"(\w+)", text) == ["models"]
    assert {"photo", "digits", "faces"} <= set(re.findall(r"<h2 id=\"(\w+)", text))


def test_links_to_included_files_lead_to_their_pages(site: Path) -> None:
    assert 'href="../format/"' in html(site, "contributing")


def test_every_link_and_picture_is_there(site: Path) -> None:
    for page in site.rglob("index.html"):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'(?:src|href)="([^"#:?]+)["#?]', text):
            target = Path(os.path.normpath(page.parent / link))
            assert target.exists(), f"{page.relative_to(site)}: {link}"


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'src="\w+:[^"]*"|<link[^>]*href="\w+:[^"]*"|url\(\w+:[^)]*', text)
        assert not fetched, f"{page.relative_to(site)}: {fetched}"
