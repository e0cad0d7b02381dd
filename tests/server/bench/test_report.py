"""The report is one page that stands alone, whatever results it is given."""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from koemori.server import cli
from koemori.server.bench.report import page, read_result
from koemori.server.commands import exits
from koemori.server.commands.exits import UnusableInputError

from tests.fakes import bench_results as results

pytestmark = pytest.mark.unit

MAKERS = (
    results.latency,
    results.capacity,
    results.long_latency,
    results.accuracy,
    results.peers,
)


class Reader(HTMLParser):
    """Ids, references and elements that are open, of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.asked_for: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href"):
                self.asked_for.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def written(folder: Path, *made: dict[str, Any]) -> list[Path]:
    paths = [folder / f"{number}.json" for number in range(len(made))]
    for path, result in zip(paths, made, strict=True):
        path.write_text(json.dumps(result), encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    made = [make() for make in MAKERS] + [results.capacity("off")]
    return page([read_result(path) for path in written(tmp_path_factory.mktemp("results"), *made)])


def test_a_page_stands_alone_and_is_well_formed(whole: str) -> None:
    read = Reader(whole)
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert all(place.startswith("#") and place[1:] in read.ids for place in read.asked_for)
    assert "<script" not in whole
    assert "@import" not in whole


def test_every_kind_of_result_has_its_section_and_chart(whole: str) -> None:
    for title in (
        "What was asked",
        "One call at a time",
        "Many calls at once",
        "A call of 60 minutes",
        "Text",
        "Other servers, same weights, audio and cores",
        "Machines and versions",
    ):
        assert f"<h2>{title}</h2>" in whole
    assert whole.count("<svg") == 13
    assert whole.count("✓ met") >= 20


def test_text_that_finals_word_otherwise_and_systems_that_failed_are_said_openly(whole: str) -> None:
    assert "24 (40%) the final does not begin with that text" in whole
    assert "What failed" in whole
    assert "timed out" in whole


def test_what_results_say_is_escaped(whole: str) -> None:
    assert "A &lt;fast&gt; one" in whole
    assert "<fast>" not in whole


@pytest.mark.parametrize("make", MAKERS)
def test_one_result_is_enough(tmp_path: Path, make: Any) -> None:
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    text = page([read_result(path) for path in written(tmp_path, make())])
    assert "open</span>" in text


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    read = [read_result(path) for path in written(tmp_path, results.latency())]
    assert page(read) == page(read)


@pytest.mark.parametrize(
    ("text", "came"),
    [
        (None, "no such file"),
        ("{", "something that is not JSON"),
        ("[]", "another file"),
        ('{"a": 1}', "another file"),
        ('{"bench": "detectors"}', "bench detectors"),
    ],
)
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, text: str | None, came: str) -> None:
    path = tmp_path / "r.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UnusableInputError, match=f"r.json: expected a result of bench .*; got {came}"):
        read_result(path)


def test_a_result_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="one without 'speed'"):
        page([read_result(path) for path in written(tmp_path, {"bench": "latency"})])


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnusableInputError, match=r"pip install 'koemori\[bench\]'"):
        page([read_result(path) for path in written(tmp_path, results.latency())])


def test_the_command_writes_the_page(tmp_path: Path, whole: str, capsys: pytest.CaptureFixture[str]) -> None:
    paths = written(tmp_path, results.latency(), results.accuracy())
    out = tmp_path / "new" / "report.html"
    assert cli.run(["bench", "report", *map(str, paths), "--out", str(out)]) == exits.OK
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "2 results" in capsys.readouterr().err
