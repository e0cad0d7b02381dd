"""How a call is listened to: language and words, fixed by the queue it came through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from koemori.models.languages import DETECT
from koemori.server.config import Settings

if TYPE_CHECKING:
    from koemori.models.questions import ListenerConfig
    from koemori.models.vocabulary import Vocabulary

PROMPT_LANGUAGE: Final = "ja"


@dataclass(frozen=True, slots=True)
class Listening:
    """What the recogniser is told about a call.

    Attributes:
        language: Whisper's code; empty lets it detect the language of each utterance.
        vocabulary: Files of words to listen for, the later ones beside the earlier.
        partials: Whether text is shown while someone still speaks.
    """

    language: str
    vocabulary: tuple[Path, ...]
    partials: bool


def listening_for(settings: Settings, queue: str | None) -> Listening:
    """Look up how a call of this queue is listened to.

    Args:
        settings: All of them.
        queue: `CallStarted.queue`; None, or one that no section names, gives what [models] says.
    """
    models = settings.models
    own = settings.queues.get(queue) if queue is not None else None
    language = models.language if own is None or own.language is None else own.language
    vocabulary = models.vocabulary if own is None else (*models.vocabulary, *own.vocabulary)
    return Listening(
        language="" if language == DETECT else language,
        vocabulary=tuple(dict.fromkeys(vocabulary)),
        partials=models.partials,
    )


def listener_config(listening: Listening, prompt: str = "") -> ListenerConfig:
    """The listener's settings for a call; endpoints, guard and bounds stay as they are."""
    from koemori.models.questions import ListenerConfig

    return ListenerConfig(language=listening.language, prompt=prompt, partials=listening.partials)


def prompts_for(settings: Settings) -> dict[str | None, str]:
    """What the recogniser is told to expect, per queue; None is a call of any other queue. Reads the files.

    Empty texts unless [models] prompt is on, and for calls that are not held to Japanese: as with rescoring,
    the words are Japanese ones. Words of abuse never come in.

    Raises:
        VocabularyError: A file does not fit, or all together hold too many words.
    """
    from koemori.models.vocabulary import prompt_text

    prompts: dict[str | None, str] = {}
    for queue in (None, *settings.queues):
        listening = listening_for(settings, queue)
        wanted = settings.models.prompt and listening.language == PROMPT_LANGUAGE
        prompts[queue] = prompt_text(words_for(listening)) if wanted else ""
    return prompts


def words_for(listening: Listening) -> Vocabulary:
    """The built-in words and those of the files, as one vocabulary. Reads the files.

    Raises:
        VocabularyError: A file does not fit, or all together hold too many words.
    """
    from koemori.models.vocabulary import builtin_vocabulary, load_vocabulary, merge_vocabularies

    return merge_vocabularies(builtin_vocabulary(), *map(load_vocabulary, listening.vocabulary))


def languages_wanted(settings: Settings) -> frozenset[str]:
    """Every language that some call may be held to; the empty text stands for detection."""
    queues = (None, *settings.queues)
    return frozenset(listening_for(settings, queue).language for queue in queues)
