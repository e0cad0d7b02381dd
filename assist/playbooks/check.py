"""Checking a playbook before it comes into force: all that is wrong with it, not the first thing only.

Problems keep a playbook out of force: a file that does not fit, a rule that misses one of its own examples
or finds one of its counter-examples. Warnings do not: what a careful author would still want to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from koemori.assist.errors import PlaybookError
from koemori.assist.language import fold
from koemori.assist.matching import Pattern
from koemori.assist.playbooks.files import PlaybookFiles
from koemori.assist.playbooks.lexicon import Lexicon, Rule
from koemori.assist.playbooks.load import DETECTION_LOCALE, load_locales
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.rules import utterance
from koemori.assist.types import Severity

_ENGLISH: Final = "en"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing about a playbook.

    Attributes:
        level: `problem` or `warning`.
        code: What kind of thing, stable.
        file: Relative to the playbook's folder, or the folder itself.
        line: From 1; None when it is about the whole file.
        rule_id: The rule concerned, if one is.
        expected: What should be there.
        came: What is there.
    """

    level: Literal["problem", "warning"]
    code: str
    file: str
    line: int | None
    rule_id: str | None
    expected: str
    came: str

    @property
    def place(self) -> str:
        """File and line."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    @property
    def summary(self) -> str:
        """Where and what kind of thing, without a word of the file: for logs and for whoever may ask."""
        rule = "" if self.rule_id is None else f"{self.rule_id}: "
        return f"{self.place}: {rule}{self.code}"

    def __str__(self) -> str:
        rule = "" if self.rule_id is None else f"{self.rule_id}: "
        return f"{self.place}: {rule}expected {self.expected}; got {self.came}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A playbook folder and what was found about it."""

    notes: tuple[Note, ...]
    playbooks: Mapping[str, Playbook]
    """In each language it has words in. Whole only where there are no problems."""

    @property
    def problems(self) -> tuple[Note, ...]:
        """What keeps it out of force."""
        return tuple(note for note in self.notes if note.level == "problem")

    @property
    def warnings(self) -> tuple[Note, ...]:
        """What does not."""
        return tuple(note for note in self.notes if note.level == "warning")

    @property
    def playbook(self) -> Playbook:
        """The playbook with its Japanese words."""
        return self.playbooks[DETECTION_LOCALE]


def check_playbook(directory: Path) -> Checked:
    """Read every file of a playbook and run each rule's own examples and counter-examples."""
    refused: list[PlaybookError] = []
    files = PlaybookFiles.read(directory, refused.append)
    playbooks = load_locales(files)
    playbook = playbooks[DETECTION_LOCALE]
    broken = [_refusal(error, directory) for error in refused]
    notes = [*broken, *_examples(playbook.lexicon)]
    if not broken:
        # Of what could not be read it cannot be said what is missing or used.
        notes += [*_authorship(playbook), *_careless(playbook.lexicon), *_unused(playbook)]
        notes += _untranslated(playbook, playbooks.get(_ENGLISH))
    return Checked(tuple(notes), playbooks)


def _refusal(error: PlaybookError, directory: Path) -> Note:
    file = Path(error.file)
    place = file.relative_to(directory).as_posix() if file.is_relative_to(directory) else error.file
    return Note("problem", "does-not-fit", place, error.line, None, error.expected, error.came)


def _examples(lexicon: Lexicon) -> Iterator[Note]:
    for rule in lexicon.declared:
        for text in rule.examples:
            if not utterance(text, lexicon).matches([rule]):
                yield _of_rule(
                    "problem", "example-missed", rule, text, f"its example 「{text}」 found", "nothing found"
                )
        for text in rule.counter_examples:
            for match in utterance(text, lexicon).matches([rule]):
                expected, came = f"nothing found in its counter-example 「{text}」", f"「{match.quote}」"
                yield _of_rule("problem", "counter-example-found", rule, text, expected, came)
        yield from _strangers(rule, lexicon)


def _strangers(rule: Rule, lexicon: Lexicon) -> Iterator[Note]:
    """Other rules of the same side that alert on what this rule says is harmless."""
    others = [one for one in lexicon.declared if one.of_agent == rule.of_agent and one.id != rule.id]
    grave = [one for one in others if one.severity >= Severity.WARNING]
    for text in rule.counter_examples:
        for match in utterance(text, lexicon).matches(grave):
            expected = f"no rule to warn about its counter-example 「{text}」"
            came = f"{match.rule.id}, which finds 「{match.quote}」"
            yield _of_rule("warning", "counter-example-of-another", rule, text, expected, came)


def _of_rule(
    level: Literal["problem", "warning"], code: str, rule: Rule, text: str, expected: str, came: str
) -> Note:
    return Note(level, code, rule.origin.file, rule.origin.line_of(text), rule.id, expected, came)


def _authorship(playbook: Playbook) -> Iterator[Note]:
    place = f"{DETECTION_LOCALE}/playbook.toml"
    if not playbook.author:
        yield Note("warning", "no-author", place, None, None, "author, who answers for it", "none")
    if not playbook.changed_at:
        yield Note("warning", "no-date", place, None, None, "changed_at, the day of the change", "none")


def _careless(lexicon: Lexicon) -> Iterator[Note]:
    """Rules without counter-examples, and patterns written twice."""
    first: dict[tuple[bool, str], str] = {}
    for rule in lexicon.declared:
        if not rule.counter_examples:
            expected = "counter_examples, words that must not alert"
            yield _of_rule("warning", "no-counter-example", rule, "", expected, "none")
        seen: set[Pattern] = set()
        for pattern in rule.patterns:
            text, key = pattern.text, (rule.of_agent, pattern.text)
            twice = pattern in seen
            seen.add(pattern)
            if twice or first.setdefault(key, rule.id) != rule.id:
                where = "this rule" if twice else first[key]
                expected = f"the pattern 「{text}」 once"
                yield _of_rule("warning", "duplicate-pattern", rule, text, expected, f"it in {where} as well")


def _unused(playbook: Playbook) -> Iterator[Note]:
    """Mishearings of words that no pattern holds, or that are the word itself; classes nobody names."""
    lexicon = playbook.lexicon
    words = {
        item.surface for pattern in _patterns(lexicon) for atom in pattern.atoms for item in atom.literals
    }
    for meant, heard in lexicon.confusions.items():
        place, line = _find(playbook, "confusions", meant)
        if not any(fold(meant) in word for word in words):
            yield _warning("confusion-unused", place, line, f"a pattern with 「{meant}」", "none")
        for spelling in heard:
            if fold(spelling) == fold(meant):
                yield _warning("confusion-same", place, line, f"another spelling than 「{meant}」", spelling)
    written = "\n".join(
        [*(pattern.text for pattern in _patterns(lexicon)), *(w for c in lexicon.classes.values() for w in c)]
    )
    for name in lexicon.classes:
        if f"<{name}>" not in written:
            place, line = _find(playbook, "classes", name)
            yield _warning("class-unused", place, line, f"a pattern with <{name}>", "none")


def _warning(code: str, place: str, line: int | None, expected: str, came: str) -> Note:
    return Note("warning", code, place, line, None, expected, came)


def _patterns(lexicon: Lexicon) -> Iterator[Pattern]:
    for rule in lexicon.declared:
        yield from (*rule.patterns, *rule.unless)
    for guard in lexicon.guards:
        yield from (*guard.after, *guard.before, *guard.anywhere)
    for patterns in lexicon.topics.values():
        yield from patterns


def _find(playbook: Playbook, table: str, key: str) -> tuple[str, int | None]:
    """The file and line of a key of `[classes]` or `[confusions]`."""
    folder = f"{DETECTION_LOCALE}/lexicon"
    for place, text in playbook.files.items():
        inside = False
        for number, line in enumerate(text.splitlines() if place.startswith(folder) else (), 1):
            if line.startswith("["):
                inside = line.startswith(f"[{table}]")
            elif inside and line.split("=")[0].strip().strip("\"'") == key:
                return place, number
    return folder, None


def _untranslated(playbook: Playbook, english: Playbook | None) -> Iterator[Note]:
    """Words an English desk would see in Japanese, but for those the agent says to the caller."""
    if english is None:
        yield _warning("no-texts", _ENGLISH, None, "texts in English", "no files")
        return
    for ours, theirs in zip(playbook.declared_rules, english.declared_rules, strict=True):
        if ours.why == theirs.why:
            origin = ours.origin
            yield _missing(origin.file, origin.line, ours.id)
    for step, translated in zip(playbook.ladder.steps, english.ladder.steps, strict=True):
        if step.why == translated.why or step.label == translated.label:
            yield _missing(f"{DETECTION_LOCALE}/ladder.toml", None, step.id)
    for item, other in zip(playbook.checklist, english.checklist, strict=True):
        if item.label == other.label:
            yield _missing(f"{DETECTION_LOCALE}/checklist.toml", None, item.id)
    for name, label in playbook.labels.items():
        if english.labels[name] == label:
            yield _missing(f"{DETECTION_LOCALE}/playbook.toml", None, name)


def _missing(place: str, line: int | None, name: str) -> Note:
    return Note("warning", "text-missing", place, line, name, f"its words in {_ENGLISH}/", "none")
