"""Settings come from one file and the environment; mistakes are one clear sentence."""

from pathlib import Path

import pytest
from koemori.server.config import SettingsError, load_settings

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
    assert settings.ingest.media.bearer_token() is None


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
            "[ingest.media]\ntokn_file = 'x'\n",
            r"ingest\.media\.tokn_file: expected one of the keys token_file",
        ),
        ("[cti]\ntoken = 'geheim'\n", r"cti\.token: expected a file name in token_file or the variable"),
        ("[server\n", r"koemori\.toml: expected TOML; got"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        load_settings(_file(tmp_path, text))
    assert "\n" not in str(caught.value).removesuffix("\n")
    assert "geheim" not in str(caught.value)


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
