"""Vocabulary files: what fits, what is refused, merging, and the prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.errors import VocabularyError
from koemori.models.vocabulary import (
    MOST_ENTRIES,
    Entry,
    EntryKind,
    Vocabulary,
    builtin_vocabulary,
    load_vocabulary,
    merge_vocabularies,
    parse_vocabulary,
    prompt_text,
    vocabulary_from_data,
)

pytestmark = pytest.mark.unit

HEAD = 'id = "lamps"\nversion = "3"\nsource = "list"\n'


def parsed(entries: str) -> Vocabulary:
    return parse_vocabulary(HEAD + entries, "lamps.toml")


def test_an_entry_without_reading_takes_the_dictionarys() -> None:
    vocabulary = parsed('[[entry]]\ntext = "無線ルーター"\nkind = "product"\n')
    assert vocabulary.entries == (Entry("無線ルーター", "むせんるーたー", EntryKind.PRODUCT),)


def test_readings_are_kept_in_hiragana_and_texts_in_one_width() -> None:
    vocabulary = parsed('[[entry]]\ntext = "ＸＲ-２００"\nreading = "エックスアールニヒャク"\n')
    assert vocabulary.entries == (Entry("XR-200", "えっくすあーるにひゃく"),)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ('[[entry]]\nkind = "name"\n', "lamps.toml:4, entry 1: expected text (text); got nothing"),
        ('[[entry]]\ntext = ""\n', "entry 1: expected text (text); got an empty text"),
        ('[[entry]]\ntext = "木"\n', "text: expected a word of 2 to 40 characters; got 1"),
        ('[[entry]]\ntext = "木村"\nkind = "person"\n', "expected one of product, name, place"),
        ('[[entry]]\ntext = "木村"\nkind = 3\n', "kind: expected one of"),
        ('[[entry]]\ntext = "木村"\nreading = "Kimura"\n', "reading: expected kana"),
        ('[[entry]]\ntext = "木村"\nweight = 3\n', "expected keys among kind, reading, sounds_like, text"),
        ('[[entry]]\ntext = "木村"\nsounds_like = "木"\n', "sounds_like: expected a list of texts; got str"),
        ('[[entry]]\ntext = "木村"\n\n[[entry]]\ntext = "木村"\n', "lamps.toml:7, entry 2: expected a text"),
        ('[[entry]]\ntext = "木\\n村"\n', "expected a word of one line"),
        ("entry = 3\n", "expected entry to be a list of tables; got int"),
        ("[[entry]\n", "lamps.toml: expected TOML"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(entries: str, sentence: str) -> None:
    with pytest.raises(VocabularyError) as refused:
        parsed(entries)
    assert sentence in str(refused.value)
    assert "木村" not in str(refused.value)


def test_a_file_needs_id_and_version() -> None:
    with pytest.raises(VocabularyError, match=r"lamps\.toml: expected version \(text\)"):
        parse_vocabulary('id = "lamps"\nsource = ""\n', "lamps.toml")


def test_too_many_entries_are_refused() -> None:
    rows = [{"text": f"商品{number}", "reading": "しょうひん"} for number in range(MOST_ENTRIES + 1)]
    with pytest.raises(VocabularyError, match=f"at most {MOST_ENTRIES} entries"):
        vocabulary_from_data({"id": "x", "version": "1", "source": "", "entry": rows})


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="a file that can be read"):
        load_vocabulary(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(VocabularyError, match="expected UTF-8"):
        load_vocabulary(tmp_path / "binary.toml")


def test_a_file_is_read_and_survives_the_way_to_a_worker(tmp_path: Path) -> None:
    path = tmp_path / "lamps.toml"
    path.write_text(
        HEAD + '[[entry]]\ntext = "久保"\nkind = "name"\nsounds_like = ["クボ"]\n', encoding="utf-8"
    )
    vocabulary = load_vocabulary(path)
    assert vocabulary.entries == (Entry("久保", "くぼ", EntryKind.NAME, ("クボ",)),)
    assert vocabulary_from_data(json.loads(json.dumps(vocabulary.to_data()))) == vocabulary


def test_a_later_file_wins_and_known_mishearings_add_up() -> None:
    first = Vocabulary(
        "a", "1", "one", (Entry("木村", "きむら", EntryKind.NAME, ("来村",)), Entry("灯り", "あかり"))
    )
    second = Vocabulary("b", "2", "two", (Entry("木村", "きむら", EntryKind.PRODUCT, ("木邑",)),))
    merged = merge_vocabularies(first, second)
    assert (merged.vocabulary_id, merged.version, merged.source) == ("a+b", "1+2", "one; two")
    assert merged.entries[0] == Entry("木村", "きむら", EntryKind.PRODUCT, ("来村", "木邑"))
    assert len(merged.entries) == 2


def test_the_words_that_ship_are_abuse_of_three_morae_and_more() -> None:
    vocabulary = builtin_vocabulary()
    assert {entry.kind for entry in vocabulary.entries} == {EntryKind.ABUSE}
    assert "土下座" in {entry.text for entry in vocabulary.entries}
    assert all(len(entry.reading) >= 3 for entry in vocabulary.entries)


def test_the_prompt_puts_products_first_and_leaves_abuse_out() -> None:
    vocabulary = Vocabulary(
        "a", "1", "", (Entry("土下座", "どげざ", EntryKind.ABUSE), Entry("木村", "きむら", EntryKind.NAME),
                      Entry("炊飯器", "すいはんき", EntryKind.PRODUCT)),
    )  # fmt: skip
    assert prompt_text(vocabulary) == "炊飯器、木村。"
    assert prompt_text(vocabulary, kinds=(EntryKind.ABUSE,)) == "土下座。"
    assert prompt_text(vocabulary, 4) == "炊飯器。"
    assert prompt_text(vocabulary, 2) == ""


@given(st.lists(st.text(alphabet="あいうえお", min_size=2, max_size=9), unique=True), st.integers(0, 60))
def test_the_prompt_keeps_its_budget_and_is_always_the_same(texts: list[str], budget: int) -> None:
    vocabulary = Vocabulary("a", "1", "", tuple(Entry(text, text) for text in texts))
    prompt = prompt_text(vocabulary, budget)
    assert len(prompt) <= budget
    assert prompt == prompt_text(vocabulary, budget)
    assert set(prompt.rstrip("。").split("、")) <= {*texts, ""}
