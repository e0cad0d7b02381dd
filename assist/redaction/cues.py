"""What a sentence says about the next words: 「お電話番号は」 announces a phone number."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.redaction.spans import PersonalData

_CUES: Final = {
    PersonalData.PHONE: re.compile(
        r"電話番号|お?電話(?:は|が|を(?:いただけ|教え))|連絡先|携帯|折り返し|(?:番号|電話).{0,6}下[四4]桁"
        r"|下[四4]桁.{0,12}電話"
    ),
    PersonalData.CARD: re.compile(
        r"カード.{0,4}(?:番号|裏|表|下)|クレジット|[一十1][六6]桁|セキュリティコード|有効期限|カードは"
    ),
    PersonalData.NUMBER: re.compile(
        r"(?:注文|契約|お?客様?|顧客|会員|予約|受付|伝票|送り状|証券|口座|保証|製造|管理|登録|加入者|請求|申込|利用|整理"
        r"|問い?合わせ|暗証|シリアル|免許証?|保険証|マイナンバー|契約書|年金)(?:者|書|カード)?の?(?:番号|ナンバー|ID|id)"
        r"|(?<!電話)(?<!郵便)(?<!カードの)(?<!カード)番号|口座|マイナンバー|シリアル"
    ),
    PersonalData.NAME: re.compile(
        r"お?名前|ご?氏名|どちら様|どなた様|どなた|フルネーム|ご?名義|[苗名]字|お?名を"
    ),
    PersonalData.ADDRESS: re.compile(
        r"住所|届け先|お?住まい|送付先|送り先|配送先|マンション名|建物|番地|部屋番号|郵便番号"
    ),
    PersonalData.POSTCODE: re.compile(r"郵便番号|〒"),
    PersonalData.EMAIL: re.compile(r"メール|メアド|アドレス"),
    PersonalData.BIRTHDATE: re.compile(r"生年月日|誕生日|生まれ"),
}
_CHARACTERS: Final = re.compile("漢字|どのような字|どういう字|どう書|どんな字")


def cues_in(text: str) -> frozenset[PersonalData]:
    """The kinds of personal data that `text` speaks of."""
    found = {kind for kind, cue in _CUES.items() if cue.search(text)}
    if asks_for_characters(text):
        found.add(PersonalData.NAME)
    return frozenset(found)


def asks_for_characters(text: str) -> bool:
    """Whether somebody asks how a name is written."""
    return _CHARACTERS.search(text) is not None


def last_cue(text: str, kind: PersonalData) -> int:
    """Where the last mention of a kind ends in `text`; -1 when there is none."""
    return max((match.end() for match in _CUES[kind].finditer(text)), default=-1)
