"""What is kept of Whisper's own tokenizer suffices for Japanese, and little else is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from koemori.models.catalog import ensure_model
from koemori.models.japanese_tokens import tokens_for_japanese
from koemori.models.trimmed_whisper import TrimmedWhisper
from tokenizers import Tokenizer

pytestmark = pytest.mark.model

SENTENCES = [
    "お電話ありがとうございます、ネットサポートの木村でございます。",
    "先週の月曜から、エアコンの調子が悪いんですけど！",
    "03-1234-5678 にお電話ください。",
    "０３−１２３４−５６７８、２３４５円、１０％です。",
    "「土下座しろ」と言われました…どうすればいいですか？",
    "一万二千三百円で、１０月３日の午後５時から。",
    "ファックスのヴァージョンは ver. 2.1 です。",
    "鰯と鯵と鱧、魑魅魍魎、髙橋さんと山﨑さん。",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(ensure_model("base") / "tokenizer.json"))


@pytest.fixture(scope="module")
def folder() -> Path:
    return ensure_model("base")


@pytest.fixture(scope="module")
def kept(folder: Path) -> frozenset[int]:
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    first_special = min(added["id"] for added in model["added_tokens"] if added["special"])
    return frozenset(tokens_for_japanese(model["model"]["vocab"], first_special))


@pytest.mark.parametrize("sentence", SENTENCES)
def test_japanese_sentences_need_no_token_that_was_left_out(
    tokenizer: Tokenizer, kept: frozenset[int], sentence: str
) -> None:
    tokens = tokenizer.encode(sentence, add_special_tokens=False).ids
    assert [tokenizer.decode([token]) for token in tokens if token not in kept] == []
    assert tokenizer.decode(tokens) == sentence


def test_every_single_byte_is_kept(tokenizer: Tokenizer, kept: frozenset[int]) -> None:
    bytes_kept = [token for token in kept if len(tokenizer.id_to_token(token)) == 1]
    assert len(bytes_kept) == 256


@pytest.mark.parametrize("word", ["안녕하세요", "спасибо", "ขอบคุณ", "شكرا", "ευχαριστώ", "merçi"])
def test_words_in_other_scripts_are_no_tokens_any_more(
    tokenizer: Tokenizer, kept: frozenset[int], word: str
) -> None:
    tokens = tokenizer.encode(word, add_special_tokens=False).ids
    assert any(token not in kept for token in tokens)


@pytest.mark.parametrize(
    "text", ["안녕하세요 спасибо", "Wi-Fi のパスワード", "Galaxyのアンテナ", "Ångström", "🎉"]
)
def test_any_text_can_still_be_spelled(tokenizer: Tokenizer, kept: frozenset[int], text: str) -> None:
    whisper = TrimmedWhisper(None, sorted(kept), tokenizer.id_to_token)
    tokens = whisper.spelled(tokenizer.encode(text, add_special_tokens=False).ids)
    assert set(tokens) <= kept
    assert tokenizer.decode(tokens) == text


def test_most_of_the_tokens_are_gone(tokenizer: Tokenizer, kept: frozenset[int]) -> None:
    assert 0.05 < len(kept) / tokenizer.get_vocab_size() < 0.25
