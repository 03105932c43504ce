"""Pictures and numbers from outside: what is read, and what is refused."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from {{ cookiecutter.__pkg }}.features import inputs

#: A digit "1" as the data set draws it: ink of 16 in two columns, over the whole height.
ONE = np.zeros((8, 8), np.float32)
ONE[:, 3:5] = 16


def picture(mode: str = "L", *, dark_ink: bool = True, size: int = 64, **save: object) -> bytes:
    """``ONE`` as a picture file."""
    grey = np.round(ONE * 255 / 16).astype(np.uint8)
    image = Image.fromarray(255 - grey if dark_ink else grey)
    image = image.resize((size, size), Image.Resampling.NEAREST).convert(mode)
    return encoded(image, **save)


def encoded(image: Image.Image, format: str = "PNG", **save: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **save)
    return buffer.getvalue()


@pytest.mark.parametrize("dark_ink", [True, False])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_modes(mode: str, dark_ink: bool) -> None:
    read = inputs.from_picture(picture(mode, dark_ink=dark_ink))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, ONE[np.newaxis], atol=0.1)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [8, 100, 700, 3000])
def test_jpeg_sizes(mode: str, size: int) -> None:
    read = inputs.from_picture(picture(mode, size=size, format="JPEG"))
    np.testing.assert_allclose(read, ONE[np.newaxis], atol=3)


@pytest.mark.parametrize("dark_ink", [True, False])
def test_16_bits(dark_ink: bool) -> None:
    deep = (ONE * 4095).astype(np.uint16)
    content = encoded(Image.fromarray(65520 - deep if dark_ink else deep))
    np.testing.assert_allclose(inputs.from_picture(content), ONE[np.newaxis], atol=0.1)


@pytest.mark.parametrize("ink", [0, 255])
def test_transparent_paper(ink: int) -> None:
    alpha = np.round(ONE * 255 / 16).astype(np.uint8)
    content = encoded(Image.fromarray(np.dstack([np.full_like(alpha, ink)] * 3 + [alpha])))
    np.testing.assert_allclose(inputs.from_picture(content), ONE[np.newaxis], atol=0.1)


def test_pale_and_wide() -> None:
    pale = Image.fromarray((200 - ONE * 5).astype(np.uint8))
    wide = Image.new("L", (32, 8), 200)
    wide.paste(pale, (12, 0))
    read = inputs.from_picture(encoded(wide.resize((320, 80), Image.Resampling.NEAREST)))
    # A quarter of the width is left to the digit: still ink in the middle, and only there.
    assert read.max() == 16
    assert read[0, 3:5, 3:5].min() > 0
    assert read[0, :, [0, 1, 6, 7]].max() == 0


@pytest.mark.parametrize("dark_ink", [True, False])
@pytest.mark.parametrize("corner", [(0, 0), (300, 200), (580, 530)])
def test_small_digit_is_cut_out(corner: tuple[int, int], dark_ink: bool) -> None:
    digit = Image.open(BytesIO(picture(dark_ink=dark_ink, size=256)))
    page = Image.new("L", (800, 800), 255 if dark_ink else 0)
    page.paste(digit, (corner[0] - 64, corner[1]))
    read = inputs.from_picture(encoded(page, "JPEG"))
    np.testing.assert_allclose(read[0, :, 2:6], read[0, :, 5:1:-1], atol=0.5)  # in the middle
    assert read[0, :, 3:5].min() > 10
    assert read[0, :, [0, 1, 6, 7]].max() < 1


def test_thin_and_faint() -> None:
    """A hairline becomes full ink, and the shadow of a hand next to it stays paper."""
    page = np.full((400, 400), 230, np.uint8)
    page[:, 250:] = 200
    page[150:250, 100:102] = 20
    read = inputs.from_picture(encoded(Image.fromarray(page)))
    assert read.max() == 16
    assert read[0, :, [0, 1, 2, 5, 6, 7]].max() < 1


def test_upright() -> None:
    # As a phone writes it: turned, with a note that says so.
    turned = Image.open(BytesIO(picture(size=64))).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    read = inputs.from_picture(encoded(turned, "JPEG", exif=exif, quality=95))
    np.testing.assert_allclose(read, ONE[np.newaxis], atol=2)


def bomb() -> bytes:
    return encoded(Image.new("1", (20_000, 20_000)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable PNG or JPEG"),
        (b"hello", "^not a readable PNG or JPEG file$"),
        (picture()[:80], "not a readable PNG or JPEG"),
        (encoded(Image.new("L", (9, 9)), "GIF"), "not a readable PNG or JPEG"),
        (encoded(Image.new("L", (9, 9), 255)), "one flat colour"),
        (encoded(Image.new("L", (1, 1))), "one flat colour"),
        (encoded(Image.new("RGBA", (9, 9))), "one flat colour"),
        (encoded(Image.new("L", (60_000, 1))), "one flat colour"),
        (encoded(Image.new("1", (9_000, 9_000))), "more than 64,000,000 pixels"),
        (bomb(), "more than 64,000,000 pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_picture_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inputs.from_picture(content)


@pytest.mark.parametrize(
    ("value", "count"),
    [(ONE.tolist(), 1), (ONE.ravel().tolist(), 1), ([ONE.tolist()] * 3, 3), (ONE.astype(int), 1)],
)
def test_numbers(value: object, count: int) -> None:
    assert inputs.from_numbers(value).shape == (count, 8, 8)
    assert inputs.from_numbers(value).dtype == np.float32


def changed(value: object) -> list:
    image: list = ONE.tolist()
    image[2][2] = value
    return image


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (changed(float("nan")), "finite"),
        (changed(float("inf")), "finite"),
        (changed(-1), "from 0 to 16, not -1 to 16"),
        (changed(16.5), "from 0 to 16"),
        (changed("7"), "must hold numbers only"),
        (changed(None), "numbers"),
        (changed([1]), "differ in length"),
        (changed(10**400), "numbers"),
        (ONE.astype(bool).tolist(), "must hold numbers only"),
        (ONE[:7].tolist(), "shape 7x8"),
        ([], "shape 0"),
        ([[]], "shape 1x0"),
        ([[[]]], "shape 1x1x0"),
        ({"a": 1}, "as an array$"),
        (5, "as an array$"),
        (None, "numbers"),
        ("text", "as an array$"),
        (["a"], "the array must hold numbers only$"),
        ([[[[0] * 8] * 8] * 8] * 2, "shape 2x8x8x8"),
        (np.zeros((10_001, 8, 8), np.uint8), "at most 10000 images"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inputs.from_numbers(value)


@pytest.mark.parametrize("text", ["", "[1,", "nonsense", "[" * 100_000, b"\xff\xfe", '{"a": 1}'])
def test_json_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"not a JSON array|expected 8x8"):
        inputs.from_json(text)


def test_json() -> None:
    assert inputs.from_json(json.dumps(ONE.tolist())).shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (json.dumps(ONE.tolist()).encode(), "one.json"),
        (json.dumps(ONE.tolist()).encode(), ""),
        (b"\n " + json.dumps(ONE.tolist()).encode(), "one.png"),
        (picture(), ""),
        (picture(), "one.txt"),
    ],
    ids=["json", "nameless json", "json named png", "picture", "picture named txt"],
)
def test_file(content: bytes, name: str) -> None:
    np.testing.assert_allclose(inputs.from_file(content, name), ONE[np.newaxis], atol=0.1)
