"""The benchmarks on photographs, with JPEG standing in for our codec and small pictures."""

import dataclasses
import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

import costs
import kept
import kodak
import kodak_files
import photo_curves
import photo_plots
import photo_run
import photos
import pseudocodec
from epfl import rate_distortion
from pseudocodec.evaluation.ours import NAME
from pseudocodec.metrics import psnr

QUALITIES = (10, 50, 80)


def picture(shift):
    i, j, c = np.ogrid[:176, :192, :3]
    return ((i * j // 60 + i * 2 // 3 + 40 * c + shift) % 256).astype(np.uint8)


PICTURES = {"a": picture(0), "b": picture(90)}


def encode(image, setting):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=setting)
    return file.getvalue()


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)))


STAND_IN = photos.Codec(NAME, QUALITIES, encode, decode)


@pytest.fixture
def stand_ins(monkeypatch):
    monkeypatch.setattr(photos, "kodak", lambda count: PICTURES)
    monkeypatch.setattr(photos, "ours", lambda model, effort: STAND_IN)
    monkeypatch.setattr(kodak, "cost", lambda own, image, model: {"codec": own.name})


def silent(stage, done, total):
    pass


def test_a_row_for_each_setting_and_picture():
    measures = {"psnr": psnr}
    rows = photo_curves.measure(STAND_IN, PICTURES, measures, silent)
    assert [(row["setting"], row["picture"]) for row in rows] == [
        (quality, name) for quality in QUALITIES for name in "ab"
    ]
    file = encode(PICTURES["b"], 50)
    assert rows[3]["bpp"] == 8 * len(file) / (176 * 192)
    assert rows[3]["psnr"] == psnr(PICTURES["b"], decode(file))
    assert min(row[key] for row in rows for key in ("encode_s", "decode_s")) > 0


def test_points_are_means_of_each_pictures_own_figures():
    base = {"codec": "x", "source": "measured", "encode_s": 1.0, "decode_s": 1.0}
    rows = [
        base | {"setting": 1, "picture": "a", "bpp": 0.2, "psnr": 20.0, "ms_ssim": None},
        base | {"setting": 1, "picture": "b", "bpp": 0.4, "psnr": 30.0, "ms_ssim": 0.9},
        base | {"setting": 2, "picture": "a", "bpp": 0.9, "psnr": 40.0, "ms_ssim": 0.95},
    ]
    first, second = photo_curves.means(rows)
    assert (first["pictures"], second["pictures"]) == (2, 1)
    assert (first["bpp"], first["psnr"]) == pytest.approx((0.3, 25))
    assert (first["ms_ssim"], second["ms_ssim"]) == (None, 0.95)


def test_bd_rates_in_both_measures():
    curve = [{"bpp": b, "psnr": 30 + b, "ms_ssim": 1 - 0.1 / b} for b in (1.0, 2.0, 4.0)]
    half = [row | {"bpp": row["bpp"] / 2} for row in curve]
    unknown = [row | {"ms_ssim": None} for row in curve]
    assert photo_curves.bd_rates(half, curve) == pytest.approx({"psnr": -50, "ms_ssim": -50})
    assert photo_curves.bd_rates(half, unknown) == {"psnr": pytest.approx(-50), "ms_ssim": None}


def test_ms_ssim_in_decibels():
    assert photo_curves.decibels(0.99) == pytest.approx(20)


def test_fewer_settings_keep_the_outer_ones():
    codec = dataclasses.replace(STAND_IN, settings=(1, 2, 3, 4, 5, 6))
    assert codec.sparse(2).settings == [1, 6]
    assert codec.sparse(3).settings[::2] == [1, 6]


def test_jpeg_2000_takes_decibels():
    [codec] = photos.peers(["JPEG 2000"])
    copies = [codec.decode(codec.encode(PICTURES["a"], setting)) for setting in (30, 40)]
    reached = [psnr(PICTURES["a"], copy) for copy in copies]
    assert reached == pytest.approx([30, 40], abs=2)


def test_heic_is_one_tile_of_every_colour():
    pytest.importorskip("pillow_heif")
    [codec] = photos.peers(["HEIC"])
    small, large = (codec.encode(PICTURES["a"], setting) for setting in (20, 90))
    assert len(small) < len(large)
    assert psnr(PICTURES["a"], codec.decode(large)) > 30


def test_every_peer_is_given_settings():
    assert set(photos.SETTINGS) == {*photos.PEERS, "JPEG 2000", "HEIC"} - {"PNG"}


def test_an_absent_peer_ends_the_script_with_a_sentence(monkeypatch):
    absent = dataclasses.replace(photos.PEERS["JPEG"], format="no such format")
    monkeypatch.setitem(photos.PEERS, "JPEG", absent)
    with pytest.raises(SystemExit, match=r"Pillow has no JPEG here: .*\[bench\]"):
        photos.peers(["JPEG"])


@pytest.mark.parametrize(
    ("model", "sentence"),
    [("none", "no model named 'none' is installed"), ("digits", "model 'digits' takes grey")],
)
def test_a_model_of_no_use_ends_the_script_with_a_sentence(monkeypatch, model, sentence):
    monkeypatch.setattr(photos, "kodak", lambda count: PICTURES)
    with pytest.raises(SystemExit, match=sentence):
        photo_run.run(
            kodak.__file__, "", kodak.measure, {}, list, [], ["--quick", "--model", model]
        )


def test_absent_pictures_end_the_script_with_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(photos.data, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"kodak/ has 0 of 24 pictures .* PSEUDOCODEC_DATA"):
        photos.kodak()
    with pytest.raises(SystemExit, match=r"published_curves.json is not in .* PSEUDOCODEC_DATA"):
        photos.published(["JPEG"])


def test_pictures_and_published_curves(monkeypatch, tmp_path):
    folder = tmp_path / "kodak"
    folder.mkdir()
    for name in ("kodim02", "kodim01"):
        Image.fromarray(PICTURES["a"]).save(folder / f"{name}.png")
    curves = {
        "x": {"bpp": [1, 2], "psnr_rgb": [30, 31], "ms_ssim_rgb": [0.9, 0.95]},
        "y": {"bpp": [1], "psnr_rgb": [30]},
    }
    (folder / "published_curves.json").write_text(json.dumps({"curves": curves}))
    monkeypatch.setattr(photos.data, "ROOT", tmp_path)
    assert list(photos.kodak(2)) == ["kodim01", "kodim02"]
    rows = photos.published(["y", "x"])
    assert [(row["codec"], row["bpp"], row["ms_ssim"]) for row in rows] == [
        ("y", 1, None),
        ("x", 1, 0.9),
        ("x", 2, 0.95),
    ]


@pytest.mark.usefixtures("stand_ins")
def test_a_quick_run_compares_with_what_it_measured():
    rows = kodak.measure(quick=True, model="photo", effort=0)
    curves = [row for row in rows if row["table"] == "rate-distortion"]
    assert [row["codec"] for row in curves[::3]] == [NAME, "JPEG", "WebP"]
    compared = [row for row in rows if row["table"] == "BD-rate, %"]
    assert [(row["anchor"], row["source"]) for row in compared] == [
        ("JPEG", "measured"),
        ("WebP", "measured"),
    ]
    # The same codec but for optimised Huffman tables, at other qualities.
    assert 0 < compared[0]["psnr"] < 30
    [cost] = [row for row in rows if row["table"] == "cost"]
    assert (cost["codec"], cost["effort"]) == (NAME, 0)


def test_curves_of_files_that_are_kept(monkeypatch, tmp_path):
    """Ours at the effort asked for and above, the others by name; what is missing is made first."""

    def made(job, model):
        given = {"codec": NAME, "source": "measured", "bpp": 0.5, "psnr": 30.0, "ms_ssim": 0.9}
        return given | {"encode_s": 1.0, "decode_s": 0.1} | job

    monkeypatch.setattr(photos, "NAMES", ("a", "b"))
    monkeypatch.setattr(kodak_files, "FILES", tmp_path / "files.json")
    earlier = [made(job, "photo") for effort in "29" for job in kodak_files.jobs(effort)]
    kodak_files.FILES.write_text(json.dumps(earlier))
    filled = []

    def fill(path, jobs, make, at_once):
        filled.extend(job for job in jobs if not kept.of(earlier, job))
        path.write_text(json.dumps(earlier + [made(job, "photo") for job in filled]))

    monkeypatch.setattr(kept, "fill", fill)
    ours, others = kodak.filled("photo", 3)
    assert list(ours) == [NAME, f"{NAME}, effort 9"]
    assert {row["codec"] for row in ours[f"{NAME}, effort 9"]} == {f"{NAME}, effort 9"}
    assert [row["setting"] for row in ours[NAME]] == list(photos.QUALITIES)
    assert {name: [row["setting"] for row in rows] for name, rows in others.items()} == {
        name: list(settings) for name, settings in photos.SETTINGS.items()
    }
    assert {row["pictures"] for curve in (*ours.values(), *others.values()) for row in curve} == {2}
    assert {job.get("effort") for job in filled} == {3, None}


def test_published_anchors_come_first():
    points = [{"bpp": b, "psnr": 30 + b, "ms_ssim": None} for b in (1.0, 2.0)]
    published = [{"codec": codec} | row for codec in kodak.ANCHORS for row in points]
    rows = kodak.compare("own", points, {"other": points}, published)
    assert [row["anchor"] for row in rows] == [*kodak.ANCHORS, "other"]
    assert [row["psnr"] for row in rows] == pytest.approx([0] * 5)


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("script", [kodak, rate_distortion])
def test_a_script_writes_its_rows_and_a_panel_for_each_measure(script, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    json_path, plot_path = tmp_path / "rows.json", tmp_path / "curves.png"
    photo_run.run(
        script.__file__,
        script.__doc__,
        script.measure,
        script.TABLES,
        script.panels,
        list(script.MEASURES),
        ["--quick", "--json", str(json_path), "--plot", str(plot_path), "--effort", "2"],
    )
    record = json.loads(json_path.read_text())
    name = "epfl/rate_distortion" if script is rate_distortion else "kodak"
    assert record["command"] == f"python benchmarks/{name}.py --model photo --effort 2 --quick"
    assert {row["codec"] for row in record["rows"]} >= {NAME, "JPEG", "WebP"}
    assert "rate-distortion" in capsys.readouterr().out
    with Image.open(plot_path) as image:
        lines = 2 if script is rate_distortion else 1
        assert image.width / image.height == pytest.approx(
            (5 * len(script.MEASURES) + 2.2) / (4.2 * lines), rel=0.01
        )


@pytest.mark.usefixtures("stand_ins")
def test_the_report_of_epfl_goes_picture_by_picture():
    rows = rate_distortion.measure(quick=True, model="photo", effort=0)
    assert [row["picture"] for row in rows] == ["a"] * 9 + ["b"] * 9
    assert [title for title, _ in rate_distortion.panels(rows)] == ["a", "b"]
    for row in rows:
        assert math.isfinite(row["psnr"]) and 0 < row["vif"] < 1 and 0 < row["ms_ssim"] < 1


def test_lines_of_a_panel():
    figure = pytest.importorskip("matplotlib.figure")
    points = [{"bpp": b, "psnr": 30 + b, "ms_ssim": 0.9} for b in (0.5, 1.0, 3.0)]
    rows = [{"codec": NAME, "source": "measured"} | point for point in points]
    rows += [
        {"codec": "VTM", "source": "published"} | point | {"ms_ssim": None} for point in points
    ]
    axes = figure.Figure().subplots(1, 2)
    photo_plots.draw(axes[0], rows, "psnr")
    photo_plots.draw(axes[1], rows, "ms_ssim")
    assert [line.get_label() for line in axes[0].lines] == [NAME, "VTM, published"]
    assert len(axes[0].lines[0].get_xdata()) == 2  # 3 bits a pixel are beyond the panel
    assert [line.get_label() for line in axes[1].lines] == [NAME]
    assert axes[1].lines[0].get_ydata() == pytest.approx([10, 10])


def test_multiplications_by_hand():
    """A grouped convolution, a transposed one and a matrix product, in torch's own functions."""
    first = torch.nn.Conv2d(4, 8, 3, padding=1, groups=2)
    second = torch.nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)
    matrix = torch.zeros(5, 3)

    @torch.no_grad()
    def decode():
        pixels = second(first(torch.zeros(1, 4, 16, 16)))
        return pixels.permute(0, 2, 3, 1) @ matrix.T

    by_hand = 256 * 8 * 2 * 9 + 256 * 8 * 3 * 16 + 1_024 * 3 * 5
    assert costs.kmac_per_pixel(decode, 1_024) == by_hand / 1_024 / 1_000


def test_what_decoding_a_file_costs(digit):
    def encode(image, setting):
        return pseudocodec.encode(image, model="digits", quality=setting, effort=0)

    own = photos.Codec(NAME, (50,), encode, pseudocodec.decode)
    row = kodak.cost(own, digit, "digits")
    assert row["model"] == "digits"
    assert min(row[key] for key in ("encode_s", "decode_s", "kmac_per_pixel")) > 0
    if row["peak_mib"] is not None:
        assert 0 < row["idle_mib"] < row["peak_mib"] < 8_192
