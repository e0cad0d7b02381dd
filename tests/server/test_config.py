"""Settings come from one file and the environment; mistakes are one clear sentence."""

import re
from pathlib import Path

import pytest
from koemori.server.config import Settings, SettingsError, load_settings

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("KOEMORI_"):
            monkeypatch.delenv(name)


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "koemori.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_no_file() -> None:
    settings = load_settings()
    assert settings.server.host == "127.0.0.1"
    assert settings.trunks["media"].kind == "stream"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path, "[server]\nport = 9001\nhost = '127.0.0.2'\n")
    monkeypatch.setenv("KOEMORI_SERVER__PORT", "9002")
    settings = load_settings(path)
    assert (settings.server.port, settings.server.host) == (9002, "127.0.0.2")


def test_the_config_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOEMORI_CONFIG", str(_file(tmp_path, "[models]\nworkers = 3\n")))
    assert load_settings().models.workers == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[server]\nprot = 1\n",
            r"koemori\.toml: server\.prot: expected one of the keys host, port.*unknown",
        ),
        ("[sevrer]\nport = 1\n", r"koemori\.toml: sevrer: expected one of the keys server, database"),
        ("[server]\nport = 'x'\n", r"server\.port: expected input should be a valid integer"),
        ("[queues.support]\nlimit = 1\n", r"queues\.support\.limit: expected one of the keys threshold_s"),
        (
            "[trunks.media]\ntokn_file = 'x'\n",
            r"trunks\.media\.stream\.tokn_file: expected one of the keys allow, queue, .* token_file",
        ),
        ("[cti]\ntoken = 'geheim'\n", r"cti\.token: expected a file name in token_file or the variable"),
        ("[server\n", r"koemori\.toml: expected TOML; got"),
        ("[models]\nworkers = 0\n", r'models\.workers: expected "auto" or a whole number from 1 to 256'),
        ("[models]\nworkers = true\n", r'models\.workers: expected "auto" or a whole number'),
        (
            "[models]\nbatch_size = 65\n",
            r'models\.batch_size: expected "auto" or a whole number from 1 to 64',
        ),
        (
            "[models]\nlanguage = 'jp'\n",
            r'models\.language: expected a language code such as ja or en, or "auto"',
        ),
        ("[queues.support]\nlanguage = 'jp'\n", r"queues\.support\.language: expected a language code"),
        (
            "[models]\nname = ' '\n",
            r"models\.name: expected a catalogue name, a folder or a hub id; got an empty",
        ),
        (
            "[models]\nsha256 = 'd01c'\n",
            r"models\.sha256: expected 64 hexadecimal digits.*; got 4 characters",
        ),
        ("[models]\ndevice = 'gpu'\n", r"models\.device: expected input should be 'cpu', 'cuda' or 'auto'"),
        ("[models]\ndevice_index = [0, 0]\n", r"models: expected device_index with each GPU once"),
        (
            "[models]\ncompute_type = 'float16'\n",
            r"models: expected compute_type int8, .* on a CPU, or device cuda for float16",
        ),
        (
            f"[models]\npartial_sha256 = '{'0' * 64}'\n",
            r"models: expected partial_sha256 beside a partial_model",
        ),
        ("[diarization]\nenabled = true\n", r"diarization: expected a pipeline, or a segmentation"),
        (
            "[diarization]\npipeline = 'a'\nembedding = 'b'\n",
            r"diarization: expected either a pipeline or single files; got both",
        ),
        ("[diarization]\nsha256 = { 'a.bin' = '12' }\n", r"diarization: expected for a\.bin 64 hexadecimal"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        load_settings(_file(tmp_path, text))
    assert "\n" not in str(caught.value).removesuffix("\n")
    assert "geheim" not in str(caught.value)


def test_models_queues_and_gpus_are_set_by_file_and_by_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(
        tmp_path,
        f"[models]\nname = 'large-v3-turbo'\nsha256 = '{'A' * 64}'\npartial_model = 'base'\ndevice = 'cuda'\n"
        "compute_type = 'int8_float16'\ndevice_index = [0, 1]\n[queues.english]\nlanguage = 'en'\n",
    )
    monkeypatch.setenv("KOEMORI_MODELS__DEVICE_INDEX", "[2]")
    monkeypatch.setenv("KOEMORI_MODELS__WORKERS", "3")
    monkeypatch.setenv("KOEMORI_MODELS__VOCABULARY", '["words.toml"]')
    settings = load_settings(path)
    assert settings.models.sha256 == "a" * 64
    assert (settings.models.device_index, settings.models.workers) == ((2,), 3)
    assert settings.models.vocabulary == (Path("words.toml"),)
    assert settings.queues["english"].language == "en"


def test_a_list_in_a_variable_that_is_no_json_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOEMORI_MODELS__DEVICE_INDEX", "0,1")
    with pytest.raises(SettingsError, match=r"KOEMORI_MODELS: expected lists as JSON, such as \[0, 1\]"):
        load_settings()


def test_a_hub_id_is_told_from_names_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    for name, hub in (("base", False), ("models/mine", False), ("owner/name@v1", True)):
        assert load_settings(_file(tmp_path, f"[models]\nname = '{name}'\n")).models.names_hub_model is hub


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected a readable settings file"):
        load_settings(tmp_path / "absent.toml")


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOEMORI_SEVRER__PORT", "1")
    with pytest.raises(SettingsError, match="KOEMORI_SEVRER__PORT: expected"):
        load_settings()


def test_an_unknown_key_in_a_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOEMORI_SERVER__PROT", "1")
    with pytest.raises(SettingsError, match="unknown key"):
        load_settings()


def test_a_secret_comes_from_its_file_or_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "token"
    secret.write_text("abc\n", encoding="utf-8")
    path = _file(tmp_path, f"[cti]\ntoken_file = '{secret}'\n")
    assert load_settings(path).cti.bearer_token() == "abc"
    monkeypatch.setenv("KOEMORI_CTI__TOKEN", "xyz")
    settings = load_settings(path)
    assert settings.cti.bearer_token() == "xyz"
    assert "xyz" not in repr(settings)


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="expected a file with a secret in it"):
        load_settings(_file(tmp_path, f"[cti]\ntoken_file = '{secret}'\n")).cti.bearer_token()


def test_nobody_is_asked_for_a_third_opinion_by_default() -> None:
    chosen = Settings().assist.third_opinion
    assert (chosen.url, chosen.host, chosen.key()) == (None, "", None)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("url = 'https://llm.example.jp/v1'", "a model beside the url"),
        ("url = 'http://llm.example.jp/v1'\nmodel = 'm'", "https, or http to this machine"),
        ("url = 'https://me:secret@llm.example.jp/v1'\nmodel = 'm'", "without user and password"),
        ("url = 'ftp://llm.example.jp/v1'\nmodel = 'm'", "an address such as https://host/v1"),
        ("url = 'https://llm.example.jp/v1?key=x'\nmodel = 'm'", "an address such as https://host/v1"),
        ("url = 'https://llm.example.jp:secret/v1'\nmodel = 'm'", "an address such as https://host/v1"),
        ("url = 'http://[::1/v1'\nmodel = 'm'", "an address such as https://host/v1"),
        ('url = "https://llm.example.jp\\n/v1"\nmodel = "m"', "an address such as https://host/v1"),
        ("api_key = 'secret'", "KOEMORI_ASSIST__THIRD_OPINION__API_KEY"),
        ("deadline_ms = 10", "deadline_ms"),
    ],
)
def test_a_third_opinion_that_is_not_safe_is_refused(tmp_path: Path, table: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(expected)) as refused:
        load_settings(_file(tmp_path, f"[assist.third_opinion]\n{table}\n"))
    assert "secret" not in str(refused.value).replace("a secret", "")


def test_a_third_opinion_needs_the_second(tmp_path: Path) -> None:
    table = "[assist]\nsecond_opinion = false\n[assist.third_opinion]\nurl = 'http://localhost:8000/v1'\n"
    with pytest.raises(SettingsError, match="second_opinion = true"):
        load_settings(_file(tmp_path, f"{table}model = 'm'\n"))


def test_a_key_that_no_header_can_carry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOEMORI_ASSIST__THIRD_OPINION__API_KEY", "鍵")
    with pytest.raises(SettingsError, match="printable ASCII"):
        load_settings().assist.third_opinion.key()
