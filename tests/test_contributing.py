"""Follow CONTRIBUTING.md step by step: the guidance rule shows up, the detector finds, its tests pass."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from koemori.assist import detectors, engine
from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.types import Alert, CallFacts, Guidance, Heard, Tick
from koemori.audio.call import ChannelRole

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
DATA = "assist/playbooks/data/"
BLOCK = re.compile(r"^```\w+ (file|append|test)=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> dict[tuple[str, str], str]:
    """The page's code blocks that name a file, by what to do and where."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return {(match[1], match[2]): match[3] for match in BLOCK.finditer(text)}


@pytest.fixture
def playbook_with_the_rule(tmp_path: Path) -> Path:
    """The built-in playbook with the page's TOML written where the page says."""
    data = tmp_path / "data"
    shutil.copytree(ROOT / DATA, data)
    for (action, place), text in blocks().items():
        if place.startswith(DATA):
            target = data / place.removeprefix(DATA)
            before = target.read_text(encoding="utf-8") + "\n" if action == "append" else ""
            target.write_text(before + text, encoding="utf-8")
    return data


@pytest.mark.parametrize(("locale", "words"), [("ja", "領収書は一週間ほどで"), ("en", "in about a week")])
def test_the_guidance_rule_comes_up_when_its_words_are_said(
    playbook_with_the_rule: Path, locale: str, words: str
) -> None:
    facts = CallFacts("01J00000000000000000000000", locale=locale)
    call = AssistEngine(facts, load_playbook(locale, playbook_with_the_rule))
    events = call.push(Heard("1-0", ChannelRole.CUSTOMER, 0, 2_000, "領収書をもらえますか"))
    said = [event.say for event in events if isinstance(event, Guidance)]
    assert any(words in say for say in said)


def module_from(source: str, place: Path) -> ModuleType:
    """Import the page's detector as if it lay in the tree."""
    place.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(place.stem, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_detector_and_its_tests_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = blocks()["file", "assist/detectors/silent_call.py"]
    module = module_from(source, tmp_path / "silent_call.py")
    monkeypatch.setattr(engine, "DETECTORS", (*detectors.DETECTORS, module.SilentCallDetector))
    playbook = load_playbook()

    names: dict[str, Any] = {
        "new_engine": lambda: AssistEngine(CallFacts("01J00000000000000000000000"), playbook),
        "alerts": lambda events: [event for event in events if isinstance(event, Alert)],
        "Heard": Heard,
        "Tick": Tick,
        "ChannelRole": ChannelRole,
    }
    exec(blocks()["test", "tests/assist/test_silent_call.py"], names)  # noqa: S102 -- our own page
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()
