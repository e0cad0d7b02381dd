"""Who is dissatisfied: the caller, or the caller and somebody the trouble fell on."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.clauses import clauses_of
from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.audio.call import ChannelRole

_SELF: Final = "本人"
_CALLED: Final = {
    "親父": "父", "おやじ": "父", "パパ": "父", "お袋": "母", "おふくろ": "母", "ママ": "母",
    "ばあちゃん": "祖母", "婆さん": "祖母",
    "おばあちゃん": "祖母", "じいちゃん": "祖父",
    "爺さん": "祖父", "おじいちゃん": "祖父",
    "女房": "妻", "かみさん": "妻", "奥さん": "妻", "嫁": "妻", "家内": "妻", "主人": "夫", "旦那": "夫",
    "倅": "息子", "せがれ": "息子", "上の子": "子ども", "下の子": "子ども", "うちの子": "子ども",
    "子": "子ども", "子供": "子ども",
}  # fmt: skip
_ASIDE: Final = re.compile(
    "子どもの使い|子供の使い|子供じゃ|子どもじゃ|親父ギャグ|に申し訳|の世話|のところに|にも?(言って|伝えて|話して)"
)
_POSSESSED: Final = re.compile(
    "(?:母|父|主人|夫|妻|息子|娘|家内|旦那|嫁)の(?:やつ|携帯|番号|電話|スマホ|ほう|名義)?(?:だ|です|でした|だった|や)(?:$|[。、ねよわ])"
)
"""「これ主人のだ」: whose number it is, not whose trouble."""
_CALLER_IS: Final = re.compile(
    r"^(?:です|でございます|だけど|だが|ですけど|ですが|と申|といい|なんです(?:けど|が))"
)
"""「手塚の母です」 is the caller."""
_NO_KIN: Final = re.compile("(?:受付|店員|担当|係|店|窓口|バイト|レジ|その|あの|この)の?$")
_PETS: Final = frozenset(("犬", "猫"))
_FOUND_BY: Final = re.compile("受け取っ|見つけ|置いて(?:い)?た|預かって(?:い)?た|頼んで(?:い)?た")
_FEELS: Final = re.compile(
    "泣|怒|悲し|困|悔し|がっかり|怖が|落ち込|言った|言って|痛|怪我|けが|火傷|眠れ|出られな|食べられな|できな|つら|苦し|楽しみ"
)
_AT_ONCE: Final = 2
_SORRY: Final = re.compile(
    "(?:ご不便|ご迷惑|ご心配|ご不快|不快な思い|ご面倒).{0,12}(?:おかけ|申し訳|させて|恐れ入)"
)
_PROXY: Final = re.compile("(知り合い|知人|友人|友達|仲間|兄弟分)の.{0,8}件|代理(で|人)(電話|とし)")


class PartyExtractor:
    """Reads `who_is_dissatisfied`."""

    name = "party"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        families = "|".join(
            re.escape(word) for word in sorted(playbook.case_words.families, key=len, reverse=True)
        )
        self._family = re.compile(
            rf"(?<![一-龥])(?:お|うちの)?({families})(?:さん)?(?=が|は|の|も|を|だ|や|です|まで|なんか|なんて|って|に(?!聞|相談|確認|代わ|言|頼)|と(?!相談|話)|、|$)"
        )
        self._trouble = playbook.case_words.trouble
        self._grievance = playbook.case_words.grievance
        self._ids: tuple[str, ...] = ()
        self._others: list[str] = []

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Note the caller at the first complaint, and family the trouble fell on."""
        if heard.speaker is ChannelRole.AGENT:
            return self._from_apology(heard, call)
        folded = fold(heard.text).text
        complains = any(pattern.search(folded) for pattern in (*self._trouble, *self._grievance))
        if _PROXY.search(folded) and not self._ids:
            self._ids = (heard.utterance_id,)
            return [FieldProposal("who_is_dissatisfied", "知人の代理", 0.6, self._ids)]
        if not complains and not self._ids:
            return []
        told = [
            (self._suffers(clause.text), _CALLED.get(match.group(1), match.group(1)))
            for clause in clauses_of(heard.text)
            if not clause.question
            and not _ASIDE.search(clause.text)
            and not _POSSESSED.search(clause.text)
            and not (self._ids and _FOUND_BY.search(clause.text))
            for match in self._family.finditer(clause.text)
            if not _NO_KIN.search(clause.text[: match.start()])
            and not (
                clause.text[: match.start()].endswith("の")
                and _CALLER_IS.match(clause.text[match.end() :] or "です")
            )
        ]
        others = [other for _, other in sorted(told, key=lambda pair: not pair[0])]
        if any(other not in _PETS for other in [*others, *self._others]):
            others = [other for other in others if other not in _PETS]
        others = [other for other in dict.fromkeys(others) if other not in self._others]
        feeling = sum(suffers for suffers, _ in told) > 1
        new = others[: _AT_ONCE if feeling else 1] if len(self._others) < _AT_ONCE else []
        if self._ids and not new:
            return []
        self._others += new
        self._ids = (*self._ids, heard.utterance_id)
        value = "と".join([_SELF, *self._others])
        return [FieldProposal("who_is_dissatisfied", value, 0.6 if self._others else 0.5, self._ids)]

    def _from_apology(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """An agent who is sorry for what was told has heard a complaint, whatever its words."""
        told = next((item for item in call.before(heard) if item.speaker is ChannelRole.CUSTOMER), None)
        if self._ids or told is None or not _SORRY.search(heard.text):
            return []
        self._ids = (told.utterance_id, heard.utterance_id)
        return [FieldProposal("who_is_dissatisfied", _SELF, 0.5, self._ids)]

    def _suffers(self, text: str) -> bool:
        """Whether the clause tells of trouble or of what somebody feels."""
        folded = fold(text).text
        return bool(_FEELS.search(folded)) or any(pattern.search(folded) for pattern in self._trouble)
