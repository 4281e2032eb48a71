"""The reader on pictures whose words are known, because they are drawn here."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from search_app.datatypes import PrintedWords
from search_app.errors import EncoderError
from search_app.words.rapid import RapidReader
from tests.conftest import ROOT

LINES = {"SUMMER SALE": (40, 30), "half price until Sunday": (40, 130), "call 555-0199": (330, 230)}


@pytest.fixture(scope="module")
def reader() -> RapidReader:
    return RapidReader()


def poster(lines: dict[str, tuple[int, int]], size: tuple[int, int] = (640, 320), height: int = 40) -> Image.Image:
    picture = Image.new("RGB", size, (250, 240, 220))
    draw = ImageDraw.Draw(picture)
    for text, place in lines.items():
        draw.text(place, text, (30, 30, 90), ImageFont.load_default(height))
    return picture


def texts(words: PrintedWords) -> list[str]:
    return [word.text for word in words.words]


def test_lines_are_read_in_reading_order(reader: RapidReader) -> None:
    words = reader.read(poster(LINES))
    assert texts(words) == list(LINES)
    assert all(0.8 < word.confidence <= 1 for word in words.words)
    assert words.source == "rapidocr"


@pytest.mark.parametrize("scale", [1, 4])
def test_boxes_are_shares_of_the_picture_at_any_size(reader: RapidReader, scale: int) -> None:
    """The larger one is shrunk before it is read."""
    lines = {text: (left * scale, top * scale) for text, (left, top) in LINES.items()}
    picture = poster(lines, (640 * scale, 320 * scale), 40 * scale)
    words = reader.read(picture)
    assert texts(words) == list(LINES)
    draw = ImageDraw.Draw(picture)
    for word in words.words:
        drawn = draw.textbbox(lines[word.text], word.text, ImageFont.load_default(40 * scale))
        expected = [side / length for side, length in zip(drawn, picture.size * 2, strict=True)]
        assert word.box == pytest.approx(expected, abs=0.04)


def test_words_of_other_languages_keep_their_letters(reader: RapidReader) -> None:
    fonts = Path(str(pytest.importorskip("matplotlib").__file__)).parent / "mpl-data" / "fonts" / "ttf"
    picture = Image.new("RGB", (640, 120), "white")
    font = ImageFont.truetype(fonts / "DejaVuSans.ttf", 40)
    ImageDraw.Draw(picture).text((30, 30), "Crème brûlée für Åse", "black", font)
    assert texts(reader.read(picture)) == ["Crème brûlée für Åse"]


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (400, 300), "white"),
        Image.effect_noise((300, 200), 60).convert("RGB"),
        Image.new("RGB", (1, 1)),
        Image.new("RGB", (7, 900)),
        Image.new("RGB", (20_000, 30), "white"),
    ],
    ids=["white", "noise", "one pixel", "a line", "thin when it is shrunk"],
)
def test_a_picture_without_words_has_none(reader: RapidReader, picture: Image.Image) -> None:
    assert reader.read(picture).words == ()


@pytest.mark.parametrize(("size", "height"), [((60, 20), 12), ((5000, 4000), 600)])
def test_small_and_huge_pictures_are_read(reader: RapidReader, size: tuple[int, int], height: int) -> None:
    assert texts(reader.read(poster({"SALE": (size[0] // 20, size[1] // 10)}, size, height))) == ["SALE"]


def test_small_print_in_a_small_picture_is_read(reader: RapidReader) -> None:
    """Of this size the detector sees nothing where the picture is not enlarged for it; spaces are guessed."""
    lines = {"wash at forty degrees": (20, 20), "made in Portugal": (150, 60), "do not tumble dry": (20, 100)}
    found = texts(reader.read(poster(lines, (300, 140), 8)))
    assert [text.replace(" ", "") for text in found] == [text.replace(" ", "") for text in lines]


def test_a_picture_without_colours_is_read(reader: RapidReader) -> None:
    assert texts(reader.read(poster({"OPEN": (40, 40)}).convert("L"))) == ["OPEN"]


def test_threads_find_what_one_finds(reader: RapidReader) -> None:
    pictures = [poster({f"number {number} of 12": (20 + 5 * number, 10 * number)}) for number in range(12)]
    alone = [reader.read(picture) for picture in pictures]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(reader.read, pictures)) == alone
    assert [texts(words) for words in alone] == [[f"number {number} of 12"] for number in range(12)]


def test_a_closed_reader_is_refused() -> None:
    reader = RapidReader()
    reader.close()
    with pytest.raises(EncoderError, match="closed"):
        reader.read(poster(LINES))


def test_two_readers_have_one_fingerprint(reader: RapidReader) -> None:
    assert RapidReader().fingerprint == reader.fingerprint
    assert len(reader.fingerprint) == 32


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)


def test_it_needs_no_network_and_leaves_no_file(tmp_path: Path) -> None:
    """A network that answers nobody, and a home nobody has written to."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code = (
            "import socket\n"
            "def refuse(*_, **__): raise AssertionError('the network was used')\n"
            "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
            "from tests.words.test_rapid import LINES, RapidReader, poster, texts\n"
            "print(texts(RapidReader().read(poster(LINES))))\n"
        )
        home = tmp_path / "home"
        home.mkdir()
        done = run_python(code, HTTP_PROXY=proxy, HTTPS_PROXY=proxy, HOME=str(home))
    assert done.stdout.strip() == str(list(LINES)), done.stderr
    assert done.stderr == ""
    assert list(home.iterdir()) == []


def test_what_is_not_installed_is_named_with_the_remedy() -> None:
    done = run_python(
        "import sys; sys.modules['rapidocr'] = None\nfrom search_app.words.rapid import RapidReader\nRapidReader()"
    )
    assert "MissingDependency" in done.stderr
    assert "pip install -r requirements-lite.txt" in done.stderr


def test_a_damaged_model_ends_the_work_with_its_reason(tmp_path: Path) -> None:
    """It costs more than one picture, so it is no reason of one picture."""
    (tmp_path / "rapidocr" / "models").mkdir(parents=True)
    real = Path(pytest.importorskip("rapidocr").__file__).parent
    for path in real.iterdir():
        if path.name != "models":
            (tmp_path / "rapidocr" / path.name).symlink_to(path)
    for path in (real / "models").iterdir():
        (tmp_path / "rapidocr" / "models" / path.name).write_bytes(path.read_bytes()[:5000])
    code = "from PIL import Image\nfrom search_app.words.rapid import RapidReader\n"
    code += "RapidReader().read(Image.new('RGB', (99, 99)))\n"
    done = run_python(code, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert "EncoderError: the models of rapidocr cannot be used" in done.stderr
