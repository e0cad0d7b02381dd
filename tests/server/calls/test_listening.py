"""Language and words of a call are fixed by its queue."""

from pathlib import Path

import pytest
from koemori.models.errors import VocabularyError
from koemori.models.questions import ListenerConfig
from koemori.models.vocabulary import builtin_vocabulary
from koemori.server.calls.listening import (
    Listening,
    languages_wanted,
    listener_config,
    listening_for,
    prompts_for,
    words_for,
)
from koemori.server.config import QueueSettings, Settings
from koemori.server.model_settings import ModelSettings

pytestmark = pytest.mark.unit

HOUSE, SHOP = Path("house.toml"), Path("shop.toml")


def settings() -> Settings:
    return Settings(
        models=ModelSettings(vocabulary=(HOUSE,)),
        queues={
            "shop": QueueSettings(vocabulary=(SHOP, HOUSE)),
            "english": QueueSettings(language="en"),
            "any": QueueSettings(language="auto"),
        },
    )


@pytest.mark.parametrize("queue", [None, "unheard-of"])
def test_a_call_without_a_known_queue_is_heard_as_the_models_section_says(queue: str | None) -> None:
    assert listening_for(settings(), queue) == Listening("ja", (HOUSE,), partials=True)


def test_a_queue_adds_its_words_and_may_have_its_own_language() -> None:
    assert listening_for(settings(), "shop") == Listening("ja", (HOUSE, SHOP), partials=True)
    assert listening_for(settings(), "english") == Listening("en", (HOUSE,), partials=True)


def test_auto_leaves_the_language_to_the_recogniser() -> None:
    assert listening_for(settings(), "any").language == ""


def test_the_listener_is_told_language_and_partials() -> None:
    config = listener_config(listening_for(settings(), "english"))
    assert (config.language, config.partials) == ("en", True)
    silent = Settings(models=ModelSettings(partials=False))
    assert listener_config(listening_for(silent, None)) == ListenerConfig(language="ja", partials=False)


def test_the_recogniser_is_told_to_expect_words_only_where_that_is_wanted(tmp_path: Path) -> None:
    for name, word in (("house", "小野寺"), ("shop", "洗濯機")):
        (tmp_path / f"{name}.toml").write_text(
            f'id = "{name}"\nversion = "1"\nsource = ""\n[[entry]]\ntext = "{word}"\n', encoding="utf-8"
        )
    queues = {
        "shop": QueueSettings(vocabulary=(tmp_path / "shop.toml",)),
        "english": QueueSettings(language="en"),
        "any": QueueSettings(language="auto"),
    }
    models = ModelSettings(vocabulary=(tmp_path / "house.toml",), prompt=True)
    told = prompts_for(Settings(models=models, queues=queues))
    assert told == {None: "小野寺。", "shop": "小野寺、洗濯機。", "english": "", "any": ""}
    assert listener_config(listening_for(settings(), None), told[None]).prompt == "小野寺。"
    silent = prompts_for(Settings(models=models.model_copy(update={"prompt": False}), queues=queues))
    assert set(silent.values()) == {""}
    assert prompts_for(Settings(models=ModelSettings(prompt=True))) == {None: ""}
    with pytest.raises(VocabularyError, match=r"absent\.toml"):
        prompts_for(Settings(models=ModelSettings(prompt=True, vocabulary=(tmp_path / "absent.toml",))))


def test_words_of_the_files_join_those_built_in(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        'id = "shop"\nversion = "1"\nsource = "test"\n[[entry]]\ntext = "小野寺"\nreading = "おのでら"\n',
        encoding="utf-8",
    )
    words = words_for(Listening("ja", (file,), partials=True))
    assert len(words.entries) == len(builtin_vocabulary().entries) + 1
    assert words.entries[-1].text == "小野寺"
    with pytest.raises(VocabularyError, match=r"absent\.toml: expected a file that can be read"):
        words_for(Listening("ja", (file, tmp_path / "absent.toml"), partials=True))


def test_every_language_that_a_call_may_need_is_known_beforehand() -> None:
    assert languages_wanted(settings()) == {"ja", "en", ""}
