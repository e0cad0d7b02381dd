"""What the customer wants done: requests, orders, wishes; the answer to 「どのような対応をご希望」 first."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from koemori.assist.clauses import clauses_of, trimmed
from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.timewords import number_of, time_words
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_ORDER: Final = re.compile(
    r"(しろ|せよ|返せ|よこせ|出せ|払え|来い|こい|代われ|替われ|変われ|やめろ|認めろ|謝れ|詫びろ|書け|持ってこい|みろ|呼べ|直せ|つけろ|させろ|"
    r"くれ|おくれ|けろ|ください|下さい|ちょうだい|頂戴|もらおう(か)?|もらう(わ|よ|ぞ|から)|もらわない(と|かん)|なさい|寄越せ|見せろ|教えろ|入れろ|届けろ|変えろ|取りに来い|し直せ|戻せ|戻しなさい|(?<!る)(?<!く)(?<!う)せえ|言うてみい|行かせ|(?:て|で)おけ|とけ|ておいて)(よ|や|な|ね|って|と|かい|か)*$"
)
_WISH: Final = re.compile(
    r"(て|で)(ほしい|欲しい|もらいたい|いただきたい|くれない|もらえ(ない|ます|ません|る|ん)|いただけ(ない|ます|ません|れ|る)|くれます|くれません|くれる|くれへん|くれん|もらえへん|くんない|しいや|よ$|ちょうだい|や$|ほしくて)|"
    r"お願い(し|でき|したい|いたし|申|です)|(を|で|と|が)希望|たいん(です|だ)|たい$|たく(て|存)|ように(し|なりません|でき)|たいの(です|だ)?|たいと思|して欲し|てもらう|(会|付き合|食べに行|飲みに行|遊)[おぼこよ]う(よ|ぜ|か|って|な)*$|(交換|返金|返品|修理|変更|解約|キャンセル|予約)(を|で|して|し)?(お願い|できますか|できません|したい|は(できます|可能))"
)
_PLEADS: Final = re.compile("[てで](よ|ね|な|や|くれよ|ください(よ|ね)?)$")
_ASKED: Final = re.compile(
    r"(ご希望|ご要望|お望み|ご意向|どのような対応).{0,14}(しょうか|ますか|ですか|お聞かせ|くださ|願)|いかがいたし|どうされ"
)
_ONLY_PLEASE: Final = re.compile(r"(では?|じゃあ?|ええ|はい|それで)?(よろしく)?お願い(し|いたし)ます(ね|よ)?")
_AMOUNT: Final = re.compile(r"([0-9]+|[一二三四五六七八九十百]+)(?=万|円|億|割)")
_MOST: Final = 3
_FULL: Final = 3
"""Content words of a request that says by itself what it is about."""
_RETRACTS: Final = re.compile(
    "そんな(こと|の)より|それより|もう.{0,8}どうでもいい|やっぱり.{1,16}(では|じゃ)なくて|(最初|初め)は.{0,24}(けど|でした|ました|です)"
)
"""What was asked for before no longer counts."""
_MATTER: Final = re.compile(
    r"([一-龥々ァ-ヴーA-Za-z]{2,12}(?:の[一-龥々ァ-ヴー]{1,8})?)(?:が|は|も|の[^。]{0,3}、|、|って)"
)
_WISHED_FOR: Final = re.compile(
    r"(?P<what>[^。]{4,60}?(?:て|で)(?:ほしい|欲しい|もらいたい)|[^。]{4,60}?(?:の|を|に)(?:ご希望|ご要望|お知りになりたい|お求め))(?:という|との|と|で)"
)
_ACCEPTS: Final = re.compile(
    "(?:なら|でしたら|だったら|やったら|ば)(?:もう)?(?:それで)?(?:いい|大丈夫|結構|構|ええ|十分|文句|安心)"
)
_PAST: Final = re.compile("(?:た|だ|でした|ました)(?:んです|の|よ|わ|ね|けど)*$")
_ANSWERED_TO: Final = re.compile(
    r"(?P<what>[^、。]{2,18}?)(?:に(?:つきまして|関しまして|ついて)(?:は|も)|(?:は|を)(?=お断り|お受け|いたしかね)|のお?(?:求め|要望|希望)(?:に|は))"
    r"[^。]{0,40}?(?:お答え|お返事|ご?回答|お断り|お受け|かね|できません|ご用意|ご案内)"
)
"""「ご返金につきましては…お答えいたしかねます」: the agent's answer names what was asked for."""
_TOLD_OTHERS: Final = re.compile(
    r"広め|拡散|晒|さら(?:す|して)|ばら[まい撒]|書き込|投稿|流して|言いふら|触れ回|かけて(?:こい|来い)|覚悟|見てろ"
)
"""What a threat does with others is no wish towards the firm."""
_AMOUNT_ALONE: Final = re.compile(
    r"(?:それと|それから|あと|さらに|しめて)?(?:、)?(?:[一-龥々]{1,6}(?:代|料|費|金)?(?:は|で|、)?)?(?:[0-9一二三四五六七八九十百千]+(?:万|千|円|億))+(?:だ|や|です|よ|で)*"
)
_ENDS_ASKING: Final = re.compile("(?<!ちゃっ)(?<!じゃっ)(?<![かだなよとろ]っ)[てで]$")
_ONLY_A_TIME: Final = re.compile(r"(?:では?|じゃあ?|はい|なら|に|の|、)*お願い(?:し|いたし)ます(?:ね|よ)?")
"""What is left of 「十五日の午前中でお願いします」 without its time: the answer to when."""
_ASSENT: Final = re.compile("^(?:はい|いや|ええ|うん)+(?!い)")
_LONG_AFTER_ASSENT: Final = 12
_BECAUSE: Final = re.compile("^(?:から|ので|んで|、)+")
_FULL_WISH: Final = 6
_SCOLDS: Final = re.compile(
    r"^(?:うるせえ|うるさい|おい|だから|だったら|ほな|ほんなら|じゃあ?|ねえ|とにかく|もう|いいから|で)(?:、|。|\s)+"
)
_WAIVED: Final = re.compile(
    r"(?P<what>[^、。]{2,14}?)(?:なんか|なんて|の件)?(?:は|も)(?:もう|別に)?(?:いい(?:です|よ|わ|から|や|$)|いらない|いらねえ|いりません|要りません|結構です|いらん|ええわ|必要ない)"
)
"""「もう交換はいいですから」, 「謝りに来るのはいいです」: what is no longer asked for."""
_LONGEST: Final = 48
"""Characters of two wordings of one kind of demand."""
_ALL_OF_IT: Final = re.compile("全額|全部|丸ごと|まるまる|一円残らず|そっくり")
_DIGITS: Final = 4
_LEAST_SCORE: Final = 2
_ANSWER_SCORE: Final = 3


@dataclass(frozen=True, slots=True)
class _Demand:
    kind: str
    """The playbook's word for it, or empty."""
    text: str
    score: int
    utterance_id: str
    content: frozenset[str]
    weight: int = 0
    """A kind or an object of demands is named: 2 or 1; mere orders weigh nothing."""

    @property
    def strength(self) -> tuple[bool, int, int]:
        """A named amount beats any form of words."""
        named = _AMOUNT.search(self.text) or _ALL_OF_IT.search(self.text)
        return (bool(named), self.score, len(self.text))

    def shown(self) -> str:
        whole = "全額" if self.kind == "返金" and _ALL_OF_IT.search(self.text) else ""
        return f"{whole}{self.kind}「{self.text}」" if self.kind else self.text


class DemandExtractor:
    """Reads `demand`."""

    name = "demand"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        words = playbook.case_words
        self._trivial = words.trivial_demands
        self._objects = words.demand_objects
        self._kinds = words.demand_types
        self._trouble = words.trouble
        self._matter = ""
        self._found: list[_Demand] = []
        self._value = ""
        self._confidence = 0.0

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for what is asked for in the newest utterance."""
        if heard.speaker is ChannelRole.AGENT:
            return self._from_agent(heard)
        asked = _asked(heard, call)
        if _RETRACTS.search(fold(heard.text).text):
            self._found = [item for item in self._found if item.utterance_id == heard.utterance_id]
        self._waive(heard.text)
        plain = any(
            self._score(trimmed(clause.text), False, clause.question, clause.text)
            for clause in clauses_of(heard.text)
        )
        for clause in clauses_of(heard.text):
            short = _SCOLDS.sub("", trimmed(clause.text))
            spoken = fold(clause.text).text
            self._note_matter(clause.text)
            said = _ASSENT.sub("", spoken) if len(spoken) >= _LONG_AFTER_ASSENT else spoken
            if any(pattern.search(said) for pattern in self._trivial) or _tells_numbers(spoken):
                continue
            waived = _WAIVED.search(clause.text)
            if waived and len(rest := trimmed(_BECAUSE.sub("", clause.text[waived.end() :]))) >= _FULL_WISH:
                short, waived = rest, None
            if waived or _ACCEPTS.search(spoken) or _TOLD_OTHERS.search(spoken):
                continue
            if _ONLY_A_TIME.fullmatch(_without_times(short)):
                continue
            if self._is_amount_of_last(short, heard.utterance_id):
                continue
            score = self._score(short, asked and not plain, clause.question, clause.text)
            if score > 0:
                self._keep(self._demand(short, score + asked * plain, heard.utterance_id))
        return self._proposed()

    def _from_agent(self, heard: Heard) -> list[FieldProposal]:
        """The agent reads the wish back: 「督促のはがきをやめてほしいということですね」."""
        for clause in clauses_of(heard.text):
            wished = _WISHED_FOR.search(clause.text)
            if wished is not None and not clause.question:
                short = trimmed(wished.group("what").rsplit("、", 1)[-1])
                self._keep(self._demand(short, _ANSWER_SCORE, heard.utterance_id))
            answered = _ANSWERED_TO.search(clause.text)
            if answered is not None and not clause.question:
                self._answered(trimmed(answered.group("what")), heard.utterance_id)
        return self._proposed()

    def _answered(self, what: str, utterance_id: str) -> None:
        """The agent's answer confirms the demand it is the answer to, and names it more plainly."""
        demand = self._demand(what, _LEAST_SCORE, utterance_id)
        if not self._found or not demand.weight or len(demand.content) > _FULL:
            return
        for place, old in enumerate(self._found):
            if (old.kind and old.kind == demand.kind) or _alike(demand, old):
                fuller = demand.content - old.content and len(old.text) + len(what) <= _LONGEST
                text = f"{old.text}、{what}" if fuller else old.text
                self._found[place] = replace(
                    old, text=text, score=old.score + 1, content=old.content | demand.content
                )
                return
        if demand.kind:
            self._found.append(demand)

    def _waive(self, text: str) -> None:
        for match in _WAIVED.finditer(text):
            what = match.group("what")
            content = {word.lemma for word in words_of(what) if word.is_content}
            kind = self._kind(fold(what).text)
            self._found = [
                item
                for item in self._found
                if not (content & item.content) and (not kind or item.kind != kind)
            ]

    def _note_matter(self, text: str) -> None:
        """What the trouble is with, for a demand that names no thing: 「早く直してよ」."""
        if not self._matter and any(pattern.search(fold(text).text) for pattern in self._trouble):
            matter = _MATTER.search(text)
            self._matter = matter.group(1) if matter else ""

    def _is_amount_of_last(self, short: str, utterance_id: str) -> bool:
        """「全額返して。四十万。」: how much, said after what."""
        last = self._found[-1] if self._found else None
        if last is None or last.utterance_id != utterance_id or not _AMOUNT_ALONE.fullmatch(short):
            return False
        self._found[-1] = replace(last, text=f"{last.text}({_AMOUNT.sub(_in_digits, short)})")
        return True

    def _proposed(self) -> list[FieldProposal]:
        if not self._found:
            return []
        weighty = [item for item in self._found if item.weight and item.score >= _LEAST_SCORE]
        strong = weighty or [item for item in self._found if item.score >= _LEAST_SCORE] or self._found
        best = sorted(enumerate(strong), key=lambda pair: (-pair[1].weight, -pair[1].score, -pair[0]))[:_MOST]
        first = next((item for item in self._found if item.score and len(item.content) >= _FULL), None)
        keep = {id(item) for _, item in best} | ({id(first)} if first and len(best) < _MOST else set())
        last = next((item for item in reversed(strong) if item.score >= _LEAST_SCORE), None)
        keep |= {id(last)} if last is not None else set()
        chosen = [item for item in self._found if id(item) in keep]
        value = "、".join(item.shown() for item in chosen)
        if self._matter and len(chosen) == 1 and not _names_a_thing(chosen[0].text):
            value = f"{value}({self._matter})"
        if not value or value == self._value:
            return []
        self._value = value
        surest = min(0.8, 0.4 + 0.05 * max(item.score for item in chosen))
        self._confidence = max(self._confidence, surest)
        ids = tuple(dict.fromkeys(item.utterance_id for item in chosen))
        return [FieldProposal("demand", value, self._confidence, ids)]

    def _score(self, short: str, asked: bool, question: bool, whole: str) -> int:
        text = fold(short).text
        if len(text) < 3 or _ONLY_PLEASE.fullmatch(text):
            return 0
        ordered = bool(_ORDER.search(text))
        wished = bool(_WISH.search(text) or _PLEADS.search(fold(whole).text))
        objects = sum(bool(pattern.search(text)) for pattern in self._objects)
        score = 3 * ordered + 2 * wished + min(objects, 2) * (ordered or wished)
        kind = self._kind(text)
        if not score and kind and _ENDS_ASKING.search(text):
            score = _LEAST_SCORE + min(objects, 1)
        if (
            asked
            and not question
            and not (_PAST.search(text) and not score)
            and (score or objects or kind or _says_something(short))
        ):
            return score + _ANSWER_SCORE
        return score or int(bool(kind))

    def _kind(self, text: str) -> str:
        return next((kind for kind, pattern in self._kinds.items() if pattern.search(text)), "")

    def _demand(self, short: str, score: int, utterance_id: str) -> _Demand:
        content = frozenset(word.lemma for word in words_of(short) if word.is_content)
        short = _AMOUNT.sub(_in_digits, short)
        spoken = fold(short).text
        kind = self._kind(spoken)
        weight = 2 if kind else int(any(pattern.search(spoken) for pattern in self._objects))
        return _Demand(kind, short, score, utterance_id, content, weight)

    def _keep(self, demand: _Demand) -> None:
        """The same demand again replaces the weaker wording."""
        for place, old in enumerate(self._found):
            if demand.kind == old.kind and (demand.kind or _alike(demand, old)):
                if demand.strength > old.strength:
                    self._found[place] = _with_amount(demand, old)
                elif _adds(demand, old):
                    both = replace(
                        old, text=f"{old.text}、{demand.text}", content=old.content | demand.content
                    )
                    self._found[place] = both
                return
        self._found.append(demand)


def _without_times(text: str) -> str:
    for words in reversed(time_words(text)):
        text = text[: words.start] + text[words.end :]
    return text


def _tells_numbers(spoken: str) -> bool:
    """「080の0733の0904」 is an answer, not a wish."""
    return sum(character.isdigit() for character in spoken) >= _DIGITS and not _AMOUNT.search(spoken)


def _names_a_thing(text: str) -> bool:
    return any(
        word.kind[:2] == ("名詞", "普通名詞") and word.kind[2] != "副詞可能" for word in words_of(text)
    )


def _adds(demand: _Demand, old: _Demand) -> bool:
    """「免除してほしい」 beside 「引き落としを止めて」: one kind, another thing."""
    short = len(old.text) + len(demand.text) <= _LONGEST
    return short and demand.score >= _LEAST_SCORE and bool(demand.kind) and not old.content & demand.content


def _with_amount(demand: _Demand, old: _Demand) -> _Demand:
    """「誠意を見せろ」 and then 「30万だ」: what, and how much; 「宿泊代も返して」 and then 「全額」."""
    if _ALL_OF_IT.search(demand.text) and not _ALL_OF_IT.search(old.text):
        return replace(demand, text=f"{demand.text}({old.text})") if _names_a_thing(old.text) else demand
    if _AMOUNT.search(old.text) or not _AMOUNT.search(demand.text) or old.content & demand.content:
        return demand
    return replace(demand, text=f"{old.text}({demand.text})")


def _in_digits(match: re.Match[str]) -> str:
    number = number_of(match.group())
    return match.group() if number is None else str(number)


def _alike(one: _Demand, other: _Demand) -> bool:
    shared = one.content & other.content
    return bool(shared) and len(shared) * 2 >= min(len(one.content), len(other.content))


def _asked(heard: Heard, call: CallView) -> bool:
    question = next((item for item in call.before(heard) if item.speaker is ChannelRole.AGENT), None)
    return question is not None and bool(_ASKED.search(question.text))


def _says_something(text: str) -> bool:
    return len([word for word in words_of(text) if word.is_content]) >= 2
