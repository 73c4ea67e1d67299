import dataclasses

import numpy as np
import pytest

import bounds
import digits
import faces
import kinds

RNG = np.random.default_rng(0)
SMALL = {"budgets": (60,), "progressive_budgets": (70,), "single_budgets": (36,)}


def kind(monkeypatch, tmp_path, shape=(28, 28), **changes):
    """The digits on few pictures of noise, with JPEG alone."""
    monkeypatch.setattr(bounds, "CACHE", tmp_path / "cache")
    parts = {
        "test": RNG.integers(0, 256, (4, *shape), np.uint8),
        "train": RNG.integers(0, 256, (9, *shape), np.uint8),
    }
    changes = {**SMALL, "settings": {"JPEG": (5,)}, "bound_bits": (8, 16), **changes}
    return dataclasses.replace(digits.DIGITS, read=parts.__getitem__, **changes)


def test_rows_of_the_model_its_peers_and_the_bound(monkeypatch, tmp_path):
    rows = kind(monkeypatch, tmp_path, single_sample=2).measure(quick=False)
    assert [(row["codec"], row["layout"], row.get("setting")) for row in rows] == [
        ("pseudocodec", "archive", 60),
        ("pseudocodec", "progressive", 70),
        ("pseudocodec", "single", 36),
        ("JPEG", "sheet", 5),
        ("JPEG", "single", 5),
        ("bound", "Gaussian R(D)", None),
        ("bound", "Gaussian R(D)", None),
    ]
    assert rows[2]["overhead"] == 20


def test_a_quick_run_leaves_out_a_bound_that_takes_minutes(monkeypatch, tmp_path):
    monkeypatch.setattr(kinds, "QUICK_COMPONENTS", 100)
    rows = kind(monkeypatch, tmp_path).measure(quick=True)
    assert "bound" not in {row["codec"] for row in rows}
    assert not bounds.CACHE.exists()


def test_single_files_of_the_peers_may_be_fewer(monkeypatch, tmp_path):
    measured = kind(monkeypatch, tmp_path, peer_single_sample=1, settings={"PNG": (None,)})
    rows = [row for row in measured.measure(quick=True) if row["codec"] == "PNG"]
    peer, first = kinds.PEERS["PNG"], measured.read("test")[0]
    assert rows[1]["bytes"] == len(peer.encode(first, None))


def test_an_absent_peer_ends_the_script_with_a_sentence(monkeypatch, tmp_path):
    absent = {"JPEG": dataclasses.replace(kinds.PEERS["JPEG"], format="no such format")}
    monkeypatch.setattr(kinds, "PEERS", absent)
    with pytest.raises(SystemExit, match=r"Pillow has no JPEG here: .*\[bench\]"):
        kind(monkeypatch, tmp_path).measure(quick=True)


def test_an_absent_model_ends_the_script_with_a_sentence(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="no model named 'none' is installed"):
        kind(monkeypatch, tmp_path, model="none").measure(quick=True)


@pytest.mark.parametrize("described", [digits.DIGITS, faces.FACES])
def test_every_peer_is_given_settings(described):
    assert set(described.settings) == set(kinds.PEERS)
    for name, settings in described.settings.items():
        assert settings[0] == kinds.PEERS[name].lowest


def test_every_line_of_the_picture_has_a_label():
    figure = pytest.importorskip("matplotlib.figure")
    points = [{"bytes": 1 + n, "psnr": 20 + n} for n in range(5)]
    names = [("pseudocodec", "archive"), ("pseudocodec", "single"), ("bound", "Gaussian R(D)")]
    names += [("WebP", "sheet"), ("WebP", "single")]
    rows = [{"codec": codec, "layout": layout} | p for codec, layout in names for p in points]
    rows.append({"codec": "PNG", "layout": "single", "bytes": 267, "psnr": None})
    axes = figure.Figure().subplots()
    digits.DIGITS.draw(axes, rows)
    labels = [text.get_text() for text in axes.texts[:-1]]  # the last explains the line styles
    assert len(axes.lines) == len(names)
    assert labels == [
        "pseudocodec, archive",
        "pseudocodec, single",
        "Gaussian R(D)",
        "WebP",
        "WebP",
    ]
