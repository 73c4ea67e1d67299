"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pseudocodec


def modules_after(code: str) -> set[str]:
    program = f"import sys; {code}; print(' '.join(m for m in sys.modules if '.' not in m))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_every_public_name_exists() -> None:
    for name in pseudocodec.__all__:
        assert getattr(pseudocodec, name) is not None
    assert set(pseudocodec.__all__) <= set(dir(pseudocodec))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pseudocodec.no_such_name


def test_importing_loads_nothing_heavy() -> None:
    heavy = {"torch", "numba", "numpy", "PIL", "rich"}
    assert not heavy & modules_after("import pseudocodec")


def test_measures_load_torch_when_they_are_used() -> None:
    code = "from pseudocodec.evaluation import digit_features, inception"
    assert "torch" not in modules_after(code)


def test_info_and_models_load_neither_torch_nor_numba(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("info") / "digit.psl"
    import numpy as np

    path.write_bytes(pseudocodec.encode(np.zeros((28, 28), np.uint8), model="digits", effort=0))
    code = f"import pseudocodec; pseudocodec.info({str(path)!r}); pseudocodec.models()"
    assert not {"torch", "numba"} & modules_after(code)
