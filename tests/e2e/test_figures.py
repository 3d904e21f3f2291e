"""Figures that are cut out of pages, by the whole command."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from fakes.faults import Fault, FixedText, Redirect
from fakes.koboldcpp import ANY, Arrival, FakeKoboldCpp
from states import read_state
from visionocr.cli.app import app

WORDS = "The harbour report says how high the water stood at every pier of the town in the last ten years."
DOCTAGS = (
    f"<doctag><text><loc_30><loc_20><loc_470><loc_60>{WORDS}</text>"
    "<picture><loc_100><loc_100><loc_400><loc_200><caption><loc_100><loc_205><loc_400><loc_215>Figure 1: Boats"
    "</caption></picture>"
    f"<text><loc_30><loc_250><loc_470><loc_300>{WORDS}</text></doctag>"
)
LINK = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
RED, BLUE = (200, 0, 0), (0, 0, 200)


def command(*arguments: str) -> tuple[int, str, str]:
    """Run a command line: code, standard output, standard error."""
    result = CliRunner().invoke(app, arguments, prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode()


def disc(colour: tuple[int, int, int], size: tuple[int, int] = (300, 200)) -> bytes:
    """A PNG of a disc on white."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).ellipse((10, 10, size[0] - 10, size[1] - 10), fill=colour)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def draw_pdf(path: Path, *colours: tuple[int, int, int] | None) -> Path:
    """A PDF of pages of text, with a disc between two paragraphs where a colour is given."""
    mupdf: Any = pymupdf
    with mupdf.open() as pdf:
        for colour in colours:
            page = pdf.new_page(width=500, height=500)
            page.insert_textbox((30, 20, 470, 90), WORDS, fontsize=12)
            if colour is not None:
                page.insert_image((100, 100, 400, 200), stream=disc(colour), keep_proportion=False)
            page.insert_textbox((30, 250, 470, 320), WORDS.upper(), fontsize=12)
        pdf.save(path)
    return path


def centre(path: Path) -> tuple[int, ...]:
    """The colour in the middle of a picture file."""
    with Image.open(path) as picture:
        pixel = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.fixture
def server(isolated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server whose model gives the places of all parts of a page, and calls every figure a red boat."""
    with FakeKoboldCpp(model="granite-docling-258M-Q8_0") as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
        fake.plan[ANY] = answering("A red boat.")
        yield fake


def is_about_figure(arrival: Arrival) -> bool:
    """Whether the model is asked to describe a picture."""
    return "Describe this picture" in arrival.body.get("prompt", "")


def answering(description: str) -> Callable[[Arrival], Fault]:
    """Answers for pages and for figures."""

    def answer(arrival: Arrival) -> Fault:
        return FixedText(description if is_about_figure(arrival) else DOCTAGS)

    return answer


def count_descriptions(server: FakeKoboldCpp) -> int:
    """How often the model was asked to describe a picture."""
    return sum(map(is_about_figure, server.generated))


def test_a_picture_of_the_answer_is_cut_out_and_linked_where_it_stands(server: FakeKoboldCpp) -> None:
    """The link is relative to the output file, the caption stays below it, the file shows the place of the box."""
    draw_pdf(Path("My report.pdf"), RED)
    Path("out").mkdir()
    code, _, err = command("pdf", "My report.pdf", "--figures", "my pictures", "-o", "out/a.md")
    assert code == 0, err
    text = Path("out/a.md").read_text()
    assert [path.name for path in Path("my pictures").iterdir()] == ["My-report-p0001-1.png"]
    assert "\n\n![](../my%20pictures/My-report-p0001-1.png)\n\nFigure 1: Boats\n\n" in text
    assert centre(Path("my pictures/My-report-p0001-1.png")) == RED
    code, _, err = command("pdf", "My report.pdf", "--figures", "my pictures", "-f", "json", "-o", "out/")
    assert code == 0, err
    (page,) = json.loads(Path("out/My report.json").read_text())
    path, box = "../my pictures/My-report-p0001-1.png", [0.2, 0.2, 0.8, 0.4]
    assert page["figures"] == [{"path": path, "box": box, "text": None}]
    assert [(block["path"], block["box"]) for block in page["blocks"] if block["kind"] == "picture"] == [(path, box)]


def test_descriptions_become_the_alternative_text_and_are_kept(server: FakeKoboldCpp) -> None:
    """A run that was stopped goes on with the links and descriptions it had, and asks for none again."""
    draw_pdf(Path("a.pdf"), RED, RED)
    arguments = ("pdf", "a.pdf", "--figures", "figures", "--describe-figures", "-o", "a.md", "--keep-journal")
    code, _, err = command(*arguments)
    assert code == 0, err
    text = Path("a.md").read_text()
    links = [("A red boat.", f"figures/a-p000{number}-1.png") for number in (1, 2)]
    assert LINK.findall(text) == links
    asked = len(server.generated)
    assert count_descriptions(server) == 2
    Path("a.md").unlink()
    assert command(*arguments)[0] == 0
    assert Path("a.md").read_text() == text
    assert len(server.generated) == asked
    assert {figure.text for result in read_state(Path("a.md.journal")) for figure in result.figures} == {"A red boat."}


@pytest.mark.parametrize("answer", ["", "I'm sorry, but I can't assist with that request."])
def test_a_bad_description_is_no_alternative_text(server: FakeKoboldCpp, answer: str) -> None:
    """The link is there without one, the page is as good as before, and a finding says so."""
    draw_pdf(Path("a.pdf"), RED)
    server.plan[ANY] = answering(answer)
    code, out, err = command("pdf", "a.pdf", "--figures", "f", "--describe-figures", "-f", "jsonl")
    assert code == 0, err
    page = json.loads(out)
    assert (page["status"], LINK.findall(page["text"])) == ("ok", [("", "f/a-p0001-1.png")])
    assert [finding["severity"] for finding in page["findings"] if finding["kind"] == "figure"] == ["info"]


def test_a_server_that_refuses_descriptions_costs_no_page(server: FakeKoboldCpp) -> None:
    """The pages are written with links, and one warning says why there are no descriptions."""
    draw_pdf(Path("a.pdf"), RED, BLUE)

    def answer(arrival: Arrival) -> Fault:
        return Redirect() if is_about_figure(arrival) else FixedText(DOCTAGS)

    server.plan[ANY] = answer
    code, out, err = command("pdf", "a.pdf", "--figures", "f", "--describe-figures")
    assert code == 0, err
    assert [alt for alt, _ in LINK.findall(out)] == ["", ""]
    assert err.count("not described any more") == 1


@pytest.mark.usefixtures("isolated")
def test_an_engine_that_cannot_describe_figures_is_an_error() -> None:
    """It is told before a page is read, and nothing is left in the place of the output."""
    draw_pdf(Path("a.pdf"), RED)
    Path("out").mkdir()
    code, _, err = command(
        *("pdf", "a.pdf", "--api-url", "local:", "--text-layer", "use", "--figures", "f", "--describe-figures"),
        *("-o", "out/a.md"),
    )
    assert code == 5, err
    assert "cannot describe figures" in err
    assert list(Path("out").iterdir()) == []


def test_descriptions_of_an_earlier_run_outlive_a_server_that_refuses_more(server: FakeKoboldCpp) -> None:
    """They are in the output, also behind the page on which the server refused."""
    draw_pdf(Path("a.pdf"), RED, BLUE, RED)
    arguments = ("pdf", "a.pdf", "--figures", "f", "--describe-figures", "--journal", "a.journal", "--keep-journal")
    assert command(*arguments, "--pages", "1,3")[0] == 0
    server.plan[ANY] = lambda arrival: Redirect() if is_about_figure(arrival) else FixedText(DOCTAGS)
    code, out, err = command(*arguments)
    assert code == 0, err
    assert [alt for alt, _ in LINK.findall(out)] == ["A red boat.", "", "A red boat."]


def test_pictures_of_a_pdf_are_placed_by_their_boxes(isolated: None) -> None:
    """With the text layer's blocks a picture comes between the paragraphs around it; the same one has one file."""
    draw_pdf(Path("a.pdf"), RED, None, RED, BLUE)
    code, out, err = command(
        *("pdf", "a.pdf", "--api-url", "local:", "--text-layer", "use", "--figures", "f", "--page-breaks", "rule")
    )
    assert code == 0, err
    pages = out.split("---\n")
    one, four = "f/a-p0001-1.png", "f/a-p0004-1.png"
    assert [[path for _, path in LINK.findall(page)] for page in pages] == [[one], [], [one], [four]]
    assert sorted(map(str, Path("f").iterdir())) == [one, four]
    assert pages[0].index("harbour report") < pages[0].index(one) < pages[0].index("HARBOUR REPORT")
    assert (centre(Path(one)), centre(Path(four))) == (RED, BLUE)


def test_without_boxes_pictures_come_last(server: FakeKoboldCpp) -> None:
    """Of an answer in Markdown not a letter changes; the PDF's picture is linked behind it."""
    draw_pdf(Path("a.pdf"), RED)
    server.plan[ANY] = FixedText(f"# Title\n\n{WORDS}\n\n* one\n* two")
    code, out, err = command("pdf", "a.pdf", "--figures", ".", "--page-breaks", "none")
    assert code == 0, err
    assert out == f"# Title\n\n{WORDS}\n\n* one\n* two\n\n![](a-p0001-1.png)\n\n"


def test_files_of_others_are_never_overwritten(server: FakeKoboldCpp) -> None:
    """A file that is not a figure of the same document, and a link, stay; the figure gets another name."""
    draw_pdf(Path("a.pdf"), RED, BLUE)
    folder = Path("f")
    folder.mkdir()
    (folder / "a-p0001-1.png").write_bytes(disc(BLUE))
    Path("elsewhere.png").write_text("mine")
    (folder / "a-p0002-1.png").symlink_to(Path("elsewhere.png").absolute())
    for _ in range(2):
        code, out, err = command("pdf", "a.pdf", "--figures", "f")
        assert code == 0, err
        links = [path for _, path in LINK.findall(out)]
        assert all(re.fullmatch(r"f/a-[0-9a-f]{12}-p000\d-1\.png", link) for link in links)
        assert [centre(Path(link)) for link in links] == [RED, BLUE]
    assert centre(folder / "a-p0001-1.png") == BLUE
    assert Path("elsewhere.png").read_text() == "mine"
    assert len(list(folder.iterdir())) == 4


def test_the_name_of_a_document_leads_nowhere_else(server: FakeKoboldCpp) -> None:
    """Whatever a document is called, and whatever its answer says, files are only made in the folder."""
    draw_pdf(Path("..](x) evil$(y).pdf"), RED)
    server.plan[ANY] = FixedText(DOCTAGS.replace("Figure 1: Boats", "![x](/etc/passwd)"))
    before = set(Path().rglob("*"))
    code, out, err = command("pdf", "..](x) evil$(y).pdf", "--figures", "f/g")
    assert code == 0, err
    (made,) = (str(path) for path in set(Path().rglob("*")) - before if path.is_file())
    assert re.fullmatch(r"f/g/[\w-]+-p0001-1\.png", made)
    assert f"]({made})" in out


def test_pictures_beside_folders_of_results(server: FakeKoboldCpp) -> None:
    """In a folder of outputs each link is relative to its own file; documents of the same name share no figure."""
    for name, colour in (("a", RED), ("b", BLUE)):
        Path(f"in/{name}").mkdir(parents=True)
        draw_pdf(Path(f"in/{name}/x.pdf"), colour)
    code, _, err = command("pdf", "-r", "in", "--figures", "out/figures", "-o", "out/")
    assert code == 0, err
    for name, colour in (("a", RED), ("b", BLUE)):
        file = Path(f"out/{name}/x.md")
        ((_, link),) = LINK.findall(file.read_text())
        assert link.startswith("../figures/")
        assert centre(file.parent / link) == colour


def test_a_picture_file_gets_the_figures_of_its_answer(server: FakeKoboldCpp) -> None:
    """They are cut at full size, turned as the page was."""
    picture = Image.new("RGB", (1000, 1000), "white")
    ImageDraw.Draw(picture).rectangle((200, 200, 800, 400), fill=RED)
    picture.save("a.png")
    code, out, err = command("image", "a.png", "--figures", "f", "--rotate", "90")
    assert code == 0, err
    ((_, link),) = LINK.findall(out)
    with Image.open(link) as figure:
        assert figure.size == (600, 200)


def test_a_folder_that_is_none_leaves_no_part_of_an_output(server: FakeKoboldCpp) -> None:
    """The figures' folder is looked at before the output is begun."""
    draw_pdf(Path("a.pdf"), RED)
    Path("taken").write_text("a file")
    code, _, err = command("pdf", "a.pdf", "--figures", "taken", "-o", "a.md")
    assert (code, "taken is no folder" in err) == (6, True)
    assert sorted(path.name for path in Path().iterdir() if path.is_file()) == ["a.pdf", "taken"]


def test_links_are_not_lost_in_an_export(server: FakeKoboldCpp) -> None:
    """What has links is left as it is; in another format, or elsewhere, the results can be had."""
    draw_pdf(Path("a.pdf"), RED)
    command("pdf", "a.pdf", "--figures", "f", "-o", "out/")
    text = Path("out/a.md").read_text()
    assert "](../f/a-p0001-1.png)" in text
    for arguments in (["-f", "md,jsonl"], ["-f", "md", "-o", "out/a.md"]):
        code, _, err = command("export", "out", *arguments)
        assert (code, "out/a.md has links to figures" in err) == (2, True)
    assert Path("out/a.md").read_text() == text
    assert command("export", "out", "-f", "jsonl")[0] == 0
    assert command("export", "out", "-f", "md", "-o", "elsewhere/")[0] == 0
    code, _, err = command("pdf", "a.pdf", "--figures", "f", "-o", "out/", "--front-matter")
    assert code == 0, err
    assert Path("out/a.md").read_text().endswith(text)


def test_a_description_is_text(server: FakeKoboldCpp) -> None:
    """HTML in it shows as it is, and is not closed behind the page."""
    draw_pdf(Path("a.pdf"), RED)
    server.plan[ANY] = answering("A sign that says <div> in red.")
    code, out, err = command("pdf", "a.pdf", "--figures", "f", "--describe-figures")
    assert code == 0, err
    assert r"![A sign that says \<div> in red.](f/a-p0001-1.png)" in out
    assert "</div>" not in out


def test_wrong_use_is_explained(server: FakeKoboldCpp) -> None:
    """Descriptions need figures, and a model that sees."""
    draw_pdf(Path("a.pdf"), RED)
    code, _, err = command("pdf", "a.pdf", "--describe-figures")
    assert (code, "--describe-figures needs --figures" in err) == (2, True)
    code, _, err = command("pdf", "a.pdf", "--api-url", "local:", "--figures", "f", "--describe-figures")
    assert (code, "only reads text" in err) == (5, True)
    Path("file").write_text("x")
    code, _, err = command("pdf", "a.pdf", "--figures", "file")
    assert (code, "file is no folder" in err) == (6, True)
