"""The models that the settings name are fetched, held to their pins and to the languages of the queues."""

import logging
from pathlib import Path

import pytest
from koemori.models.errors import ModelDigestError, ModelFormatError, VocabularyError
from koemori.models.model_folder import folder_digest
from koemori.models.vocabulary import builtin_vocabulary, merge_vocabularies
from koemori.server.calls.recogniser import fetch_models, model_sources, words_to_hear
from koemori.server.config import QueueSettings, Settings
from koemori.server.model_settings import ModelSettings

from tests.fakes.whisper_folder import write_whisper_folder

pytestmark = pytest.mark.integration


def test_one_model_or_two_are_found_and_held_to_their_own_pins(tmp_path: Path) -> None:
    large = write_whisper_folder(tmp_path / "large", mel_bands=128)
    small = write_whisper_folder(tmp_path / "small")
    models = ModelSettings(name=str(large), sha256=folder_digest(large))
    assert fetch_models(Settings(models=models)) == (large, None)
    models = models.model_copy(update={"partial_model": str(small), "partial_sha256": folder_digest(small)})
    assert fetch_models(Settings(models=models)) == (large, small)
    models = models.model_copy(update={"partial_sha256": folder_digest(large)})
    with pytest.raises(ModelDigestError, match=f"small: expected sha256 {folder_digest(large)}"):
        fetch_models(Settings(models=models))
    models = models.model_copy(update={"partials": False})
    assert fetch_models(Settings(models=models)) == (large, None)


def test_a_model_is_used_whole_where_the_cache_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_whisper_folder(tmp_path / "small")
    (tmp_path / "file").write_text("no folder")
    models = ModelSettings(name=str(folder), cache_dir=tmp_path / "file" / "cache")
    with caplog.at_level(logging.WARNING):
        assert fetch_models(Settings(models=models)) == (folder, None)
    [record] = [one for one in caplog.records if "all languages" in one.message]
    assert "folder that can be written" in str(vars(record)["reason"])


def test_an_english_only_model_is_refused_for_japanese_queues(tmp_path: Path) -> None:
    folder = write_whisper_folder(tmp_path / "base.en", vocabulary=51864)
    english = ModelSettings(name=str(folder), language="en")
    assert fetch_models(Settings(models=english)) == (folder, None)
    for language, named in (("ja", "ja"), ("auto", "detection")):
        queues = {"shop": QueueSettings(language=language)}
        with pytest.raises(
            ModelFormatError, match=f"multilingual model for language {named}; got an English"
        ):
            fetch_models(Settings(models=english, queues=queues))


def test_settings_win_over_the_catalogues_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOEMORI_MODEL_HUB", "1")
    monkeypatch.setenv("KOEMORI_MODEL_CACHE", "/elsewhere")
    sources = model_sources(ModelSettings(cache_dir=tmp_path, wheels=False))
    assert (sources.cache_dir, sources.wheels, sources.hub) == (tmp_path, False, True)


def test_one_pool_hears_the_words_of_all_queues_and_those_of_abuse(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.toml" for name in ("house", "shop", "bank")}
    for number, (name, path) in enumerate(files.items()):
        word = ("小野寺", "洗濯機", "定期預金")[number]
        path.write_text(f'id = "{name}"\nversion = "1"\nsource = ""\n[[entry]]\ntext = "{word}"\n')
    models = ModelSettings(vocabulary=(files["house"],))
    queues = {
        "shop": QueueSettings(vocabulary=(files["shop"],)),
        "bank": QueueSettings(vocabulary=(files["bank"], files["house"])),
    }
    words = words_to_hear(Settings(models=models, queues=queues))
    assert words is not None
    own = [entry.text for entry in words.entries[len(builtin_vocabulary().entries) :]]
    assert own == ["小野寺", "洗濯機", "定期預金"]
    assert words_to_hear(Settings()) == merge_vocabularies(builtin_vocabulary())


def test_no_words_are_heard_for_where_that_is_off_or_no_call_is_japanese(tmp_path: Path) -> None:
    assert words_to_hear(Settings(models=ModelSettings(rescoring=False))) is None
    assert words_to_hear(Settings(models=ModelSettings(language="en"))) is None
    assert words_to_hear(Settings(models=ModelSettings(language="auto"))) is not None
    queues = {"japan": QueueSettings(language="ja")}
    assert words_to_hear(Settings(models=ModelSettings(language="en"), queues=queues)) is not None
    absent = ModelSettings(vocabulary=(tmp_path / "absent.toml",))
    with pytest.raises(VocabularyError, match=r"absent\.toml"):
        words_to_hear(Settings(models=absent))
