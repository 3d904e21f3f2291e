"""The layers of settings: which one wins, where each value came from, and the errors about invalid ones."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from setting_samples import SAMPLES
from visionocr.choices import Rotate
from visionocr.errors import ConfigurationError, UsageError, VisionOcrError
from visionocr.settings import ENVIRONMENT_PREFIX, Settings, load_settings

NAMES = [field.name for field in fields(Settings) if field.name != "origins"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config file that does not exist yet."""
    return tmp_path / "config.toml"


def from_config(path: Path, text: str) -> Settings:
    """The settings of a config file alone."""
    path.write_text(text, "utf-8")
    return load_settings(environment={}, config=path)


def from_environment(**variables: str) -> Settings:
    """The settings of an environment alone; names without prefix."""
    return load_settings(environment={f"VISIONOCR_{name.upper()}": value for name, value in variables.items()})


# --- layers --------------------------------------------------------------------------------------------


def test_defaults() -> None:
    """Without any layer every setting has its default, and none has an origin."""
    settings = load_settings(environment={})
    assert settings == Settings()
    assert not settings.origins


def test_precedence(config: Path) -> None:
    """Flag beats environment beats config file beats default, setting by setting, with the origin of each."""
    config.write_text("dpi = 100\nbatch = 2\ntimeout = 50\n")
    settings = load_settings(
        {"dpi": 300, "batch": None, "timeout": None},
        environment={"VISIONOCR_DPI": "200", "VISIONOCR_BATCH": "3"},
        config=config,
    )
    assert (settings.dpi, settings.batch, settings.timeout, settings.top_k) == (300, 3, 50, None)
    assert settings.origins == {"dpi": "--dpi", "batch": "VISIONOCR_BATCH", "timeout": str(config)}


def test_samples_are_complete() -> None:
    """The samples below have a value for every setting."""
    assert set(SAMPLES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_from_every_layer(name: str, config: Path) -> None:
    """Every setting can come from each layer, and arrives with its type and origin."""
    text, value = SAMPLES[name]
    assert value != getattr(Settings(), name)
    variable = ENVIRONMENT_PREFIX + name.upper()
    written = f'{name} = "{text}"\n' if isinstance(value, str | tuple) else f"{name} = {text}\n"
    config.write_text(written)
    layers = [
        (load_settings(environment={variable: text}), variable),
        (load_settings({name: value}, environment={}), "--" + name.replace("_", "-")),
        (load_settings(environment={}, config=config), str(config)),
    ]
    for settings, origin in layers:
        assert getattr(settings, name) == value
        assert type(getattr(settings, name)) is type(value)
        assert settings.origins == {name: origin}


def test_real_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an explicit environment the process's own is read."""
    monkeypatch.setenv("VISIONOCR_BATCH", "4")
    assert load_settings().batch == 4


def test_empty_variable() -> None:
    """A variable with an empty value counts as not set."""
    assert from_environment(batch="", api_url="") == Settings()


@pytest.mark.parametrize("value", ["false", "False", "FALSE", "0", "no", "off"])
def test_false_from_the_environment(value: str, config: Path) -> None:
    """``false`` in the environment is false, and beats a true in the config file."""
    config.write_text("strict = true\n")
    assert load_settings(environment={"VISIONOCR_STRICT": value}, config=config).strict is False


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", "on", "ON"])
def test_true_from_the_environment(value: str) -> None:
    """All usual words for true are understood."""
    assert from_environment(strict=value).strict is True


@pytest.mark.parametrize("value", [False, True])
def test_false_flag(value: bool, config: Path) -> None:
    """A flag that says false is not the same as one that was not given."""
    config.write_text(f"strict = {str(not value).lower()}\n")
    assert load_settings({"strict": value}, environment={}, config=config).strict is value
    assert load_settings({"strict": None}, environment={}, config=config).strict is not value


def test_origins_cannot_be_changed() -> None:
    """What was found out about origins is read only."""
    with pytest.raises(TypeError):
        from_environment(batch="2").origins["batch"] = "x"  # type: ignore[index]


# --- config files --------------------------------------------------------------------------------------


def test_missing_file(config: Path) -> None:
    """A config file may be missing, unless the user named it."""
    assert load_settings(environment={}, config=config) == Settings()
    with pytest.raises(ConfigurationError, match="there is no config file") as caught:
        load_settings(environment={}, config=config, required=True)
    assert str(config) in caught.value.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"dpi = ", "not valid TOML"),
        (b"dpi: 300", "not valid TOML"),
        (b"dpi = " + b"9" * 5000, "a number with too many digits"),
        (b"dpi = 0x" + b"f" * 5000, "a number with too many digits"),
        (b"dpi = " + b"[" * 5000, "nested too deeply"),
        (b"dpi = " + b"{x = " * 5000, "nested too deeply"),
        (b'language = "caf\xe9"', "cannot read"),
        (b'dpi = 300\n[server]\napi_url = "x"\n', "unknown key 'server'"),
    ],
)
def test_bad_file(content: bytes, words: str, config: Path) -> None:
    """An unreadable config file is named in the error, with the reason."""
    config.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        load_settings(environment={}, config=config)
    assert str(config) in caught.value.message


def test_folder_as_file(tmp_path: Path) -> None:
    """A folder where a config file should be is an error of the configuration."""
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_settings(environment={}, config=tmp_path)


def test_byte_order_mark(config: Path) -> None:
    """A config file with a byte order mark is read like any other."""
    assert from_config(config, "\ufeffdpi = 300\r\n").dpi == 300


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("api-url", "Did you mean api_url?"),
        ("apiurl", "Did you mean api_url?"),
        ("temprature", "Did you mean temperature?"),
        ("maxside", "Did you mean max_side?"),
        ("zzz", "Known: api_key, api_url, batch"),
        ("origins", ""),
    ],
)
def test_unknown_key(key: str, hint: str, config: Path) -> None:
    """An unknown key is an error that names the nearest one."""
    with pytest.raises(ConfigurationError, match=f"unknown key '{key}'") as caught:
        from_config(config, f"{key} = 1\n")
    assert hint in caught.value.hint


# --- types and ranges ----------------------------------------------------------------------------------

WRONG_IN_FILES = [
    ("dpi = '300 dpi'", "'300 dpi' is not a number"),
    ("dpi = true", "True is not a number"),
    ("dpi = nan", "nan is not a number"),
    ("timeout = inf", "inf is not a number"),
    ("dpi = []", "[] is not a number"),
    ("batch = 1.0", "1.0 is not a whole number"),
    ("batch = true", "True is not a whole number"),
    ("batch = 'two'", "'two' is not a whole number"),
    ("strict = 1", "1 is not true or false"),
    ("strict = 'maybe'", "'maybe' is not true or false"),
    ("language = 5", "5 is not a text"),
    ("language = ['Latin']", "['Latin'] is not a text"),
    ("language = 2024-01-01", "is not a text"),
    ("format = 'nonsense'", "'nonsense' is no output format"),
    ("format = 5", "5 is not a text"),
    ("format = ['md']", "['md'] is not a text"),
    ("page_breaks = 'dots'", "is not one of comment, rule, heading, formfeed, none"),
    ("local_model = 'huge'", "is not one of auto, tiny, small, lite"),
]


@pytest.mark.parametrize(("text", "words"), WRONG_IN_FILES)
def test_wrong_type_in_a_file(text: str, words: str, config: Path) -> None:
    """A value of the wrong type is shown, with the file and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        from_config(config, text)
    assert caught.value.message.startswith(f"{config}: ")
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [("dpi", "high"), ("dpi", "nan"), ("timeout", "inf"), ("timeout", "1e999"), ("batch", "1.5"), ("strict", "ja")],
)
def test_wrong_type_in_the_environment(name: str, value: str) -> None:
    """The error about a variable that cannot be converted has its name and value."""
    with pytest.raises(ConfigurationError, match=f"VISIONOCR_{name.upper()}: '{value}' is not"):
        from_environment(**{name: value})


RANGES = [
    ("dpi", 10, 1200),
    ("max_side", 28, 16384),
    ("strips", 1, 8),
    ("raster_workers", 0, 64),
    ("batch", 1, 4),
    ("timeout", 1, 86_400),
    ("max_asks", 1, 20),
    ("max_time", 1, None),
    ("wait_server", 0, None),
    ("temperature", 0, 5),
    ("top_p", 0, 1),
    ("top_k", 0, None),
    ("min_p", 0, 1),
    ("rep_pen", 0.5, 3),
    ("seed", 1, 999_999),
    ("max_length", 1, None),
    ("threads", 1, 1024),
    ("gpu_layers", 0, 10_000),
    ("context", 512, 999_999),
]


@pytest.mark.parametrize(("name", "least", "most"), RANGES)
def test_ranges(name: str, least: float, most: float | None) -> None:
    """The ends of a range are allowed; beyond them the error has the range and the flag's name."""
    flag = "--" + name.replace("_", "-")
    assert getattr(load_settings({name: least}, environment={}), name) == least
    step = 1 if isinstance(least, int) else 0.1
    beyond = [least - step]
    if most is not None:
        assert getattr(load_settings({name: most}, environment={}), name) == most
        beyond.append(most + step)
    for value in beyond:
        with pytest.raises(ConfigurationError, match=f"{flag}: .* must be") as caught:
            load_settings({name: value}, environment={})
        assert f"{least:g}" in caught.value.message
        assert most is None or f"{most:g}" in caught.value.message


def test_every_number_has_a_range() -> None:
    """Every number has a lower limit."""
    numbers = [name for name, (_, value) in SAMPLES.items() if type(value) in (int, float)]
    assert sorted(numbers) == sorted(name for name, _, _ in RANGES)


TOML_VALUES = ["0", "-1", "1", "1.5", "nan", "-inf", "true", "'x'", "''", "'@'", "[]", "{}", "1979-05-27", "9" * 30]


@given(st.sampled_from(NAMES), st.sampled_from(TOML_VALUES))
@hypothesis_settings(deadline=None)
def test_any_value(name: str, value: str) -> None:
    """Any value of any type is accepted or refused with our own error, never with a library's."""
    table = {name: value.strip("'")}
    for flags, environment in ((None, {f"VISIONOCR_{name.upper()}": table[name]}), (table, {})):
        try:
            loaded = load_settings(flags, environment=environment)
        except VisionOcrError as error:
            shown = error.message
        else:
            shown = ""
            assert getattr(loaded, name) is None or not isinstance(getattr(loaded, name), list)
        assert "\n" not in shown


# --- secrets -------------------------------------------------------------------------------------------


def test_key_is_not_shown(config: Path) -> None:
    """The key is in no repr, whatever layer it came from, and its origin is."""
    for settings in (
        from_environment(api_key="sesame"),
        from_config(config, 'api_key = "sesame"'),
        load_settings({"api_key": "sesame"}, environment={}),
    ):
        assert settings.api_key == "sesame"
        assert "sesame" not in repr(settings)
        assert "api_key" in settings.origins


def test_key_is_not_shown_in_errors(config: Path) -> None:
    """A key of the wrong type is not quoted in the error."""
    with pytest.raises(ConfigurationError, match="it is not a text") as caught:
        from_config(config, "api_key = 123456\n")
    assert "123456" not in f"{caught.value!r} {caught.value.hint}"


# --- @FILE ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prompt", "system"])
def test_at_sign_reads_a_file(name: str, tmp_path: Path) -> None:
    """A prompt may stand in a file: its text is taken without the white space around it, byte order mark included."""
    file = tmp_path / "prompt.txt"
    file.write_bytes("\ufeff\nRead: $x^2$ {a} @home äöü\n\n".encode())
    for settings in (load_settings({name: f"@{file}"}, environment={}), from_environment(**{name: f"@{file}"})):
        assert getattr(settings, name) == "Read: $x^2$ {a} @home äöü"
        assert list(settings.origins) == [name]


def test_at_sign_is_for_texts_only(tmp_path: Path) -> None:
    """Other settings keep a leading at sign."""
    assert load_settings({"language": "@x"}, environment={}).language == "@x"


@pytest.mark.parametrize("content", [None, b"caf\xe9"])
def test_at_sign_with_an_unreadable_file(content: bytes | None, tmp_path: Path) -> None:
    """A file that is missing or no text is an error that names flag and file."""
    file = tmp_path / "prompt.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match="--prompt: cannot read") as caught:
        load_settings({"prompt": f"@{file}"}, environment={})
    assert str(file) in caught.value.message


@pytest.mark.parametrize("name", ["@", "@a\0b"])
def test_at_sign_without_a_path(name: str) -> None:
    """An at sign alone names no file, nor does what cannot be a path."""
    with pytest.raises(UsageError, match="cannot read"):
        load_settings({"system": name}, environment={})


def test_at_sign_in_an_overridden_layer(config: Path, tmp_path: Path) -> None:
    """A file that a lower layer names is not opened when a higher one has another text."""
    config.write_text(f'prompt = "@{tmp_path}/missing.txt"\n')
    assert load_settings({"prompt": "Read."}, environment={}, config=config).prompt == "Read."


def test_a_misspelt_variable_is_an_error() -> None:
    """A variable with our prefix and an unknown name is an error with the nearest known one; others are ignored."""
    with pytest.raises(ConfigurationError, match="VISIONOCR_LANGAUGE") as caught:
        load_settings(environment={"VISIONOCR_LANGAUGE": "German"})
    assert "language" in caught.value.hint
    load_settings(environment={"VISION": "1", "OCR": "2"})


def test_a_misspelt_argument_is_an_error() -> None:
    """A setting with an unknown name in Python is an error with the nearest known one."""
    with pytest.raises(ConfigurationError, match="no setting 'langauge'") as caught:
        load_settings({"langauge": "German"}, environment={})
    assert "language" in caught.value.hint


# --- several addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["http://a:1 http://b:2", "http://a:1,http://b:2", " http://a:1 ,\thttp://b:2 "])
def test_several_addresses_in_one_text(text: str, config: Path) -> None:
    """Blanks or commas stand between addresses, in a variable as in a config file."""
    both = ("http://a:1", "http://b:2")
    assert from_environment(api_url=text).api_url == both
    assert from_config(config, f"api_url = {text!r}\n").api_url == both if "\t" not in text else True
    assert load_settings({"api_url": text}, environment={}).api_url == both


def test_a_list_of_addresses(config: Path) -> None:
    """A config file may hold a list, an option may be repeated."""
    both = ("http://a:1", "http://b:2")
    assert from_config(config, 'api_url = ["http://a:1", "http://b:2"]\n').api_url == both
    assert load_settings({"api_url": list(both)}, environment={}).api_url == both
    assert load_settings({"api_url": []}, environment={}).api_url == ()


@pytest.mark.parametrize("written", ["[]", '""', "7", '["http://a:1", 7]', "true", '[" "]'])
def test_invalid_list_of_addresses(written: str, config: Path) -> None:
    """An empty list, or one with something other than addresses, is an error."""
    with pytest.raises(ConfigurationError, match=r"config\.toml"):
        from_config(config, f"api_url = {written}\n")


def test_a_choice_that_is_a_number_needs_no_quotes(config: Path) -> None:
    """In a config file ``rotate = 90`` means what ``rotate = "90"`` does; another number is named in the error."""
    config.write_text("rotate = 90\n")
    assert load_settings(environment={}, config=config).rotate is Rotate.QUARTER
    config.write_text("rotate = 45\n")
    with pytest.raises(ConfigurationError, match="is not one of auto, off, 90, 180, 270"):
        load_settings(environment={}, config=config)


@pytest.mark.parametrize(
    ("name", "word", "value"), [("max_side", "auto", None), ("strips", "auto", None), ("strips", "off", 1)]
)
def test_words_stand_for_numbers(tmp_path: Path, name: str, word: str, value: int | None) -> None:
    """A word is taken from every layer, and beats a number in a layer below; other words are refused."""
    config = tmp_path / "config.toml"
    config.write_text(f'{name} = "{word}"')
    assert getattr(load_settings(config=config, environment={}), name) == value
    config.write_text(f"{name} = 8" if name == "strips" else f"{name} = 800")
    assert getattr(load_settings(config=config, environment={f"VISIONOCR_{name.upper()}": word}), name) == value
    assert getattr(load_settings({name: word}, config=config, environment={}), name) == value
    with pytest.raises(ConfigurationError, match="'many' is neither a whole number nor auto"):
        load_settings({name: "many"}, environment={})
