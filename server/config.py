"""Settings: one TOML file, then the environment on top of it.

A variable `KOEMORI_<SECTION>__<KEY>` overrides `<key>` of `[<section>]` (nested sections: one more `__`).
Unknown keys are refused in both places, by name and with what would have been right. Secrets never stand in
the TOML file: it names a file that holds one, or the variable carries it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, Self, get_args
from urllib.parse import urlsplit

from koemori.audio.errors import KoemoriError
from koemori.server.capture.settings import TrunkConfig
from koemori.server.cti.ami_settings import AmiSettings
from koemori.server.masking_settings import MaskingSettings
from koemori.server.model_settings import (
    DiarizationSettings,
    ModelSettings,
    QueueLanguage,
    Section,
    UnfitError,
)
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariableError

ENV_PREFIX = "KOEMORI_"
CONFIG_VARIABLE = "KOEMORI_CONFIG"
OTHER_VARIABLES = frozenset(
    {
        CONFIG_VARIABLE,
        "KOEMORI_REQUIRE_ALL",
        "KOEMORI_MODEL_CACHE",
        "KOEMORI_MODEL_MIRROR",
        "KOEMORI_MODEL_WHEELS",
        "KOEMORI_MODEL_HUB",
    }
)
"""Variables that are no settings: the file's name, and those of the test suite and the model catalogue."""
_ENV_ONLY = frozenset({"token", "auth_token", "api_key", "client_secret", "password", "signing_key"})
MEDIA_TRUNK = "media"
"""The trunk that is always there: `/ingest/media`, for the demo and whoever this machine runs."""


class SettingsError(KoemoriError):
    """A setting that cannot be used; the sentence names it."""

    code = "settings"

    def __init__(self, place: str, expected: str, came: str) -> None:
        super().__init__(f"{place}: expected {expected}; got {came}")
        self.place = place
        self.expected = expected
        self.came = came


class ServerSettings(Section):
    """Where the service listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8410, ge=0, le=65535)
    public_url: str | None = None
    """What browsers and phone systems call this service, when a proxy stands in front."""


class DatabaseSettings(Section):
    """SQLAlchemy URL; a URL with a password belongs into KOEMORI_DATABASE__URL."""

    url: str = "sqlite:///var/koemori.db"


class ArchiveSettings(Section):
    """Where journals and recordings lie."""

    directory: Path = Path("var/archive")


class ThirdOpinionSettings(Section):
    """A language model that is asked about doubtful utterances, redacted; nobody is without a `url`."""

    url: str | None = None
    """Of an OpenAI-compatible service, up to and with `/v1`; https, or http to this machine."""
    model: str = Field(default="", max_length=120)
    """As the service names it; shown beside what it says."""
    api_key_file: Path | None = None
    api_key: SecretStr | None = None
    deadline_ms: int = Field(default=2500, ge=100, le=30_000)
    """From the doubt to the answer, waiting included; a later answer has no effect."""
    most_per_call: int = Field(default=20, ge=1, le=1000)
    most_at_once: int = Field(default=2, ge=1, le=64)
    """Requests under way, of all calls together."""
    retention_note: str = ""
    """What the provider may do with the texts and how long it keeps them; `koemori doctor` repeats it."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.url is not None:
            _check_service(self.url)
            if not self.model.strip():
                raise UnfitError("a model beside the url", "none")
        return self

    @property
    def host(self) -> str:
        """Where the texts go; empty when nowhere."""
        return "" if self.url is None else urlsplit(self.url).hostname or ""

    @property
    def is_here(self) -> bool:
        """Whether the texts stay on this machine."""
        return _is_loopback(self.host)

    def key(self) -> str | None:
        """The key that the service wants, if one is configured."""
        key = read_secret("assist.third_opinion", "api_key", self.api_key, self.api_key_file)
        if key is not None and not (key.isascii() and key.isprintable()):
            raise SettingsError("assist.third_opinion.api_key", "printable ASCII characters", "others")
        return key


class AssistSettings(Section):
    """Playbooks and their language."""

    enabled: bool = True
    """False: calls are recorded only; no model is loaded, and nobody listens."""
    playbook_dir: Path | None = None
    """A whole playbook, used instead of the built-in one; None uses that."""
    locale: Literal["ja", "en"] = "ja"
    queue_ms: int = Field(default=4000, ge=200, le=60_000)
    """Audio the assist lane of a live call may lag behind before spans are marked not assisted."""
    drain_s: float = Field(default=20.0, ge=0, le=600)
    """How long a call's end waits for the last words."""
    second_opinion: bool = True
    """A statistical judge beside the rules: raises what no rule knows, tempers likely false alarms."""
    playbook_poll_s: float = Field(default=3.0, ge=0, le=3600)
    """How often `playbook_dir` is looked at for changes; 0 leaves it to `POST /playbooks/reload`."""
    history_days: int = Field(default=180, ge=0, le=3650)
    """How far back a caller's earlier calls are looked up; 0 turns it off."""
    third_opinion: ThirdOpinionSettings = ThirdOpinionSettings()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.third_opinion.url is not None and not self.second_opinion:
            raise UnfitError(
                "second_opinion = true beside a third_opinion: it knows what is in doubt", "false"
            )
        return self


class QueueSettings(Section):
    """How one waiting queue is judged."""

    threshold_s: int = Field(default=20, ge=1)
    """Calls answered within this count for the service level."""
    short_abandon_s: int = Field(default=5, ge=0)
    """Callers who gave up within this are counted apart."""
    language: QueueLanguage = None
    """Language of this queue's calls; None: that of [models]."""
    vocabulary: tuple[Path, ...] = ()
    """More words to listen for, beside those of [models]; one recogniser hears every call, so all words."""


class CtiSettings(Section):
    """Who may post operational events; without token and signing key only peers on loopback may."""

    token_file: Path | None = None
    token: SecretStr | None = None
    signing_key_file: Path | None = None
    """Key of signed requests, taken instead of the token."""
    signing_key: SecretStr | None = None
    agents: dict[str, str] = Field(default_factory=dict)
    """What phone systems call an agent → user name; other names are taken for user names."""
    ami: dict[str, AmiSettings] = Field(default_factory=dict)
    """Asterisk managers to listen to, by a name of one's own."""

    def request_key(self) -> str | None:
        """The key that signs requests, if one is configured."""
        return read_secret("cti", "signing_key", self.signing_key, self.signing_key_file)

    def bearer_token(self) -> str | None:
        """The token a peer must present, if one is configured."""
        return read_secret("cti", "token", self.token, self.token_file)


class LoggingSettings(Section):
    """Logs go to stderr."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "console"] = "json"


class Settings(BaseSettings):
    """All settings. Build with `load_settings`, which turns mistakes into one sentence."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    archive: ArchiveSettings = ArchiveSettings()
    models: ModelSettings = ModelSettings()
    diarization: DiarizationSettings = DiarizationSettings()
    assist: AssistSettings = AssistSettings()
    queues: dict[str, QueueSettings] = {}
    trunks: dict[str, TrunkConfig] = Field(default={}, validate_default=True)
    cti: CtiSettings = CtiSettings()
    masking: MaskingSettings = MaskingSettings()
    logging: LoggingSettings = LoggingSettings()

    @field_validator("trunks", mode="before")
    @classmethod
    def _with_media(cls, given: Any) -> Any:
        """`[trunks.media]` needs no `kind` and is there without being named; its default is this machine."""
        if not isinstance(given, dict):
            return given
        media = given.get(MEDIA_TRUNK, {})
        return {**given, MEDIA_TRUNK: {"kind": "stream", **media} if isinstance(media, dict) else media}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what the file gave (passed as init values)."""
        return env_settings, init_settings


def load_settings(path: Path | None = None) -> Settings:
    """Read settings from a TOML file (or KOEMORI_CONFIG, or nothing) and the environment.

    Args:
        path: The file; None takes the one that KOEMORI_CONFIG names, if any.

    Raises:
        SettingsError: A file that cannot be read, an unknown key, a value that does not fit.
    """
    if path is None and os.environ.get(CONFIG_VARIABLE):
        path = Path(os.environ[CONFIG_VARIABLE])
    values = {} if path is None else _read_toml(path)
    place = "settings" if path is None else path.name
    _refuse_secrets(place, values)
    _refuse_unknown_variables()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _as_sentence(place, error) from None
    except UnreadableVariableError as error:
        section = re.search(r'field "(\w+)"', str(error))
        variable = ENV_PREFIX + (section.group(1).upper() if section else "")
        raise SettingsError(variable, "lists as JSON, such as [0, 1]", "another text") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(path.name, "a readable settings file", error.strerror or "an error") from None
    except UnicodeDecodeError:
        raise SettingsError(path.name, "TOML in UTF-8", "bytes that are not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(path.name, "TOML", str(error)) from None


def _refuse_secrets(place: str, values: dict[str, Any], prefix: str = "") -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            _refuse_secrets(place, value, f"{prefix}{key}.")
        elif key in _ENV_ONLY:
            variable = ENV_PREFIX + f"{prefix}{key}".upper().replace(".", "__")
            raise SettingsError(
                f"{place}: {prefix}{key}", f"a file name in {key}_file or the variable {variable}", "a secret"
            )


def _refuse_unknown_variables() -> None:
    for name in sorted(os.environ):
        if not name.startswith(ENV_PREFIX) or name in OTHER_VARIABLES:
            continue
        section = name.removeprefix(ENV_PREFIX).lower().split("__")[0]
        if section not in Settings.model_fields:
            sections = ", ".join(Settings.model_fields)
            raise SettingsError(
                name, f"KOEMORI_<SECTION>__<KEY> with a section of {sections}", "another name"
            )


def _as_sentence(place: str, error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(_known_keys(first["loc"][:-1]))
        return SettingsError(f"{place}: {where}", f"one of the keys {known}", "an unknown key")
    unfit = first.get("ctx", {}).get("error")
    if isinstance(unfit, UnfitError):
        return SettingsError(f"{place}: {where}", unfit.expected, unfit.came)
    message = str(first["msg"])
    return SettingsError(f"{place}: {where}", message[:1].lower() + message[1:], "a value that does not fit")


def _known_keys(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    model: type[BaseModel] = Settings
    parts = [str(part) for part in loc]
    if parts[:1] == ["queues"] and len(parts) > 1:
        return tuple(QueueSettings.model_fields)
    if parts[:1] == ["trunks"] and len(parts) > 2:
        return _trunk_keys(parts[2])
    for part in parts:
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return tuple(key for key in model.model_fields if key not in _ENV_ONLY)


def _trunk_keys(kind: str) -> tuple[str, ...]:
    models: tuple[type[BaseModel], ...] = get_args(get_args(TrunkConfig)[0])
    fitting = [model for model in models if get_args(model.model_fields["kind"].annotation) == (kind,)]
    return tuple(key for model in fitting for key in model.model_fields if key not in _ENV_ONLY)


def _check_service(url: str) -> None:
    expected, came = "an address such as https://host/v1", "another text"
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        raise UnfitError(expected, came) from None
    if parts.scheme not in ("https", "http") or not parts.hostname or not has_port:
        raise UnfitError(expected, came)
    if parts.query or parts.fragment or not url.isprintable():
        raise UnfitError(expected, came)
    if parts.username is not None or parts.password is not None:
        raise UnfitError("an address without user and password; a key belongs into api_key_file", "both")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise UnfitError("https, or http to this machine", "http to another one")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_secret(section: str, key: str, value: SecretStr | None, file: Path | None) -> str | None:
    """A secret from the environment (`value`) or from its file; None when neither is set.

    Raises:
        SettingsError: The file cannot be read or is empty.
    """
    if value is not None:
        return value.get_secret_value() or None
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{section}.{key}_file", "a readable file", "none at the given path") from None
    if not text:
        raise SettingsError(f"{section}.{key}_file", "a file with a secret in it", "an empty file")
    return text
