"""The speech recogniser that the settings describe: its models fetched, checked and loaded into workers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from koemori.models.errors import ModelFormatError, ModelStorageError
from koemori.server.calls.listening import languages_wanted, listening_for, words_for
from koemori.server.calls.worker_plan import DevicePlan, plan_device, worker_spec
from koemori.server.config import Settings
from koemori.server.model_settings import ModelSettings

if TYPE_CHECKING:
    from koemori.models.catalog import ModelSources
    from koemori.models.model_cache import Progress
    from koemori.models.routed_pool import CountedPool
    from koemori.models.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


def model_sources(settings: ModelSettings) -> ModelSources:
    """Where weights may come from: the settings over the catalogue's own environment variables."""
    from koemori.models.catalog import ModelSources

    sources = ModelSources.from_environment()
    return replace(
        sources,
        cache_dir=settings.cache_dir or sources.cache_dir,
        mirror=settings.mirror or sources.mirror,
        wheels=sources.wheels if settings.wheels is None else settings.wheels,
        hub=sources.hub if settings.hub is None else settings.hub,
    )


def fetch_models(settings: Settings, progress: Progress | None = None) -> tuple[Path, Path | None]:
    """Folders of the model for finals and of that for partials (None: the same), fetched and checked. Blocks.

    Raises:
        ModelError: One cannot be had, is not what was pinned, or does not know a language that is asked for.
    """
    from koemori.models.catalog import ensure_model

    models = settings.models
    sources = model_sources(models)

    def fetch(name: str, sha256: str | None) -> Path:
        folder = ensure_model(name, sources, progress, sha256)
        check_languages(folder, settings)
        return trimmed(folder, settings, sources.cache_dir, progress)

    finals = fetch(models.name, models.sha256)
    if models.partial_model is None or not models.partials or models.partial_model == models.name:
        return finals, None
    return finals, fetch(models.partial_model, models.partial_sha256)


def trimmed(folder: Path, settings: Settings, cache_dir: Path, progress: Progress | None = None) -> Path:
    """The folder that workers load: where all calls are Japanese, without the tokens of other languages.

    Made in the cache when it is not there yet, which takes seconds. Blocks. Where it cannot be made, as in a
    cache that may only be read, the model is used whole.
    """
    from koemori.models.trim import LANGUAGE, trimmed_folder

    if not settings.models.trim or languages_wanted(settings) != {LANGUAGE}:
        return folder
    try:
        return trimmed_folder(folder, cache_dir, progress or (lambda *_: None))
    except (ModelFormatError, ModelStorageError) as failure:
        logger.warning("the model is used with the tokens of all languages", extra={"reason": str(failure)})
        return folder


def check_languages(folder: Path, settings: Settings) -> None:
    """Refuse a model that knows only English for calls in another language.

    Raises:
        ModelFormatError: It does.
    """
    from koemori.models.model_folder import inspect_model

    foreign = languages_wanted(settings) - {"en"}
    if foreign and not inspect_model(folder).multilingual:
        wanted = ", ".join(sorted(language or "detection" for language in foreign))
        raise ModelFormatError(
            str(folder), f"a multilingual model for language {wanted}", "an English-only one"
        )


def words_to_hear(settings: Settings) -> Vocabulary | None:
    """The built-in words and those of all queues together, for one pool hears every call. Reads the files.

    Returns:
        None where rescoring is off, or no call can be Japanese.

    Raises:
        VocabularyError: A file does not fit, or all together hold too many words.
    """
    from koemori.models.trim import LANGUAGE

    if not settings.models.rescoring or not languages_wanted(settings) & {LANGUAGE, ""}:
        return None
    heard = [listening_for(settings, queue) for queue in (None, *settings.queues)]
    files = dict.fromkeys(path for listening in heard for path in listening.vocabulary)
    return words_for(replace(heard[0], vocabulary=tuple(files)))


def plan_here(settings: ModelSettings) -> DevicePlan:
    """`plan_device` for this machine. Blocks for a second where GPUs have to be counted.

    Raises:
        WorkerFailedError: A GPU is named that is not there, or weights that only a GPU computes with.
    """
    from koemori.models.host import probe_host, usable_cores

    cuda_devices = 0 if settings.device == "cpu" else probe_host().cuda_devices
    return plan_device(settings, usable_cores(), cuda_devices)


async def open_recogniser(settings: Settings, progress: Progress | None = None) -> CountedPool:
    """Fetch the weights when needed and start the workers; two pools behind one where there are two models.

    Raises:
        ModelError: The weights cannot be had or are not what was pinned, or a worker cannot load them.
        VocabularyError: A file of words does not fit.
    """
    from koemori.models.process_pool import ProcessWorkerPool
    from koemori.models.routed_pool import RoutedWorkerPool

    words = await asyncio.to_thread(words_to_hear, settings)
    finals, partials = await asyncio.to_thread(fetch_models, settings, progress)
    plan = await asyncio.to_thread(plan_here, settings.models)
    pool = await ProcessWorkerPool.open(worker_spec(plan, finals, words), plan.workers)
    if partials is None:
        return pool
    try:
        small = await ProcessWorkerPool.open(worker_spec(plan, partials), plan.partial_workers)
    except BaseException:
        await pool.aclose()
        raise
    return RoutedWorkerPool(small, pool)
