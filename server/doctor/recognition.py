"""What recognition finds on this machine: models, words, device, and how many calls they carry."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from koemori.models import capacity, host
from koemori.models.errors import DiarizationUnavailableError, ModelError, WorkerFailedError
from koemori.server.calls.listening import listening_for, prompts_for
from koemori.server.calls.worker_plan import DevicePlan, plan_device
from koemori.server.config import Settings
from koemori.server.doctor import sentences
from koemori.server.doctor.findings import Finding

if TYPE_CHECKING:
    from koemori.models.calibration import Calibration, CalibrationOrder
    from koemori.models.model_folder import ModelFacts
    from koemori.models.vocabulary import Vocabulary

_SPEECH: Final = Path(__file__).parents[1] / "demo" / "calls" / "c01.flac"
_FETCH: Final = "koemori weights fetch"


class Recognition:
    """The checks of one examination; what one of them found out, the later ones use.

    Args:
        settings: What the service would run with.
        quick: Measure nothing: say what the files and the machine tell by themselves.
    """

    def __init__(self, settings: Settings, quick: bool) -> None:
        self._settings = settings
        self._quick = quick
        self._folders: dict[str, Path] = {}

    # Models and words.

    def check_weights(self) -> Finding:
        """The models' files are on this machine, whole, with the pinned bytes, and know the languages."""
        from koemori.models.catalog import catalog, check_model, find_model
        from koemori.models.model_folder import folder_digest
        from koemori.server.calls.recogniser import check_languages, model_sources

        said, unpinned = [], []
        for key, name, pin in self._wanted():
            folder = find_model(name, model_sources(self._settings.models).cache_dir)
            if folder is None:
                return Finding("weights", "failed", f"{name}: not on this machine", self._how_to_fetch(name))
            check_model(name, folder, pin)
            check_languages(folder, self._settings)
            self._folders[key] = folder
            said.append(f"{name}: {self._facts(folder).describe()}")
            if name not in catalog() and pin is None:
                unpinned.append(f'{key} = "{folder_digest(folder)}"')
        if unpinned:
            advice = f"pin what you have tried: [models] {', '.join(unpinned)}"
            return Finding("weights", "warning", f"{'; '.join(said)}; not pinned", advice)
        return Finding("weights", "ok", "; ".join(said))

    def check_words(self) -> Finding:
        """Every vocabulary file can be read, and all go together: one recogniser hears every call."""
        from koemori.models.vocabulary import builtin_vocabulary

        told = "; the prompt names some" if any(prompts_for(self._settings).values()) else ""
        words = self._words
        if words is None:
            came = "none compared: [models] rescoring is off, or no call is Japanese"
            return Finding("words", "ok", came + told)
        queues = (None, *self._settings.queues)
        files = {path for queue in queues for path in listening_for(self._settings, queue).vocabulary}
        came = f"{len(builtin_vocabulary().entries)} built in"
        if files:
            plural = "" if len(files) == 1 else "s"
            came = f"{len(words.entries)} in every call, from {len(files)} file{plural} and {came}"
        return Finding("words", "ok", came + told)

    # Machine.

    def check_device(self) -> Finding:
        """CTranslate2 runs here, and the device that the settings want computes with the wanted weights."""
        facts = self._host
        figures = {"ctranslate2": facts.version, "cuda_devices": facts.cuda_devices}
        if facts.failure:
            advice = "install the package again: pip install --force-reinstall ctranslate2"
            return Finding("device", "failed", f"CTranslate2: {facts.failure}", advice)
        trouble = sentences.cuda_trouble(self._settings.models, facts, host.nvidia_driver_version())
        if trouble is not None:
            return trouble
        plan = self._plan
        known = facts.cuda_compute_types if plan.device == "cuda" else facts.cpu_compute_types
        if plan.compute_type not in known:
            advice = f"set [models] compute_type to one of {', '.join(known)}"
            return Finding(
                "device", "failed", f"{plan.device} does not compute with {plan.compute_type}", advice
            )
        return sentences.device(plan, facts, host.gpu_memory_bytes(), figures)

    def check_cpu(self) -> Finding:
        """Which instructions and which library multiply the matrices."""
        try:
            measured = None if self._plan.device == "cuda" else self._finals
        except ModelError:
            measured = None
        facts = measured.cpu if measured is not None else None
        return sentences.cpu(
            host.processor_name(), host.usable_cores(), facts, self._host.cpu_compute_types, os.environ
        )

    def check_capacity(self) -> Finding:
        """How many two-sided calls the workers carry, as measured with a few seconds of speech."""
        if self._quick:
            return Finding("capacity", "ok", "not measured", "leave out --quick to measure it")
        if (unknown := self._unknown("capacity")) is not None:
            return unknown
        from koemori.models.load import LoadConfig

        plan, finals, partials = self._plan, self._finals, self._partials
        pace = LoadConfig()
        slowdown = pace.most_partial_interval_ms / pace.min_partial_interval_ms
        partial_load = 0.0 if partials is None else partials.partial_load
        calls = capacity.estimate(
            finals.final_load, partial_load, slowdown, plan.workers, plan.partial_workers
        )
        return sentences.capacity(plan, calls, finals, partials)

    def check_memory(self) -> Finding:
        """Whether the workers fit into the memory that is free."""
        if (unknown := self._unknown("memory")) is not None:
            return unknown
        plan = self._plan
        each = self._worker_bytes("sha256")
        partial = self._worker_bytes("partial_sha256") if plan.partial_workers else 0
        needed = capacity.memory_needed_bytes(each, plan.workers, partial, plan.partial_workers)
        return sentences.memory(plan, needed, each, host.available_memory_bytes())

    def check_speakers(self) -> Finding:
        """Whether speakers of a mono channel can be told apart, when that is switched on."""
        settings = self._settings.diarization
        if not settings.enabled:
            return Finding("speakers", "ok", "not told apart on a mono channel ([diarization] is off)")
        from koemori.models.open_voices import OPEN_VOICES
        from koemori.server.calls.speakers import diarization_config
        from koemori.server.doctor.interpreter import missing_packages

        missing = missing_packages(settings.python)
        if missing:
            where = "this environment" if settings.python is None else str(settings.python)
            advice = "pip install 'koemori[diarize]' there, or name an interpreter in [diarization] python"
            return Finding("speakers", "failed", f"{where}: has no {' and no '.join(missing)}", advice)
        try:
            config = diarization_config(settings)
            config.weights.check()
        except DiarizationUnavailableError as error:
            return Finding("speakers", "failed", str(error), "check section [diarization]")
        came = f"told apart by {config.weights.model_id}"
        if config.weights.pipeline == OPEN_VOICES and not self._have_open_voices():
            came += ", whose weights the first start fetches"
        return Finding("speakers", "ok", came)

    def _have_open_voices(self) -> bool:
        from koemori.models.open_voices import OPEN_VOICES
        from koemori.server.calls.recogniser import model_sources

        return any(model_sources(self._settings.models).cache_dir.glob(f"{OPEN_VOICES}-*"))

    # What was found out once.

    @cached_property
    def _host(self) -> host.HostFacts:
        return host.probe_host()

    @cached_property
    def _plan(self) -> DevicePlan:
        return plan_device(self._settings.models, host.usable_cores(), self._host.cuda_devices)

    @cached_property
    def _words(self) -> Vocabulary | None:
        from koemori.server.calls.recogniser import words_to_hear

        return words_to_hear(self._settings)

    @cached_property
    def _measured(self) -> dict[str, Calibration | ModelError]:
        return {}

    @property
    def _finals(self) -> Calibration:
        two = self._plan.partial_workers > 0
        return self._measure("sha256", partials=self._settings.models.partials and not two)

    @property
    def _partials(self) -> Calibration | None:
        if self._plan.partial_workers:
            return self._measure("partial_sha256", partials=True)
        return self._finals if self._settings.models.partials else None

    def _unknown(self, check: str) -> Finding | None:
        """What is said where an earlier check has failed on which this one rests."""
        if len(self._folders) < len(self._wanted()):
            return Finding(check, "warning", "not known: see weights")
        try:
            self._plan  # noqa: B018 - asked for what it raises
        except WorkerFailedError:
            return Finding(check, "warning", "not known: see device")
        return None

    def _measure(self, key: str, partials: bool) -> Calibration:
        """Measure a model once; a failure is raised to each check that asks."""
        from koemori.models.calibration import measure_worker

        folder = self._folders.get(key)
        if self._quick or folder is None:
            raise WorkerFailedError("a measurement", "none was wanted")
        if key not in self._measured:
            try:
                self._measured[key] = measure_worker(self._order(key, folder, partials))
            except ModelError as error:
                self._measured[key] = error
        came = self._measured[key]
        if isinstance(came, ModelError):
            raise came
        return came

    def _order(self, key: str, folder: Path, partials: bool) -> CalibrationOrder:
        """To measure what a worker of the service does: with its model, trimmed as it is, and its words."""
        from koemori.models.calibration import CalibrationOrder
        from koemori.server.calls.recogniser import model_sources, trimmed

        words = self._words if key == "sha256" else None
        return CalibrationOrder(
            folder=str(trimmed(folder, self._settings, model_sources(self._settings.models).cache_dir)),
            audio=str(_SPEECH),
            device=self._plan.device,
            device_index=self._plan.device_indices[0],
            compute_type=self._plan.compute_type,
            language="ja" if self._facts(folder).multilingual else "en",
            partials=partials,
            vocabulary=None if words is None else words.to_data(),
        )

    def _worker_bytes(self, key: str) -> int:
        """Memory of one worker: measured where it was, else by the size of its weights."""
        measured = self._measured.get(key)
        if measured is not None and not isinstance(measured, ModelError):
            return measured.resident_bytes
        if self._plan.device == "cuda":
            return capacity.WORKER_OVERHEAD_BYTES
        weights = self._facts(self._folders[key]).weight_bytes(self._plan.compute_type)
        return weights + capacity.WORKER_OVERHEAD_BYTES

    def _facts(self, folder: Path) -> ModelFacts:
        from koemori.models.model_folder import inspect_model

        return inspect_model(folder)

    def _wanted(self) -> list[tuple[str, str, str | None]]:
        """The models in use: the key of the setting that pins each, its name and its pin."""
        models = self._settings.models
        wanted = [("sha256", models.name, models.sha256)]
        if models.partials and models.partial_model not in (None, models.name):
            wanted.append(("partial_sha256", str(models.partial_model), models.partial_sha256))
        return wanted

    def _how_to_fetch(self, name: str) -> str:
        from koemori.models.catalog import catalog
        from koemori.models.hub import is_hub_id
        from koemori.server.calls.recogniser import model_sources

        sources = model_sources(self._settings.models)
        entry = catalog().get(name)
        if entry is None and not is_hub_id(name):
            return f"name one of {', '.join(catalog())}, a folder or a hub id in [models] name"
        on_hub_only = entry is None or not entry.wheels
        if on_hub_only and not sources.hub and sources.mirror is None:
            return f"set [models] hub = true or a mirror, then {_FETCH}"
        return _FETCH
