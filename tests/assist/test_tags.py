"""Tags of a case, and whether a record has to be kept."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.tag_rules import TagRules, read_tags
from koemori.assist.playbooks.toml_table import parse_toml
from koemori.assist.tags import Ids, Tagger
from koemori.assist.types import Category, FieldValue, RecordKeeping

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit


def tagger(*said: str) -> Tagger:
    conversation, tagger = Conversation(), Tagger(shipped_playbook().tags)
    for text in said:
        tagger.observe(conversation.c(text))
    return tagger


def ids(kind: str, categories: tuple[Category, ...] = (), complaint: bool = True, **values: str) -> list[str]:
    fields = {name: FieldValue(value, 0.6, ("u0",)) for name, value in values.items()}
    found = tagger().tags(fields, dict.fromkeys(categories, ()), complaint=complaint)
    return [tag.id for tag in found if tag.kind == kind]


@pytest.mark.parametrize(
    ("demand", "tags"),
    [
        ("宿泊代も返してください", ["refund"]),
        ("壁を元どおりに直してください", ["repair"]),
        ("引き取って全額返金してもらえますか", ["refund"]),
        ("謝罪「家に来て娘の前で土下座しろ」", ["apology"]),
        ("金品「30万だ」", ["compensation"]),
        ("社長から私に直接電話させなさい", ["supervisor"]),
        ("今どうなってるのかを教えてください", ["explanation"]),
        ("フォロワー8万人いるんで", ["other"]),
    ],
)
def test_what_is_demanded_is_tagged(demand: str, tags: list[str]) -> None:
    assert ids("demand_type", demand=demand) == tags


@pytest.mark.parametrize(
    ("about", "tag"),
    [
        ("棚板が抜けて本が落ちてきた", "quality"),
        ("荷物が四時間も遅れて来た", "delivery"),
        ("店員の態度", "service"),
        ("冷蔵庫の利用分を請求された", "billing"),
        ("アプリにログインできない", "system"),
        ("契約の時に聞いていない", "explanation"),
        ("窓口をたらい回しにされた", "waiting"),
        ("住所を勝手に他人に教えられた。個人情報だ", "personal_data"),
    ],
)
def test_the_cause_is_tagged(about: str, tag: str) -> None:
    assert tag in ids("cause", about_what=about)


def test_a_call_without_a_complaint_has_no_cause() -> None:
    assert ids("cause", complaint=False, about_what="水漏れ") == []


def test_an_empty_field_has_no_tag_and_an_unknown_one_is_other() -> None:
    assert ids("product_group") == []
    assert ids("product_group", product="金継ぎキット") == ["other"]


def test_categories_gather_into_the_types_of_the_ministry() -> None:
    assert ids("ministry", (Category.DETENTION, Category.SNS)) == ["long_detention", "internet"]


def test_every_tag_names_its_utterances() -> None:
    fields = {"demand": FieldValue("返金してください", 0.6, ("u3",))}
    assert [tag.utterance_ids for tag in tagger().tags(fields, {}, complaint=True)] == [("u3",)]


def test_a_type_of_the_ministry_names_the_utterances_of_all_its_categories_once() -> None:
    shown = {Category.THREAT: ("u2", "u5"), Category.VIOLENCE: ("u5", "u6")}
    tags = {tag.id: tag.utterance_ids for tag in tagger().tags({}, shown, complaint=True)}
    assert set().union(*map(set, tags.values())) == {"u2", "u5", "u6"}
    assert all(len(set(ids)) == len(ids) for ids in tags.values())


def kept(
    *said: str, harassment: Ids | None = None, complaint: Ids | None = None, promise: Ids | None = None
) -> RecordKeeping | None:
    return tagger(*said).record_keeping(harassment=harassment, complaint=complaint, promise=promise)


def test_terms_of_payment_have_to_be_kept_and_opening_hours_need_not() -> None:
    terms = kept("分割の支払いの条件を知りたいんですが")
    hours = kept("今日は営業時間は何時までですか")
    assert terms is not None
    assert (terms.required, terms.rule_id) == (True, "payment_terms")
    assert hours is not None
    assert (hours.required, hours.rule_id) == (False, "opening_hours")
    assert terms.reason
    assert hours.reason
    assert hours.utterance_ids == ("u0",)


def test_what_has_to_be_kept_outweighs_what_need_not() -> None:
    decided = kept("営業時間は何時までですか", "あと、解約の手続きを教えてください")
    assert decided is not None
    assert decided.required


@pytest.mark.parametrize("reason", ["harassment", "complaint", "promise"])
def test_harassment_complaints_and_promises_have_to_be_kept(reason: str) -> None:
    decided = kept(**{reason: ("u1", "u4")})
    assert decided is not None
    assert decided.utterance_ids == ("u1", "u4")
    assert (decided.required, decided.rule_id) == (True, reason)


def test_what_no_criterion_decides_is_left_to_a_person() -> None:
    assert kept("殺虫剤の使い方を知りたいんです") is None


def test_a_playbook_without_rules_tags_nothing() -> None:
    empty = Tagger(TagRules())
    assert empty.tags({"demand": FieldValue("返金", 0.6, ())}, {Category.SNS: ("u1",)}, complaint=True) == ()
    assert empty.record_keeping(harassment=(), complaint=(), promise=()) is None


def test_every_rule_states_its_source() -> None:
    text = (files("koemori.assist.playbooks") / "data" / "ja" / "tags.toml").read_text("utf-8")
    for tables in tomllib.loads(text).values():
        assert all(table["source"] and table["version"] >= 1 for table in tables)


def test_a_criterion_by_words_without_words_is_refused() -> None:
    text = '[[record]]\nid = "x"\nlabel = "x"\nreason = "x"\nsource = "x"\nwhen = "words"\n'
    with pytest.raises(PlaybookError, match="any"):
        read_tags(parse_toml(Path("tags.toml"), text.encode()))
