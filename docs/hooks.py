"""Pages made of the repository's own files, which stay where they are and have no second copy.

- A line `<!-- include: ../SECURITY.md -->` of a page stands for that file, its headings one level
  down where the page has a heading of its own.
- A link to a file outside docs/, such as `../benchmarks/results/digits.png`, works as it does in
  the repository: the page that includes the file is meant, and else the file becomes part of the
  site. Links in included files work likewise.
"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
ROOT = DOCS.parent

_INCLUDE = re.compile(r"^<!-- include: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()[^)\s:#]+(?=[)#])")  # in [text](path#anchor) the path; no URL
_ITEM = re.compile(r"(`[^`]*`|^ {4}.*$)|\](?=\[)", re.MULTILINE)  # d[y][x], but not in code
_TITLED = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)  # ```hexdump picture.psl
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(?=#+ )", re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with what it includes, its links those of the site."""
    link = partial(_address, page=page, config=config, files=files)
    below = _HEADING.search(markdown) is not None
    folder = (DOCS / page.file.src_uri).parent

    def included(match: re.Match[str]) -> str:
        path = (folder / match[1]).resolve()
        text = path.read_text(encoding="utf-8")
        text = _LINK.sub(lambda found: link(path.parent / found[0]), text)
        text = _ITEM.sub(lambda found: found[1] or "]\\", text)  # else [y][x] would be a link
        text = _TITLED.sub(r'```\1 title="\2"', text)
        return _lower(text) if below else text

    own = _LINK.sub(lambda found: link(folder / found[0]), markdown)
    return _INCLUDE.sub(included, own)


def _address(target: Path, page: Page, config: MkDocsConfig, files: Files) -> str:
    """How the page links to a file of the repository, which joins the site if it has to."""
    path = Path(os.path.normpath(target))
    source = path.relative_to(ROOT).as_posix()
    if path.is_relative_to(DOCS):
        source = path.relative_to(DOCS).as_posix()
    elif path in (pages := _including_pages()):
        source = pages[path].relative_to(DOCS).as_posix()
    elif path.suffix == ".md":
        raise PluginError(f"{page.file.src_uri} links to {source}, which no page includes")
    elif path.is_file() and files.get_file_from_path(source) is None:
        files.append(File.generated(config, source, abs_src_path=str(path)))
    return os.path.relpath(source, Path(page.file.src_uri).parent)


def _including_pages() -> dict[Path, Path]:
    """The included files, and for each the page."""
    found = {}
    for page in DOCS.rglob("*.md"):
        for name in _INCLUDE.findall(page.read_text(encoding="utf-8")):
            found[(page.parent / name).resolve()] = page
    return found


def _lower(text: str) -> str:
    """Every heading one level down; lines of code may begin with # too, and stay."""
    return "".join(
        part if part.startswith("```") else _HEADING.sub("#", part) for part in _FENCED.split(text)
    )
