"""No code comes from files: calls that would run it, or that hand bytes to such, do not occur."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pseudocodec"
FILES = sorted(PACKAGE.rglob("*.py"))

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
FORBIDDEN_MODULES |= {"yaml", "subprocess", "code", "runpy"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv"}
SAFE_ONLY_WITH = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
}
_OWN_PROCESSES = "what a process hands the workers that it starts itself, over its own pipe"
ALLOWED = {
    "parallel/pool.py: pickle": _OWN_PROCESSES,
    "parallel/_process.py: pickle": _OWN_PROCESSES,
}
"""What occurs all the same, and why it does no harm: none of it reads bytes of files."""


def offences(tree: ast.AST) -> Iterator[str]:
    """What is forbidden in a module, as the names that its source uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if not node.level and module.split(".")[0] in FORBIDDEN_MODULES:
                yield module
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keyword, value = SAFE_ONLY_WITH.get(name, ("", None))
            given = {k.arg: k.value for k in node.keywords}
            found = given.get(keyword)
            safe = isinstance(found, ast.Constant) and found.value is value
            if name in FORBIDDEN_CALLS or name.endswith(".extractall"):
                yield name
            elif keyword and not safe:
                yield f"{name} without {keyword}={value}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_in_a_file_is_run(path: Path) -> None:
    found = set(offences(ast.parse(path.read_text(encoding="utf-8"))))
    where = path.relative_to(PACKAGE).as_posix()
    assert not {f"{where}: {what}" for what in found} - ALLOWED.keys()


@pytest.mark.parametrize("exception", ALLOWED)
def test_every_exception_is_still_needed(exception: str) -> None:
    where, what = exception.split(": ")
    assert what in set(offences(ast.parse((PACKAGE / where).read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", "pickle"),
        ("from yaml import safe_load", "yaml"),
        ("import subprocess as s", "subprocess"),
        ("eval(x)", "eval"),
        ("exec('x')", "exec"),
        ("torch.load(p)", "torch.load without weights_only=True"),
        ("torch.load(p, weights_only=False)", "torch.load without weights_only=True"),
        ("torch.load(p, weights_only=flag)", "torch.load without weights_only=True"),
        ("np.load(p)", "np.load without allow_pickle=False"),
        ("tar.extractall(p)", "tar.extractall"),
        ("os.system(c)", "os.system"),
    ],
)
def test_each_is_seen(source: str, expected: str) -> None:
    assert list(offences(ast.parse(source))) == [expected]


@pytest.mark.parametrize(
    "source",
    ["torch.load(p, weights_only=True)", "np.load(p, allow_pickle=False)", "re.compile(p)"],
)
def test_safe_forms_pass(source: str) -> None:
    assert not list(offences(ast.parse(source)))
