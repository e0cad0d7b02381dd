"""The model hub's addresses: redirects to a storage, digests in headers, refusals, broken transfers."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from koemori.models import catalog as catalog_module
from koemori.models.catalog import CatalogEntry, ModelFile, ModelSources, check_model, ensure_model
from koemori.models.errors import ModelDigestError, ModelFormatError, ModelStorageError, ModelUnavailableError
from koemori.models.hub import is_hub_id, split_hub_id
from koemori.models.model_cache import read_origin
from koemori.models.model_folder import folder_digest

from tests.fakes.whisper_folder import whisper_files

pytestmark = pytest.mark.integration

COMMIT = "c0ffee" * 6 + "1234"
TOKEN = "hf_secret"


@dataclass
class HubState:
    """What the server holds and how it misbehaves; `asked` notes (path, range, credentials)."""

    files: dict[str, bytes] = field(default_factory=whisper_files)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    gated: bool = False
    cut: int = 0
    lie: bool = False
    url: str = ""


class _Hub(http.server.BaseHTTPRequestHandler):
    """`/owner/name/resolve/<revision>/<file>`: large files are redirected to `/storage/<file>`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        state: HubState = self.server.state  # type: ignore[attr-defined]
        state.asked.append((self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        parts = self.path.strip("/").split("/")
        if parts[0] == "storage":
            self._send(state, state.files[parts[1]], {"ETag": '"not-a-digest-2"'})
        elif state.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._refuse(401, "GatedRepo")
        elif parts[:2] != ["owner", "name"] or parts[3] not in ("main", COMMIT):
            self._refuse(404, "RepoNotFound")
        elif parts[4] not in state.files:
            self._refuse(404, "EntryNotFound")
        else:
            self._give(state, parts[4])

    def _give(self, state: HubState, name: str) -> None:
        content = b"other" if state.lie else state.files[name]
        if name == "model.bin":
            self.send_response(302)
            self.send_header("Location", f"{state.url.replace('127.0.0.1', 'localhost')}/storage/{name}")
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        self._send(state, state.files[name], {"ETag": f'W/"{git}"', "X-Repo-Commit": COMMIT})

    def _send(self, state: HubState, content: bytes, headers: dict[str, str]) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start and start >= len(content):
            self._refuse(416, "range")
            return
        body = content[start:]
        self.send_response(206 if start else 200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = state.cut if len(body) > state.cut else 0
        self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubState]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    state = HubState(url=f"http://127.0.0.1:{server.server_port}")
    server.state = state  # type: ignore[attr-defined]
    monkeypatch.setenv("HF_ENDPOINT", state.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def sources(tmp_path: Path) -> ModelSources:
    return ModelSources(tmp_path / "cache", wheels=False, hub=True)


def test_a_hub_id_is_told_from_a_path() -> None:
    assert is_hub_id("kotoba-tech/kotoba-whisper-v2.0-faster")
    assert is_hub_id("owner/name@v1.0")
    assert not any(map(is_hub_id, ("base", "./models/x", "/srv/models/x", "a/b/c", "~/x", "../x")))
    assert split_hub_id("owner/name@v1.0") == ("owner/name", "v1.0")
    assert split_hub_id("owner/name") == ("owner/name", "main")


def test_a_model_comes_from_the_hub_whole_and_from_one_commit(hub: HubState, tmp_path: Path) -> None:
    steps: list[str] = []
    folder = ensure_model("owner/name", sources(tmp_path), lambda step, *_: steps.append(step))
    assert {name: (folder / name).read_bytes() for name in hub.files} == hub.files
    assert folder == tmp_path / "cache" / "owner--name"
    assert hub.asked[0][0] == "/owner/name/resolve/main/config.json"
    assert all(COMMIT in path for path, _, _ in hub.asked[1:] if not path.startswith("/storage"))
    note = read_origin(folder)
    assert note is not None
    assert (note.hub_id, note.revision) == ("owner/name", COMMIT)
    assert steps[-1] == (
        f'owner/name is not pinned, so it is trusted as it came; pin it: sha256 = "{folder_digest(folder)}"'
    )


def test_what_is_here_is_not_asked_for_again_and_a_change_is_refused(hub: HubState, tmp_path: Path) -> None:
    folder = ensure_model("owner/name", sources(tmp_path))
    hub.asked.clear()
    off = ModelSources(tmp_path / "cache", wheels=False)
    assert ensure_model("owner/name", off) == folder
    assert hub.asked == []
    (folder / "tokenizer.json").write_bytes(b'{"other": 1}')
    with pytest.raises(ModelDigestError, match=r"tokenizer\.json: expected sha256 .*delete the folder"):
        ensure_model("owner/name", off)
    with pytest.raises(ModelDigestError, match=r"tokenizer\.json"):
        check_model("owner/name", folder)


def test_a_pin_is_the_digest_of_the_folder_or_of_its_weights(hub: HubState, tmp_path: Path) -> None:
    weights = hashlib.sha256(hub.files["model.bin"]).hexdigest()
    folder = ensure_model("owner/name", sources(tmp_path), expected_sha256=weights)
    assert ensure_model("owner/name", sources(tmp_path), expected_sha256=folder_digest(folder)) == folder
    with pytest.raises(ModelDigestError, match=f"expected sha256 {'0' * 64}; got {folder_digest(folder)}"):
        ensure_model("owner/name", sources(tmp_path), expected_sha256="0" * 64)


def test_a_model_that_does_not_have_its_pin_is_not_kept(hub: HubState, tmp_path: Path) -> None:
    with pytest.raises(ModelDigestError, match=f"expected sha256 {'0' * 64}; got [0-9a-f]{{64}}"):
        ensure_model("owner/name", sources(tmp_path), expected_sha256="0" * 64)
    assert not (tmp_path / "cache" / "owner--name").exists()
    assert not (tmp_path / "cache" / ".partial" / "owner--name").exists()


def test_a_repository_of_another_kind_is_refused_and_not_kept(hub: HubState, tmp_path: Path) -> None:
    hub.files["model.bin"] = b"GGUF" * 500
    with pytest.raises(ModelFormatError, match="expected weights written by CTranslate2"):
        ensure_model("owner/name", sources(tmp_path))
    assert not (tmp_path / "cache" / "owner--name").exists()
    del hub.files["model.bin"]
    with pytest.raises(ModelUnavailableError, match=r"answered 404 for model\.bin"):
        ensure_model("owner/name", sources(tmp_path))


@pytest.mark.parametrize("name", ["owner/absent", "owner/name@absent"])
def test_a_model_that_the_hub_does_not_know_is_one_sentence(hub: HubState, tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelUnavailableError, match=r"answered 404 .*no such model, revision or file"):
        ensure_model(name, sources(tmp_path))


def test_a_gated_model_needs_the_token_and_shows_it_to_the_hub_only(
    hub: HubState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated = True
    with pytest.raises(ModelUnavailableError, match=r"answered 401 .*needs a token in HF_TOKEN"):
        ensure_model("owner/name", sources(tmp_path))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.asked.clear()
    ensure_model("owner/name", sources(tmp_path))
    shown = {path.split("/")[1]: credentials for path, _, credentials in hub.asked}
    assert shown == {"owner": f"Bearer {TOKEN}", "storage": None}


def test_a_transfer_that_broke_off_is_resumed(hub: HubState, tmp_path: Path) -> None:
    hub.cut = 90_000
    with pytest.raises(ModelUnavailableError, match=r"RemoteProtocolError on model\.bin"):
        ensure_model("owner/name", sources(tmp_path))
    hub.cut = 0
    hub.asked.clear()
    folder = ensure_model("owner/name", sources(tmp_path))
    assert ("/storage/model.bin", "bytes=90000-", None) in hub.asked
    assert (folder / "model.bin").read_bytes() == hub.files["model.bin"]


def test_other_bytes_than_announced_are_refused_and_not_resumed(hub: HubState, tmp_path: Path) -> None:
    hub.lie = True
    with pytest.raises(ModelUnavailableError, match=r"sent other bytes for config\.json than it announced"):
        ensure_model("owner/name", sources(tmp_path))
    hub.lie = False
    assert ensure_model("owner/name", sources(tmp_path)).is_dir()


def test_a_hub_that_does_not_answer_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnavailableError, match=r"hub http://127\.0\.0\.1:9: .*ConnectError"):
        ensure_model("owner/name", sources(tmp_path))


def test_a_file_that_does_not_fit_on_the_disk_is_not_begun(
    hub: HubState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from koemori.models import downloads

    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000))
    with pytest.raises(ModelStorageError, match="MB free"):
        ensure_model("owner/name", sources(tmp_path))


@pytest.fixture
def entry(hub: HubState, monkeypatch: pytest.MonkeyPatch) -> CatalogEntry:
    files = tuple(
        ModelFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in hub.files.items()
    )
    made = CatalogEntry(
        "tall", "a model", "whisper-tall", "MIT", "this test", "owner/name", COMMIT, files, (), {}
    )
    monkeypatch.setattr(catalog_module, "catalog", lambda: {"tall": made})
    return made


def test_a_catalogue_model_comes_from_the_hub_at_its_revision(
    entry: CatalogEntry, hub: HubState, tmp_path: Path
) -> None:
    folder = ensure_model("tall", sources(tmp_path))
    check_model("tall", folder)
    assert all(COMMIT in path for path, _, _ in hub.asked if not path.startswith("/storage"))


def test_a_catalogue_model_with_other_bytes_on_the_hub_is_refused(
    entry: CatalogEntry, hub: HubState, tmp_path: Path
) -> None:
    hub.files["vocabulary.json"] = b"{}\n"
    with pytest.raises(ModelDigestError, match=r"vocabulary\.json: expected sha256"):
        ensure_model("tall", sources(tmp_path))
    assert not (tmp_path / "cache" / ".partial" / f"tall-{entry.weights.sha256[:12]}").exists()


def test_without_the_hub_a_catalogue_model_says_how_to_switch_it_on(
    entry: CatalogEntry, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailableError, match=r"hub: not switched on \(\[models\] hub = true\)"):
        ensure_model("tall", ModelSources(tmp_path / "cache", wheels=False))
