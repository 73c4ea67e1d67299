import numpy as np
import pytest
from PIL import Image

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.evaluation import pictures
from pseudocodec.model.file import ModelFacts

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (5, 8, 12), np.uint8)
COLOUR = RNG.integers(0, 256, (2, 8, 12, 3), np.uint8)


def facts(channels=1, height=8, width=12):
    net = {"height": height, "width": width, "channels": channels}
    return ModelFacts("test", "flat", net, {}, (2, 64))


def load(data, model=None, limit=None, fit=True):
    return pictures.load(data, model or facts(), limit=limit, fit=fit)


@pytest.mark.parametrize("data", [GREY, GREY[..., None], list(GREY), tuple(GREY)])
def test_pictures_of_the_model_are_taken_as_they_are(data):
    found = load(data)
    assert np.array_equal(found.images, GREY)
    assert (found.label, found.notes) == ("pictures in memory", ())


def test_a_path_gives_its_name(tmp_path):
    for i, picture in enumerate(GREY):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    found = load(tmp_path)
    assert np.array_equal(found.images, GREY)
    assert found.label == tmp_path.name
    assert np.array_equal(load(str(tmp_path), limit=2).images, GREY[:2])


def test_deep_pictures_are_reduced_to_8_bits():
    assert np.array_equal(load(GREY.astype(np.uint16) * 257).images, GREY)


def test_grey_becomes_colour_by_repeating():
    found = load(GREY, facts(channels=3))
    assert np.array_equal(found.images, np.repeat(GREY[..., None], 3, axis=3))
    assert found.notes == ("5 pictures were converted to RGB first.",)


def test_colour_becomes_luma():
    found = load(COLOUR)
    assert np.array_equal(found.images[0], np.asarray(Image.fromarray(COLOUR[0]).convert("L")))
    assert found.notes == ("2 pictures were converted to grey first.",)


def test_another_size_is_resized_and_said():
    found = load([np.full((20, 20), 7, np.uint8), GREY[0]])
    assert found.images.shape == (2, 8, 12)
    assert (found.images[0] == 7).all()
    (note,) = found.notes
    assert note.startswith("1 pictures of another size were resized to 12 x 8")


def test_another_size_is_refused_unless_it_may_be_resized():
    with pytest.raises(PslError, match=r"picture 0: 12 x 8 pixels, model 'test' takes 4 x 4"):
        load(GREY, facts(height=4, width=4), fit=False)


def test_what_is_no_picture_is_named():
    with pytest.raises(PslError, match=r"picture 1: an image must"):
        load([GREY[0], "no"])


def test_a_damaged_file_is_named_once(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(PslError) as caught:
        load(tmp_path)
    assert str(caught.value).count("bad.png") == 1


def test_no_pictures_are_refused():
    with pytest.raises(PslError, match="at least one"):
        load([])


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_must_be_positive(limit):
    with pytest.raises(PslError, match=f"limit={limit}: expected"):
        load(GREY, limit=limit)


def test_too_many_pictures_for_the_memory(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 3 * 8 * 12)
    assert len(load(GREY, limit=3).images) == 3
    with pytest.raises(TooLarge, match="pass limit=3"):
        load(GREY)
