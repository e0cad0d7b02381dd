"""Where it happened: a room, a shop, a town; 「自宅」 and 「書斎」 said apart make 「自宅の書斎」."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.clauses import clauses_of, trimmed
from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.restatement import restated
from koemori.assist.timewords import time_words
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_NAMED: Final = re.compile(
    r"((?:[一-龥々ァ-ヴーA-Za-z]){1,8}(?:支店|支社|支所|支部|出張所|本店|本社|号店|営業所|ショールーム|駅前店|交差点|公園|高速道路|空港|(?<=[一-龥ァ-ヴー])ホテル|旅館|温泉|スキー場|キャンプ場|式場|斎場|体育館|プラザ|駐輪場|(?<=[一-龥ァ-ヴー])駐車場|市役所|区役所|病院|医院|クリニック|百貨店|モール|スタジアム|会館|ホール|団地|教室|校(?![一-龥])|大橋|橋(?![一-龥])|インター|サービスエリア|ターミナル|店(?!員|長|舗|の人|頭)|市(?!民|場|販|外)|区(?!別|間)|町(?!内)|村(?![一-龥])|駅))(?=[でのにへをがはも、。]|から|まで|$)"
)
_NAMED_ENDS: Final = (
    *("交差点", "公園", "駐輪場", "駐車場", "ホテル", "旅館", "式場", "斎場", "プラザ"),
    *("店", "駅", "営業所", "ショールーム", "支社", "支所", "支部", "出張所", "空港", "市役所", "区役所"),
    *(
        "病院",
        "クリニック",
        "モール",
        "スタジアム",
        "教室",
        "校",
        "橋",
        "インター",
        "サービスエリア",
        "ターミナル",
    ),
)
_NO_NAMES: Final = frozenset(
    (
        *(
            "お店",
            "店",
            "本店",
            "当店",
            "他店",
            "同店",
            "貴店",
            "全店",
            "各店",
            "売店",
            "来店",
            "閉店",
            "開店",
            "出店",
        ),
        *(
            "代理店",
            "飲食店",
            "量販店",
            "専門店",
            "喫茶店",
            "百貨店",
            "支店",
            "本社",
            "支社",
            "御社",
            "空港",
            "病院",
        ),
        *(
            "学校",
            "教室",
            "本校",
            "当校",
            "高校",
            "中学校",
            "小学校",
            "登校",
            "下校",
            "都市",
            "地区",
            "市",
            "区",
            "町",
        ),
        *("最寄駅", "最寄り駅", "歩道橋"),
    )
)
_HOME_ROOMS: Final = frozenset(
    (
        "書斎",
        "台所",
        "キッチン",
        "居間",
        "リビング",
        "寝室",
        "浴室",
        "風呂場",
        "お風呂",
        "洗面所",
        "子供部屋",
        "子ども部屋",
    )
)
_STRONG: Final = ("自宅", "台所", "キッチン", "浴室", "書斎", "玄関", "駐車場")
_HOME: Final = {
    "家": "自宅", "うち": "自宅", "お宅": "自宅", "引っ越し先": "新居", "引越し先": "新居", "引越先": "新居",
    "新しい家": "新居", "新しい部屋": "新居", "新しい住まい": "新居",
}  # fmt: skip
_BECAME: Final = re.compile("^(?:に|へ)(?:な[っり]|変[わえ]|し[たて])|^付き")
"""「普通の和室になっている」 tells what it is, not where."""
_OF_IT: Final = re.compile(
    r"^(?:の(?!台所|居間|玄関|庭|前|中|部屋|風呂|トイレ|近く|駐車場|受付|廊下|二階|一階)|(?:です|だ)?って|として|と)"
)
"""「会社の保険」, 「嘘をつく会社って」: whose it is or what it is called, not where it was."""
_OF_YOURS: Final = re.compile(
    r"(?:君|きみ|お前|あなた|あんた|おたく|お宅|そちら|そっち|その|この|どこの)の?$"
)
_WEAK: Final = frozenset(("会社", "家", "うち", "学校", "駅", "病院", "アプリ", "施設", "会場", "窓口"))
"""Said of much besides the place of the trouble."""
_AT_HOME: Final = frozenset(("自宅", "実家", "新居", "アパート", "マンション"))
_ELSEWHERE: Final = frozenset(
    (
        "レジ",
        "売り場",
        "売場",
        "受付",
        "客室",
        "ロビー",
        "待合室",
        "フロント",
        "カウンター",
        "改札",
        "ホーム",
        "機内",
        "店内",
        "会計",
        "搭乗口",
        "ゲート",
        "待合",
        "診察室",
        "レジ前",
        "サービスカウンター",
        "更衣室",
        "ロッカー",
        "教室",
        "スタジオ",
    )
)
"""Rooms that no home has."""
_CONTACT: Final = re.compile(
    r"^(?:は|が|の(?:電話|番号))[、は]{0,2}[0-9〇零一二三四五六七八九]{2}|^の[0-9〇]{2}|^の電話"
)
_BROUGHT: Final = re.compile(
    r"^(?:へ|まで|に)[^。]{0,12}(?:届け|伺|うかが|送|持ち|参り|派遣|訪問)[ぁ-ん]{0,6}ます"
)
_THREATENS: Final = re.compile(
    r"住ん(?:ど|で)る|から通[うっ]|叩き|割って|壊し|燃や|乗り込|殴|待っとけ|待ち伏せ|行くから|行くぞ|頭(?:を)?下げ|来い|来て、"
)
_PLACED: Final = re.compile(
    r"^(?P<what>(?:[一-龥々ァ-ヴーA-Za-z0-9ぁ-ん]{1,10}の){0,2}[一-龥々ァ-ヴーA-Za-z0-9]{2,10})(?:です|だ|でした|かな|ですね|で、|で$)"
)
_SHOP: Final = re.compile(
    r"([一-龥々ァ-ヴー]{2,6}の(?:お店|店舗|店|支店|営業所|会場|工場|窓口))(?=で|に|から|の|、)"
)
_EARLY: Final = 5
_DIGITS: Final = 4
_GREETING_TURNS: Final = 2
_AT_THE_FIRM: Final = 0.3
_VENUES: Final = (
    "ホテル|旅館|病院|医院|クリニック|歯科|薬局|美容室|美容院|ジム|フィットネス|"
    "スクール|教室|劇場|映画館|シネマ|レストラン|食堂|居酒屋|図書館|遊園地|水族館|"
    "動物園|デイサービス|式場|スキー場|ゴルフ場|キャンプ場|プール|サロン|保育園|"
    "幼稚園"
)
_VENUE: Final = re.compile(
    rf"(?:(?<![ぁ-ん一-龥ァ-ヴー])[一-龥々ァ-ヴー]{{1,10}}?)?(?:{_VENUES})(?:[一-龥々ァ-ヴー]{{1,5}}(?:校|店|院|館))?"
)
"""The firm by its name: 「明星スクール駅南校」."""
_ARRIVED: Final = re.compile(
    "^(?:に|へ)?(?:着い|行っ(?:た|て)|入っ(?:た|て)|泊ま|寄っ|戻っ(?:た|て)|置い|届い)"
)
_EXPLAINED: Final = re.compile(
    "受け取って|見つかり|見つかった|ありました|置いてた|置いてあ|入ってました|勘違い"
)
"""Where a thing was found, not where the trouble was."""
_VISITED: Final = re.compile(
    "泊ま|宿泊|予約(?:し(?:た(?!い)|て)|を取)|授業|行っ(?:た|て)|行きました|来店|通っ(?:て|た)|受診|お世話になっ|診て|入院|入っ(?:た|て)|寄っ|利用した|食べた|食べに|見に"
)
_FOLLOWED: Final = r"(?=で|の|に|から|へ|まで|は|が|を|、|。|$|行っ)"


class WhereExtractor:
    """Reads `where`."""

    name = "where"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        words = playbook.case_words
        self._outer = _pattern(words.places_outer)
        self._inner = _pattern(words.places_inner, of_kanji=True)
        self._trouble = words.trouble
        self._turns = 0
        self._venue = ""
        self._parts: dict[str, tuple[str, float, str]] = {}

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for places in the newest utterance."""
        agent = heard.speaker is ChannelRole.AGENT
        self._turns += 1
        if agent and len(call.heard) <= _GREETING_TURNS and (venue := _VENUE.search(heard.text)):
            self._venue = venue.group()
        text = heard.text if not agent else (restated(heard.text) or _about_home(heard.text))
        if not text:
            return []
        asked = _asked(heard, call)
        if not agent and (_THREATENS.search(text) or (self._turns > _EARLY and _EXPLAINED.search(text))):
            return []
        confidence = 0.7 if agent else 0.6 if asked else 0.5
        changed = self._note("named", _named(text) or _shop(text), confidence, heard)
        answer = _placed(text) if asked and not agent and not self._parts else None
        changed |= self._note("named", answer, 0.45, heard)
        outer_place = _first(self._outer, text, answer=agent or asked)
        inner_place = _first(self._inner, text)
        sure = agent or asked or inner_place is not None or self._tells_trouble(text)
        if not sure and outer_place in (*_WEAK, "自宅", "実家"):
            outer_place = None
        changed |= self._note("outer", outer_place, confidence, heard)
        changed |= self._note("inner", inner_place, confidence, heard)
        if not changed:
            return self._visited(heard, agent=agent)
        named, outer, inner = (self._parts.get(kind) for kind in ("named", "outer", "inner"))
        if outer is not None and inner is not None:
            if outer[0] in _AT_HOME and inner[0] in _ELSEWHERE:
                outer, inner = (None, inner) if inner[1] > outer[1] else (outer, None)
            elif inner[0] in outer[0]:
                inner = None
        if named is not None and inner is not None and inner[0] in named[0]:
            inner = None
        parts = [part for part in (outer if named is None else named, inner) if part is not None]
        value = "の".join(part[0] for part in parts)
        if named is not None and outer is not None and outer[0].endswith(("新居", "自宅")):
            value = f"{outer[0]}({named[0]})"
            parts = [outer, named]
        elif len(parts) == 1 and value in _HOME_ROOMS:
            value = f"自宅の{value}"
        ids = tuple(dict.fromkeys(part[2] for part in parts))
        return [FieldProposal("where", value, max(part[1] for part in parts), ids)]

    def _tells_trouble(self, text: str) -> bool:
        """Early in the call a place is that of the matter; later only beside words of trouble."""
        folded = fold(text).text
        return self._turns <= _EARLY or any(pattern.search(folded) for pattern in self._trouble)

    def _visited(self, heard: Heard, *, agent: bool) -> list[FieldProposal]:
        """Who stayed at the hotel that was called had the trouble there, if no place is told."""
        if agent or not self._venue or self._parts or not _VISITED.search(heard.text):
            return []
        return [FieldProposal("where", self._venue, _AT_THE_FIRM, (heard.utterance_id,))]

    def _note(self, kind: str, found: str | None, confidence: float, heard: Heard) -> bool:
        old = self._parts.get(kind)
        if found is None or (old is not None and (old[0] == found or old[1] >= confidence)):
            return False
        self._parts[kind] = (found, confidence, heard.utterance_id)
        return True


def _pattern(words: tuple[str, ...], *, of_kanji: bool = False) -> re.Pattern[str]:
    """Places; with `of_kanji` also 「到着ロビー」, a foreign word with its kind before it."""
    choices = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    if of_kanji:
        foreign = "|".join(re.escape(word) for word in words if re.fullmatch("[ァ-ヴー]+", word))
        choices = f"[一-龥]{{2,3}}(?:{foreign})|{choices}"
    return re.compile(f"(?<![一-龥])(?:ご)?({choices}){_FOLLOWED}")


def _first(pattern: re.Pattern[str], text: str, *, answer: bool = True) -> str | None:
    """The first place; unasked, 「会社に」 and 「家まで」 say where to go, not where it happened."""
    for match in pattern.finditer(text):
        word = match.group(1)
        after = text[match.end() :]
        if (
            not answer
            and not _ARRIVED.match(after)
            and after.startswith(("に", "へ", "まで", "が", "は", "を"))
            and word not in _STRONG
        ):
            continue
        if (
            _BECAME.match(after)
            or _CONTACT.match(after)
            or _BROUGHT.match(after)
            or (word in _WEAK and _OF_IT.match(after))
        ):
            continue
        if word == "受付" and re.match("の(?:人|子|方|女|男|お|担当|者)", after):
            return word
        if word == "会社" and _OF_YOURS.search(text[: match.start()]):
            continue
        if word in ("うち", "家") and (
            not after.startswith(("で", "に", "へ", "から", "まで")) or text[: match.start()].endswith("の")
        ):
            continue
        return _place_before(text[: match.start(1)]) + _HOME.get(word, word)
    return None


def _named(text: str) -> str | None:
    """「戸塚店」, 「厚木の柳橋」, 「宇都宮市の鶴田町」."""
    found, end = "", -1
    for match in _NAMED.finditer(text):
        name = match.group(1)
        if name in _NO_NAMES:
            continue
        words = words_of(name)
        whole = len(words) == 1 and words[0].is_place and name.endswith("橋")
        if not words or whole or not (words[0].is_place or name.endswith(_NAMED_ENDS)):
            continue
        if not found:
            found = _place_before(text[: match.start()]) + name
        elif text[end : match.start()] in ("", "の", "、", "の、"):
            found = f"{found}の{name}"
        else:
            break
        end = match.end()
    return found or None


def _shop(text: str) -> str | None:
    """「川越の店で」: a town and what stands there."""
    match = _SHOP.search(text)
    return match.group(1) if match and words_of(match.group(1))[0].is_place else None


def _placed(text: str) -> str | None:
    """The answer to 「どちらで」: 「炎上の塔の四十階です」."""
    match = _PLACED.match(trimmed(clauses_of(text)[0].text) + "です") if clauses_of(text) else None
    if match is None or time_words(match.group("what")):
        return None
    words = words_of(match.group("what"))
    if sum(character.isdigit() for character in match.group("what")) >= _DIGITS:
        return None
    of_people = any(word.kind[2] == "人名" for word in words)
    return None if of_people or words[-1].kind[0] not in ("名詞", "接尾辞") else match.group("what")


def _place_before(text: str) -> str:
    """「船橋の」 before 「新居」, 「厚木の、」 before 「柳橋」."""
    department = re.search(r"(?<![一-龥])[一-龥]{1,4}(?:科|課|売り場|売場)の$", text)
    if department:
        return department.group()
    match = re.search(r"([一-龥々ァ-ヴー]{2,6})の、?$", text)
    words = words_of(match.group(1)) if match else ()
    return f"{match.group(1)}の" if match and words and all(word.is_place for word in words) else ""


def _about_home(text: str) -> str | None:
    return text if "ご自宅" in text else None


def _asked(heard: Heard, call: CallView) -> bool:
    question = next((item for item in call.before(heard) if item.speaker is ChannelRole.AGENT), None)
    return question is not None and bool(
        re.search(
            "どちら(?!様)|どこ|店舗|場所|住所|どのステージ|どの(?:駅|店|階|部屋|売り?場|教室|区間)",
            fold(question.text).text,
        )
    )
