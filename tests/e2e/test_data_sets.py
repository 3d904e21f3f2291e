"""``visionocr describe`` for data sets: whole commands against a server that answers as each test says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import ANY, Arrival, FakeKoboldCpp
from fakes.pictures import make_image, picture
from visionocr.cli.app import app

pytestmark = [pytest.mark.source_tree, pytest.mark.usefixtures("isolated")]
Answerer = Callable[[Arrival], str]


def say(arrival: Arrival) -> str:
    """What the model answers to each of the questions."""
    number = arrival.numbers[0]
    if "JSON only" in arrival.body["prompt"]:
        return json.dumps({"keywords": ["Dog", "beach_ball", f"Number {number}", "dog"]})
    return f"A dog in picture {number}, asked for with {arrival.body['sampler_seed']}."


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server whose address stands in the environment; ``answer`` replaces what it says."""
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct") as fake:
        answer(fake, say)
        fake.plan[None] = faults.FixedText('{"word": "quorvask"}')
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
        monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
        yield fake


def answer(server: FakeKoboldCpp, answerer: Answerer) -> None:
    """Let the model answer as a function says."""
    server.plan[ANY] = lambda arrival: faults.FixedText(answerer(arrival))


def describe(*arguments: str) -> tuple[int, str, str]:
    """Run the command: code, standard output, standard error."""
    result = CliRunner().invoke(app, ["describe", *arguments], prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode()


def lines(text: str) -> list[dict[str, Any]]:
    """JSON Lines as objects."""
    return [json.loads(line) for line in text.splitlines()]


# --- keywords and alternative texts ----------------------------------------------------------------------------


def test_keywords_and_alternative_text_are_in_the_results(server: FakeKoboldCpp) -> None:
    """The keywords are asked for under a grammar, once each; whoever knows JSON gets everything."""
    make_image("a.png", 1)
    code, output, messages = describe("a.png", "--keywords", "--alt", "-f", "jsonl", "--language", "German", "-q")
    assert (code, messages) == (0, "")
    (result,) = lines(output)
    assert (result["status"], result["asks"]) == ("ok", 3)
    assert result["keywords"] == ["Dog", "beach_ball", "Number 1"]
    assert result["text"].startswith("A dog in picture 1")
    assert result["alt_text"].startswith("A dog in picture 1")
    prompts = [arrival.prompt for arrival in server.generated if arrival.numbers]
    assert all("German" in prompt for prompt in prompts)
    assert [bool(arrival.body.get("grammar")) for arrival in server.generated if arrival.numbers] == [
        False,
        True,
        False,
    ]


def test_results_are_kept_in_the_journal(server: FakeKoboldCpp) -> None:
    """The same command again asks for nothing; without keywords it is another job."""
    make_image("a.png", 1)
    arguments = ("a.png", "--keywords", "-o", "out.jsonl", "-f", "jsonl", "--journal", "j", "--keep-journal", "-q")
    assert describe(*arguments)[0] == 0
    first = Path("out.jsonl").read_text()
    asked = server.asked[1]
    assert describe(*arguments)[0] == 0
    assert (Path("out.jsonl").read_text(), server.asked[1]) == (first, asked)
    assert describe(*(argument for argument in arguments if argument != "--keywords"))[0] == 0
    assert server.asked[1] == asked + 1
    assert lines(Path("out.jsonl").read_text())[0]["keywords"] == []


def test_a_server_that_knows_no_grammar_is_asked_without(server: FakeKoboldCpp) -> None:
    """One that refuses the form of answers gets the question alone, and a list with commas will do."""

    def refuse(arrival: Arrival) -> faults.Fault:
        if arrival.body.get("grammar"):
            return faults.Json({"detail": {"msg": "unknown field grammar", "type": "bad_input"}}, 400)
        return faults.FixedText("dog, beach" if "JSON only" in arrival.body["prompt"] else "A dog.")

    make_image("a.png", 1)
    server.plan[ANY] = server.plan[None] = refuse
    code, output, _ = describe("a.png", "--keywords", "-f", "jsonl", "-q")
    assert (code, lines(output)[0]["keywords"], lines(output)[0]["status"]) == (0, ["dog", "beach"], "ok")


# --- Kohya -------------------------------------------------------------------------------------------------------


def test_tags_for_kohya(server: FakeKoboldCpp) -> None:
    """A file of tags beside each picture: one question each, the trigger word first."""
    make_image("a.png", 1)
    make_image("b.png", 2)
    assert describe("a.png", "b.png", "--for", "kohya", "--trigger", "ohwX", "-q") == (0, "", "")
    assert Path("a.txt").read_text() == "ohwX, dog, beach ball, number 1\n"
    assert Path("b.txt").read_text() == "ohwX, dog, beach ball, number 2\n"
    assert (server.asked[1], server.asked[2]) == (1, 1)


def test_tags_join_those_that_are_there(server: FakeKoboldCpp) -> None:
    """``--existing append``; a second run changes nothing. Other pictures' files stay as they are without it."""
    make_image("a.png", 1)
    Path("a.caption").write_text("my_tag, dog\n")
    arguments = ("a.png", "--for", "kohya", "--sidecar", ".caption", "--trigger", "ohwx", "-q")
    assert describe(*arguments)[0] == 0
    assert Path("a.caption").read_text() == "my_tag, dog\n"
    for _ in range(2):
        assert describe(*arguments, "--existing", "append")[0] == 0
        assert Path("a.caption").read_text() == "ohwx, my_tag, dog, beach ball, number 1\n"


def test_a_prompt_of_ones_own_asks_for_tags(server: FakeKoboldCpp) -> None:
    """No form is enforced that it does not ask for."""
    make_image("a.png", 1)
    answer(server, lambda arrival: "Dog, Beach_Ball")
    assert describe("a.png", "--for", "kohya", "--prompt", "Booru tags, please.", "-q")[0] == 0
    assert Path("a.txt").read_text() == "dog, beach ball\n"
    assert not any(arrival.body.get("grammar") for arrival in server.generated if arrival.numbers)


# --- several captions --------------------------------------------------------------------------------------------


def test_several_captions_are_lines_of_a_sidecar(server: FakeKoboldCpp) -> None:
    """Each with the trigger word; appended captions are further lines, none of them twice."""
    make_image("a.png", 1)
    arguments = ("a.png", "--sidecar", ".txt", "--captions", "3", "--trigger", "sks", "-q")
    assert describe(*arguments)[0] == 0
    captions = Path("a.txt").read_text().splitlines()
    assert len(set(captions)) == 3
    assert all(caption.startswith("sks, A dog in picture 1") for caption in captions)
    Path("a.txt").write_text(f"Mine.\n{captions[1]}\n")
    assert describe(*arguments, "--existing", "append")[0] == 0
    assert Path("a.txt").read_text().splitlines() == ["Mine.", captions[1], captions[0], captions[2]]


def test_several_captions_are_printed_one_by_one(server: FakeKoboldCpp) -> None:
    """Each on a line, with the name of its picture where there are several."""
    make_image("a.png", 1)
    make_image("b.png", 2)
    output = describe("a.png", "b.png", "--captions", "2", "-f", "txt", "-q")[1]
    assert [line.partition(":")[0] for line in output.splitlines()] == ["a.png", "a.png", "b.png", "b.png"]


# --- imagefolder -------------------------------------------------------------------------------------------------


def test_imagefolder(server: FakeKoboldCpp) -> None:
    """One line a picture that was described, with its path from the file; every line has the same columns."""
    for number, name in enumerate(("set/train/a.png", "set/train/deep/ü b.png", "set/c.png"), 1):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        make_image(name, number)
    Path("set/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 99)
    arguments = ("-r", "set", "--for", "imagefolder", "-o", "set/metadata.jsonl", "--trigger", "sks", "-q")
    assert describe(*arguments, "--keywords")[0] == 4
    rows = lines(Path("set/metadata.jsonl").read_text("utf-8"))
    assert sorted(row["file_name"] for row in rows) == ["c.png", "train/a.png", "train/deep/ü b.png"]
    assert {tuple(row) for row in rows} == {("file_name", "text", "keywords")}
    assert all(row["text"].startswith("sks, A dog in picture") for row in rows)


def test_imagefolder_has_lists_of_several_captions(server: FakeKoboldCpp) -> None:
    """The column has one type: also where captions were the same, so that one is left."""
    make_image("a.png", 1)
    make_image("b.png", 2)
    answer(server, lambda arrival: "Always." if arrival.numbers == (1,) else say(arrival))
    assert describe("a.png", "b.png", "--for", "imagefolder", "-o", "metadata.jsonl", "--captions", "2", "-q")[0] == 0
    assert [len(row["text"]) for row in lines(Path("metadata.jsonl").read_text())] == [1, 2]


def test_imagefolder_is_gone_on_with(server: FakeKoboldCpp) -> None:
    """What was described before a server went away is not asked for again, and the file is whole or not there."""
    names = [f"{number}.png" for number in range(1, 5)]
    for number, name in enumerate(names, 1):
        make_image(name, number)
    server.plan[3] = faults.Raw(403, b'{"detail": "no"}')
    arguments = (*names, "--for", "imagefolder", "-o", "metadata.jsonl", "-q")
    assert describe(*arguments)[0] != 0
    del server.plan[3]
    assert describe(*arguments, "--redo", "failed")[0] == 0
    assert [row["file_name"] for row in lines(Path("metadata.jsonl").read_text())] == names
    assert server.asked[1] == 1


def test_pictures_elsewhere_are_refused_before_anything_is_asked(server: FakeKoboldCpp) -> None:
    """The loader would not find them."""
    Path("set").mkdir()
    make_image("a.png", 1)
    code, _, messages = describe("a.png", "--for", "imagefolder", "-o", "set/metadata.jsonl")
    assert code == 6
    assert "a.png is not below the folder of metadata.jsonl" in messages
    assert not server.generated
    assert not Path("set/metadata.jsonl").exists()


# --- prompts -----------------------------------------------------------------------------------------------------


def test_prompts_tell_what_is_known(server: FakeKoboldCpp) -> None:
    """The folder and the name of the file, the day in its EXIF data, the caption beside it."""
    Path("Holidays").mkdir()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:31 12:00:00"
    picture(1, (800, 1000)).save("Holidays/IMG_1.jpg", exif=exif)
    Path("Holidays/IMG_1.txt").write_text("A hound.\n")
    prompt = "{{folder}}/{{name}}/{{date}}/{{caption}}/{{keywords}}"
    assert describe("Holidays/IMG_1.jpg", "--prompt", prompt, "-q")[0] == 0
    (arrival,) = (arrival for arrival in server.generated if arrival.numbers)
    assert "Holidays/IMG_1/2024-05-31/A hound./unknown" in arrival.prompt


def test_keywords_of_an_xmp_file_are_known(server: FakeKoboldCpp) -> None:
    """Also the description, where no sidecar says what the caption is."""
    make_image("a.png", 1)
    answer(server, lambda arrival: '["dog", "beach"]' if "JSON only" in arrival.body["prompt"] else "A hound.")
    assert describe("a.png", "--write", "sidecar", "--keywords", "-q")[0] == 0
    assert describe("a.png", "--prompt", "Was: {{caption}} ({{keywords}})", "-q")[0] == 0
    assert "Was: A hound. (dog, beach)" in server.generated[-1].prompt


# --- words -------------------------------------------------------------------------------------------------------


def test_words_are_told(server: FakeKoboldCpp) -> None:
    """What was asked for again in vain is suspect, with the word named, and shows in the exit code."""
    make_image("a.png", 1)
    answer(server, lambda arrival: "A photo of a hound.")
    code, output, messages = describe("a.png", "--banned", "image,photo", "--required", "cat|dog", "--strict")
    assert code == 7
    assert 'findings="the caption has the banned word “photo”; the caption lacks the required word' in output
    assert "photo" in messages
    assert server.asked[1] == 3


MISTAKES = {
    "keywords nowhere": (["--keywords"], "--keywords: no output has a place for it"),
    "alternative text nowhere": (["--alt", "--sidecar", ".txt"], "--alt: no output has a place for it"),
    "keywords twice": (["--keywords", "--for", "kohya"], "--for kohya asks for keywords already"),
    "sentences for kohya": (["--for", "kohya", "--task", "describe"], "--for kohya writes tags"),
    "kohya elsewhere": (["--for", "kohya", "-o", "x"], "--for kohya writes files beside the pictures"),
    "kohya into pictures": (["--for", "kohya", "--write", "xmp"], "--for kohya and --write exclude each other"),
    "tags in a prefix": (["--for", "kohya", "--existing", "append", "--prefix", "x"], "would stand between tags"),
    "imagefolder without a file": (["--for", "imagefolder"], "needs --output FOLDER/metadata.jsonl"),
    "another name": (["--for", "imagefolder", "-o", "captions.jsonl"], "needs --output FOLDER/metadata.jsonl"),
    "imagefolder beside": (["--for", "imagefolder", "--sidecar", ".txt"], "no sidecars"),
    "another format": (["--for", "imagefolder", "-o", "metadata.jsonl", "-f", "md"], "a format of its own"),
    "trigger alone": (["--trigger", "x"], "--trigger needs --sidecar or --for"),
    "trigger of two lines": (["--trigger", "x\ny", "--sidecar", ".txt"], "--trigger must be one line"),
    "no word": (["--banned", " , "], "names no word"),
    "contradiction": (["--banned", "dog", "--required", "big dog"], "'dog' is both banned and required"),
    "force and append": (["--force", "--existing", "append", "--sidecar", ".txt"], "--force and --existing exclude"),
    "no caption": (["--captions", "0"], "--captions"),
    "a cluster": (["--captions", "2", "--cluster", "local:1"], "on a cluster there is one caption a picture"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_makes_no_sense_is_refused(name: str) -> None:
    """With a message, and before a server is looked for."""
    make_image("a.png", 1)
    arguments, message = MISTAKES[name]
    code, output, messages = describe("a.png", *arguments)
    assert (code, output) == (2, ""), messages
    assert message in " ".join(re.sub(r"[│╭╮╰╯─]", " ", messages).split())
