"""The command, over a stand-in for the library: ten bytes of header, then the raw pixels."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pseudocodec
import pseudocodec.pillow
from pseudocodec.cli import main
from pseudocodec.errors import Corrupt, PslError, UnverifiedWarning
from pseudocodec.files import atomic_write
from pseudocodec.prng import GENERATORS
from pseudocodec.training.gan_losses import LOSSES
from pseudocodec.training.loop import Progress
from pseudocodec.training.sequences import SOURCES

DIGITS = np.random.default_rng(2).integers(0, 256, (3, 4, 6), dtype=np.uint8)


class FakeArchive:
    def __init__(self, path: Path, **_: Any) -> None:
        self.images = np.load(path)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.images[index]

    def pictures(self, **_: Any) -> Iterator[tuple[int, np.ndarray]]:
        return enumerate(self.images)

    def map(self, function: Any, indexes: Iterable[int], **_: Any) -> Iterator[tuple[int, Any]]:
        return ((i, function(i, self.images[i])) for i in indexes)

    def __enter__(self) -> FakeArchive:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class FakeLibrary:
    """Lossy by one grey level, so that the PSNR is 48.13 dB; remembers the options it was given."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def encode(self, image: Image.Image | np.ndarray, **options: Any) -> bytes:
        self.options, image = options, np.asarray(image)
        return b"single" + struct.pack(">HH", *image.shape[:2]) + (image ^ 1).tobytes()

    def decode(
        self, source: bytes | Path, *, partial: bool = False, device: str, **_: Any
    ) -> np.ndarray:
        data = source if isinstance(source, bytes) else source.read_bytes()
        if partial:
            warnings.warn("not verified", UnverifiedWarning, stacklevel=2)
        return np.frombuffer(data[10:], np.uint8).reshape(struct.unpack(">HH", data[6:10]))

    def save(
        self,
        path: Path,
        images: Iterable[Any],
        *,
        overwrite: bool,
        on_progress: Any,
        on_error: Any,
        **o: Any,
    ) -> None:
        self.options = o
        pixels = []
        for number, load in enumerate(images):
            try:
                pixels.append(load()[:, :, 0] ^ 1)
            except PslError as error:
                on_error(number, error)
            on_progress(number + 1)
        with atomic_write(path, overwrite=overwrite) as file:
            np.save(file, np.stack(pixels))

    def info(self, path: Path) -> dict[str, Any]:
        data = path.read_bytes()
        if data.startswith(b"single"):
            return {"kind": "image", "images": 1, "bytes": len(data), "model_known": True}
        if data.startswith(b"\x93NUMPY"):
            return {"kind": "archive", "images": len(np.load(path)), "chunks": []}
        raise Corrupt(f"{path}: damaged at byte 0")


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeLibrary:
    fake = FakeLibrary()
    for name in ("encode", "decode", "save", "info"):
        monkeypatch.setattr(pseudocodec, name, getattr(fake, name), raising=False)
    monkeypatch.setattr(pseudocodec, "verify", fake.info, raising=False)
    monkeypatch.setattr(pseudocodec, "open", FakeArchive, raising=False)
    monkeypatch.setattr("pseudocodec._cli.decode._profile", lambda path, **_: None)
    monkeypatch.chdir(tmp_path)
    for i, digit in enumerate(DIGITS):
        path = tmp_path / "in" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(digit).save(path)
    return fake


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def good(*arguments: object) -> Result:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(sentence: str, *arguments: object, code: int = 1) -> Result:
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    return result


@pytest.mark.usefixtures("library")
class TestEncode:
    def test_single_picture_goes_beside_it(self) -> None:
        result = good("encode", "in/0.png")
        assert Path("in/0.psl").stat().st_size == 34
        assert result.stderr == ""
        assert result.stdout.split("\n")[0] == "in/0.psl"
        assert "34 bytes, 11.3 bits a pixel" in result.stdout
        assert "48.13 dB" in result.stdout
        assert "0.7 to 1, of 24 bytes of pixels" in result.stdout

    def test_json_summary(self) -> None:
        summary = json.loads(good("encode", "in/0.png", "-o", "x.psl", "--json").stdout)
        assert summary == {
            "output": "x.psl",
            "images": 1,
            "bytes": 34,
            "bytes_per_image": 34.0,
            "raw_bytes": 24,
            "ratio": 24 / 34,
            "psnr": pytest.approx(48.1308, abs=1e-3),
            "psnr_worst": pytest.approx(48.1308, abs=1e-3),
            "skipped": [],
        }

    def test_lossless_psnr_is_null(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pseudocodec, "decode", lambda *_, **__: DIGITS[0], raising=False)
        assert json.loads(good("encode", "in/0.png", "--json").stdout)["psnr"] is None
        assert "inf dB" in good("encode", "in/0.png", "--force").stdout

    @pytest.mark.parametrize("what", ["folder", "files", "npy", "npy of one"])
    def test_several_pictures_make_an_archive(self, what: str) -> None:
        inputs = {"folder": ["in"], "files": ["in/0.png", "in/1.png", "in/2.png"]}.get(what)
        digits = DIGITS[:1] if what == "npy of one" else DIGITS
        np.save("in.npy", digits)
        result = good("encode", *(inputs or ["in.npy"]), "-o", "all.psl", "--json")
        assert json.loads(result.stdout)["images"] == len(digits)
        np.testing.assert_array_equal(np.load("all.psl"), digits ^ 1)

    def test_archive_summary(self) -> None:
        text = good("encode", "in", "-o", "all.psl").stdout
        assert "pictures  3" in text
        assert "48.13 dB on average, 48.13 dB the worst" in text

    @pytest.mark.parametrize("inputs", [["in"], ["in/0.png", "in/1.png"]])
    def test_archive_needs_a_name(self, inputs: list[str]) -> None:
        refused("name it with -o", "encode", *inputs, code=2)

    def test_options_reach_the_library(self, library: FakeLibrary) -> None:
        good("encode", "in/0.png")
        targets = dict.fromkeys(("quality", "nbytes", "bpp", "psnr"))
        common = {**targets, "device": "auto"}
        assert callable(library.options.pop("on_progress"))
        assert library.options == {"model": "photo", "effort": 3, "resize": False, **common}
        good(
            "encode",
            "in/0.png",
            *["-f", "--model", "m", "-q", "7", "-e", "9", "--resize", "--device", "cpu"],
        )
        assert library.options["quality"] == 7
        assert library.options["effort"] == 9
        assert library.options["resize"] is True
        assert library.options["device"] == "cpu"
        good("encode", "in", *["-o", "all.psl", "-n", "12", "--model", "m"])
        assert library.options["nbytes"] == 12
        assert library.options["model"] == "m"

    @pytest.mark.parametrize(
        "options",
        [
            *("-q 5 -n 3", "-n 3 -p 20", "-b 1 -q 5", "-q 101", "-n 0", "-b 0", "-p 0"),
            *("-e 10", "-e x", "--nope"),
        ],
    )
    def test_wrong_options(self, options: str) -> None:
        refused("Error", "encode", "in/0.png", *options.split(), code=2)

    def test_existing_output_is_kept_without_force(self) -> None:
        Path("in/0.psl").write_text("mine")
        refused("add --force", "encode", "in/0.png")
        assert Path("in/0.psl").read_text() == "mine"
        good("encode", "in/0.png", "--force")
        assert Path("in/0.psl").stat().st_size == 34

    @pytest.mark.parametrize(
        "arguments", ["in/0.png -o in/0.png", "in -o in/1.png", "in/0.png in.npy -o in.npy"]
    )
    def test_an_input_is_never_overwritten(self, arguments: str) -> None:
        np.save("in.npy", DIGITS)
        before = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
        refused("is the input", "encode", *arguments.split(), "--force")
        assert {p: p.read_bytes() for p in Path().rglob("*.*") if p.is_file()} == before

    @pytest.mark.parametrize("inputs", [["gone.png"], ["text.png"], ["in", "text.png"]])
    def test_bad_pictures_leave_nothing(self, inputs: list[str]) -> None:
        Path("text.png").write_text("hello")
        refused(inputs[-1], "encode", *inputs, "-o", "x.psl")
        assert not Path("x.psl").exists()

    def test_errors_of_a_picture_name_it(self) -> None:
        Image.new("CMYK", (4, 4)).save("in/3.tif")
        refused("in/3.tif: images of mode CMYK", "encode", "in", "-o", "x.psl")

    def test_errors_in_json(self) -> None:
        result = refused("no such file", "encode", "gone.png", "--json")
        assert json.loads(result.stdout)["kind"] == "PslError"
        assert "gone.png" in json.loads(result.stdout)["error"]

    def test_unwritable_output(self) -> None:
        refused("its folder does not exist", "encode", "in/0.png", "-o", "no/such/x.psl")

    def test_show_draws_both(self) -> None:
        text = good("encode", "in/0.png", "--show").stdout
        assert "before  after" in text
        assert len(text.splitlines()[0].rstrip()) <= 6 + 2 + 6

    def test_show_leaves_json_alone(self) -> None:
        result = good("encode", "in/0.png", "--show", "--json")
        assert json.loads(result.stdout)["images"] == 1
        assert "before" in result.stderr


@pytest.mark.usefixtures("library")
class TestDecode:
    @pytest.fixture(autouse=True)
    def files(self, library: FakeLibrary) -> None:
        Path("one.psl").write_bytes(library.encode(DIGITS[0][:, :, None]))
        with Path("all.psl").open("wb") as file:
            np.save(file, DIGITS)

    def read(self, path: str) -> np.ndarray:
        with Image.open(path) as image:
            return np.asarray(image)

    def test_single_goes_beside_it(self) -> None:
        assert good("decode", "one.psl").stdout == "one.png: 1 picture\n"
        np.testing.assert_array_equal(self.read("one.png"), DIGITS[0] ^ 1)

    @pytest.mark.parametrize("name", ["x.webp", "x.tif", "x.JPG", "x.bmp"])
    def test_format_follows_the_suffix(self, name: str) -> None:
        good("decode", "one.psl", "-o", name)
        assert self.read(name).shape[:2] == (4, 6)

    @pytest.mark.parametrize("name", ["x", "x.txt", "x.psl"])
    def test_unknown_suffix(self, name: str) -> None:
        pseudocodec.pillow.register()  # not even then is .psl decoded to .psl
        refused("use a suffix like .png", "decode", "one.psl", "-o", name)
        assert not Path(name).exists()

    def test_into_a_folder(self) -> None:
        good("decode", "one.psl", "-o", "in")
        assert self.read("in/one.png").shape == (4, 6)

    def test_archive_becomes_a_folder(self) -> None:
        assert good("decode", "all.psl").stdout == "all: 3 pictures\n"
        for i, digit in enumerate(DIGITS):
            np.testing.assert_array_equal(self.read(f"all/{i:05d}.png"), digit)

    def test_chosen_pictures(self) -> None:
        good("decode", "all.psl", "-i", 2, "-i", 0, "-i", 2, "-o", "few")
        assert sorted(path.name for path in Path("few").iterdir()) == ["00000.png", "00002.png"]
        np.testing.assert_array_equal(self.read("few/00002.png"), DIGITS[2])

    def test_one_chosen_picture_as_a_file(self) -> None:
        good("decode", "all.psl", "-i", 1, "-o", "x.png")
        np.testing.assert_array_equal(self.read("x.png"), DIGITS[1])

    def test_archive_into_one_file(self) -> None:
        refused("one file for 3 pictures", "decode", "all.psl", "-o", "x.png")

    def test_archive_into_a_file_that_exists(self) -> None:
        Path("x").touch()
        refused("not a folder", "decode", "all.psl", "-o", "x")

    def test_index_out_of_range(self) -> None:
        result = refused("no picture 3", "decode", "all.psl", "-i", 1, "-i", 3, "--json")
        assert json.loads(result.stdout)["kind"] == "OutOfRange"
        assert not Path("all").exists()

    def test_index_of_a_single_picture(self) -> None:
        refused("leave out --index", "decode", "one.psl", "-i", 0)

    def test_existing_pictures_are_kept_without_force(self) -> None:
        Path("all").mkdir()
        Path("all/00002.png").write_text("mine")
        refused("add --force", "decode", "all.psl")
        assert [path.name for path in Path("all").iterdir()] == ["00002.png"]
        good("decode", "all.psl", "--force")
        np.testing.assert_array_equal(self.read("all/00002.png"), DIGITS[2])

    def test_the_input_is_never_overwritten(self) -> None:
        Path("one.psl").rename("one.png")
        refused("is the input", "decode", "one.png", "--force")

    def test_partial_warns(self) -> None:
        result = good("decode", "one.psl", "--partial", "--json")
        assert result.stderr == "pseudocodec: warning: not verified\n"
        assert json.loads(result.stdout) == {"output": "one.png", "images": 1, "verified": False}

    def test_damaged_file(self) -> None:
        Path("x.psl").write_text("hello")
        refused("damaged at byte 0", "decode", "x.psl")

    def test_missing_file(self) -> None:
        refused("No such file or directory x.psl", "decode", "x.psl")

    def test_larger_than_the_format_allows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wide = np.zeros((1, 20000), np.uint8)
        monkeypatch.setattr(pseudocodec, "decode", lambda *_, **__: wide, raising=False)
        refused("cannot write x.webp", "decode", "one.psl", "-o", "x.webp")
        assert not Path("x.webp").exists()

    def test_show(self) -> None:
        *picture, caption, summary = good("decode", "one.psl", "--show").stdout.splitlines()
        assert len(picture) == 2
        assert caption.rstrip() == "one.png"
        assert summary == "one.png: 1 picture"


@pytest.mark.usefixtures("library")
class TestFacts:
    @pytest.fixture(autouse=True)
    def files(self, library: FakeLibrary) -> None:
        Path("one.psl").write_bytes(library.encode(DIGITS[0][:, :, None]))
        Path("bad.psl").write_text("hello")

    def test_info(self) -> None:
        lines = good("info", "one.psl").stdout.splitlines()
        assert lines[0] == "one.psl"
        assert [line.split() for line in lines[1:]] == [
            ["kind", "image"],
            ["images", "1"],
            ["bytes", "34"],
            ["model", "known", "yes"],
        ]

    def test_info_json_is_a_line_for_each_file(self) -> None:
        result = call("info", "bad.psl", "one.psl", "--json")
        bad, one = map(json.loads, result.stdout.splitlines())
        assert result.exit_code == 1
        assert bad["file"] == "bad.psl"
        assert bad["kind"] == "Corrupt"
        assert one["bytes"] == 34

    def test_verify(self) -> None:
        assert good("verify", "one.psl").stdout == "one.psl: ok\n"
        result = refused("bad.psl: damaged", "verify", "bad.psl", "one.psl")
        assert result.stdout == "one.psl: ok\n"

    def test_verify_json(self) -> None:
        bad, one = map(
            json.loads, call("verify", "bad.psl", "one.psl", "--json").stdout.splitlines()
        )
        assert (bad["ok"], one["ok"]) == (False, True)

    def test_models(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = [{"name": "digits", "id": "01" * 50, "latent_code": "seed", "current": True}]
        monkeypatch.setattr(pseudocodec, "models", lambda: rows, raising=False)
        assert json.loads(good("models", "--json").stdout) == rows
        header, row = good("models").stdout.splitlines()
        assert header.split() == ["name", "id", "latent", "code", "current"]
        assert row.split() == ["digits", "01" * 50, "seed", "yes"]

    def test_no_models(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pseudocodec, "models", list, raising=False)
        assert good("models").stdout == "no models are installed\n"


class TestTrain:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []

        def train(
            data: Path, output: Path, *, on_progress: Any, on_note: Any, **settings: Any
        ) -> dict[str, Any]:
            seen.append({"data": data, **settings})
            on_note("200 pictures")
            on_progress(Progress(20, 61.2, 0.5, {44: 15.25}))
            output.write_bytes(b"12345")
            return {"id": "ab" * 8, "bytes": 12345, "report": None}

        monkeypatch.setattr(pseudocodec, "train", train, raising=False)
        monkeypatch.chdir(tmp_path)
        return seen

    def test_settings_and_progress(self, calls: list[dict[str, Any]]) -> None:
        result = good("train", "in", "-o", "m.safetensors", *["--budget", "2h", "--seed", "4"])
        assert calls == [
            {
                "data": Path("in"),
                "budget": 7200.0,
                "size": "base",
                "codec": "kind",
                "objective": "mse",
                "lmbda": None,
                "init": None,
                "loss": None,
                "latents_from": None,
                "lcg": None,
                "critic_steps": None,
                "overwrite": False,
                "holdout": None,
                "skip_bad": False,
                "name": None,
                "report": True,
                "resume": False,
                "seed": 4,
                "device": "auto",
            }
        ]
        assert result.stdout == f"m.safetensors: 12,345 bytes, model {'ab' * 8}\n"
        note, line = result.stderr.splitlines()
        assert note == "pseudocodec: 200 pictures"
        assert line.split() == ["1:01", "50%", "step", "20", "5.5", "B", "15.25", "dB"]

    def test_choices(self, calls: list[dict[str, Any]]) -> None:
        options = ["--size", "large", "--objective", "perceptual", "--holdout", "test/"]
        options += ["--skip-bad", "--no-report", "--name", "scans"]
        good("train", "in", "-o", "m.safetensors", *options)
        (call_,) = calls
        assert (call_["size"], call_["objective"]) == ("large", "perceptual")
        assert (call_["holdout"], call_["skip_bad"]) == ("test/", True)
        assert (call_["report"], call_["name"]) == (False, "scans")

    def test_choices_of_one_seed_a_picture(self, calls: list[dict[str, Any]]) -> None:
        options = ["--codec", "gan", "--objective", "adversarial", "--loss", "wasserstein"]
        options += ["--latents-from", "lcg+noise", "--lcg", "lcg-29282", "--critic-steps", "5"]
        good("train", "in", "-o", "m.safetensors", *options)
        (call_,) = calls
        assert (call_["codec"], call_["objective"]) == ("gan", "adversarial")
        assert (call_["loss"], call_["latents_from"]) == ("wasserstein", "lcg+noise")
        assert (call_["lcg"], call_["critic_steps"]) == ("lcg-29282", 5)

    @pytest.mark.parametrize(
        ("option", "known"),
        [("loss", LOSSES), ("latents_from", SOURCES), ("lcg", tuple(GENERATORS))],
    )
    def test_choices_are_those_of_the_library(self, option: str, known: tuple[str, ...]) -> None:
        """The command names them itself: it imports torch only when it trains."""
        parameters = {parameter.name: parameter for parameter in main.commands["train"].params}
        assert tuple(parameters[option].type.choices) == known

    @pytest.mark.parametrize("steps", ["0", "101", "1.5"])
    def test_wrong_critic_steps(self, steps: str, calls: list[dict[str, Any]]) -> None:
        said = "--critic-steps"
        refused(said, "train", "in", "-o", "m", "--codec", "gan", said, steps, code=2)
        assert not calls

    @pytest.mark.parametrize(
        "choice",
        [
            ["--size", "huge"],
            ["--objective", "beauty"],
            ["--loss", "hinge"],
            ["--latents-from", "dice"],
            ["--lcg", "randu"],
        ],
    )
    def test_wrong_choices(self, choice: list[str], calls: list[dict[str, Any]]) -> None:
        refused("is not one of", "train", "in", "-o", "m", *choice, code=2)
        assert not calls

    @pytest.mark.parametrize("codec", ["kind", "gan"])
    def test_the_table_of_the_report(
        self, codec: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        row = {"bytes": 15.5, "psnr": 20.0, "ssim": 0.8, "encode_per_s": 9, "decode_per_s": 90}
        report = {"folder": "m-report", "files": ["card.md"], "rows": [row]}
        result = {"id": "ab", "bytes": 5, "report": report}
        monkeypatch.setattr(pseudocodec, "train", lambda *_, **__: result, raising=False)
        monkeypatch.chdir(tmp_path)
        out = good("train", "in", "-o", "m.safetensors", "--codec", codec).stdout
        assert out.splitlines()[-2:] == ["m-report: card.md", "m.safetensors: 5 bytes, model ab"]
        assert "20.00" in out

    def test_processes_that_do_not_lead_print_nothing(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(pseudocodec, "train", lambda *_, **__: {}, raising=False)
        monkeypatch.chdir(tmp_path)
        assert good("train", "in", "-o", "m.safetensors").stdout == ""

    def test_json_and_resume(self, calls: list[dict[str, Any]]) -> None:
        result = good("train", "in", "-o", "m.safetensors", "--resume", "--json")
        expected = {"id": "ab" * 8, "bytes": 12345, "report": None}
        assert json.loads(result.stdout) == expected
        assert calls[0]["resume"] is True
        assert calls[0]["budget"] == 1800.0

    def test_existing_model_is_kept(self, calls: list[dict[str, Any]]) -> None:
        Path("m.safetensors").touch()
        refused("add --force", "train", "in", "-o", "m.safetensors")
        assert not calls

    @pytest.mark.parametrize("budget", ["0", "0m", "-3", "3d", "1e3", "m", "", "9" * 10, "inf"])
    @pytest.mark.usefixtures("calls")
    def test_wrong_budget(self, budget: str) -> None:
        refused("is not a time", "train", "in", "-o", "m", "--budget", budget, code=2)

    @pytest.mark.parametrize(("budget", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90)])
    def test_budgets(self, budget: str, seconds: float, calls: list[dict[str, Any]]) -> None:
        good("train", "in", "-o", "m", "--budget", budget)
        assert calls[0]["budget"] == seconds


class TestEvaluate:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []
        row = {"bytes": 7.94, "psnr": 20.0, "ssim": None, "encode_per_s": 9, "decode_per_s": 1234}

        def evaluate(model: str, data: Path, output: Path | None, **options: Any) -> dict[str, Any]:
            options.pop("on_progress")("archive", 1, 2)
            seen.append({"model": model, "data": data, "output": output, **options})
            return {"rows": [row], "notes": ["said"], "folder": "out", "files": ["a", "card.md"]}

        monkeypatch.setattr(pseudocodec, "evaluate", evaluate, raising=False)
        monkeypatch.chdir(tmp_path)
        return seen

    def test_table_and_notes(self, calls: list[dict[str, Any]]) -> None:
        result = good("evaluate", "digits", "in")
        table, numbers, files = result.stdout.splitlines()
        assert table.split("  ")[0] == "bytes a picture"
        assert numbers.split() == ["7.9", "20.00", "9", "1,234"]
        assert files == "out: a, card.md"
        assert result.stderr == "pseudocodec: said\n"
        assert calls == [
            {
                "model": "digits",
                "data": Path("in"),
                "output": None,
                "nbytes": None,
                "effort": 3,
                "limit": None,
                "peers": True,
                "overwrite": False,
                "device": "auto",
            }
        ]

    def test_options(self, calls: list[dict[str, Any]]) -> None:
        given = ["-o", "there", "--nbytes", "6,16,32", "-e", 0, "--limit", 5, "--no-peers", "-f"]
        report = json.loads(good("evaluate", "m", "in", *given, "--json").stdout)
        assert report["files"] == ["a", "card.md"]
        (call_,) = calls
        assert (call_["output"], call_["nbytes"]) == (Path("there"), [6, 16, 32])
        assert (call_["effort"], call_["limit"]) == (0, 5)
        assert (call_["peers"], call_["overwrite"]) == (False, True)

    @pytest.mark.parametrize("sizes", ["", "0", "6,", "6,,7", "6 7", "-1", "1e3", "9" * 10])
    def test_wrong_sizes(self, sizes: str, calls: list[dict[str, Any]]) -> None:
        refused("is not a list of sizes", "evaluate", "m", "in", "--nbytes", sizes, code=2)
        assert not calls


class TestHelp:
    @pytest.mark.parametrize(
        "command", ["encode", "decode", "info", "verify", "models", "train", "evaluate"]
    )
    def test_every_command_explains_itself(self, command: str) -> None:
        text = good(command, "--help").stdout
        assert "--json" in text
        assert max(map(len, text.splitlines())) <= 80
        assert good(command, "-h").stdout == text

    def test_options_of_one_codec_say_so(self) -> None:
        text = " ".join(good("train", "--help").stdout.split())
        assert "gan: for such pictures in one seed each" in text
        for option in ("--loss", "--latents-from", "--lcg", "--critic-steps"):
            said = text.partition(f" {option} ")[2].partition(" --")[0]
            assert "Of --codec gan" in text.partition(f" {option} ")[2][:200], option
            assert "[" in said or "N" in said

    def test_exit_codes_and_examples_are_documented(self) -> None:
        text = good("--help").stdout
        for code in ("0 ", "1 ", "2 ", "130 "):
            assert f"\n    {code}" in text
        assert "Examples:" in text

    def test_no_command_is_wrong_usage(self) -> None:
        assert call().exit_code == 2
        assert call("explode").exit_code == 2

    def test_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pseudocodec, "__version__", "1.2.3", raising=False)
        assert good("--version").stdout == "pseudocodec 1.2.3\n"


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "code", "sentence"),
        [
            (PslError("no"), 1, "pseudocodec: error: no\n"),
            (PermissionError(13, "Permission denied", "x"), 1, "error: Permission denied x\n"),
            (KeyboardInterrupt(), 130, "pseudocodec: interrupted\n"),
        ],
    )
    def test_exit_codes(
        self, error: BaseException, code: int, sentence: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise error

        monkeypatch.setattr(pseudocodec, "models", fail, raising=False)
        result = refused(sentence, "models", code=code)
        assert result.stdout == ""
