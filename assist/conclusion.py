"""What the call came to, in one line a colleague can read: refused, promised, warned, agreed, ended.

Extractive: every part is taken from words spoken in the call or from what the detectors found; nothing is
invented, and what was not said is not claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from koemori.assist.clauses import clauses_of, trimmed
from koemori.assist.phrases import first_match, fold
from koemori.assist.playbooks.schema import LadderStep, Playbook
from koemori.assist.timewords import time_words
from koemori.assist.types import Alert, Category, EndState, Finding, Heard, Severity
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_REFUSED: Final = re.compile(
    r"(?P<what>[^、。]{2,24}?)(?:につきまして)?(?:は|を|も|には|にも|では|に)?"
    r"(?:お?断り(?:して|いた|申|させ)|(?:いたし|致し|でき|出来|応じ|お受けし|お受けいたし|お答えいたし|お答えし|お伝えし)かね|お受けでき|お受け(?:いた)?して(?:おり|い)ません|行っておりません)"
)
_DONE: Final = re.compile(
    r"(完了|手配|変更|登録|予約|解約|取り消|キャンセル|受け?付|発送|再発行|停止|切り替え|お送り)(?:が|を)?(?:いたし|し|させていただき)?ました"
)
_FOUND: Final = re.compile(
    r"(確認|調査|お調べ)(いたしましたところ|しましたところ|の結果|した結果|いたしました結果)|と(判明|分かり)|が(判明|ございました(?!ら))"
)
_ACCEPTED: Final = re.compile(
    r"(?P<what>[^、。]{2,20}?)(?<!それ)(?<!これ)(?<!そう)(?:で|なら|でしたら)(?:いい|良い|結構|お願い|大丈夫|構わ|かまわ|ええ)"
)
_AGREED: Final = re.compile(r"(納得|理解でき|安心し)")
_EXPLAINED: Final = re.compile(
    r"勘違い|思い違い|間違い|見つか|あった(わ|よ|です)|ありました|置いて|受け取って(い)?(た|まし)|家族が|届いて(い)?(た|まし)"
)
_FOUND_OUT: Final = re.compile(
    r"んですって|んだって|てるて$|てたて$|のせいじゃ|ちゃってて|帰ってき|て(?:い)?た(?:ん|の|みたい|そう)|てまし|受け取って"
)
_CALLED_HELP: Final = re.compile("警察|救急|消防")
ADMITS: Final = re.compile(
    "(?:私ども|こちら|当社|弊社|当院|当店|当方|塾|店|職員|担当(?:者)?|係員|作業員)の.{0,12}(?:手違い|誤り|ミス|忘れ|不手際|落ち度|確認不足|間違い)|(?:手違い|不手際|入力誤り|登録漏れ|手配漏れ|[一-龥ぁ-ん]け?忘れ)(?:で(?:ござい|す|した)|が(?:ござい|あり))"
)
_ADVISES: Final = re.compile(
    r"(?:いただければ|いただけましたら|(?:いただく|ます|する|押す|せる|しない)と、|でしたら).{2,40}(?:ます|です)|(?:ことが|は)できます|承れます|いただけます|なさってください|してください|入って(?:い|おり)ます|になります|が(?:必要|要り|いり)(?:です|でござい|ます)"
)
_SEND_OR_DO: Final = re.compile(
    r"(?:を|に|から|まで|で|も)(?:、)?[^、。]{0,10}?(?:お|ご)[一-龥ぁ-ん]{1,6}ください|(?:て|で)(?:から)?(?:お|ご)[一-龥ぁ-ん]{1,6}ください"
)
_ASKS_CALLER: Final = re.compile(
    "お?聞かせ|お?教え|お知らせ|お?申し付け|お?伝え|お?確かめ|お待ち|お?控え|ご了承|ご理解|ご容赦|お許し"
)
_TWICE_OF: Final = re.compile("(?<![にくで])は(?=(?:お|ご)[一-龥]{1,3}[いりえし]?$)")
"""「迷惑料はお支払い」 (いたしかねます)."""
_POLICE: Final = re.compile("警察[^。]{0,12}(?:相談|通報|連絡|届け)")
_IF: Final = re.compile("場合|際は|たら|れば|続く|続き(?:ます|まし)|でしたら|ようなら|ざるを得|いただければ")
_GENERIC: Final = re.compile(
    r"^(?:この(?:場|お?電話)|今の(?:時点|段階)|現(?:時点|段階)|こちら|お?電話|そちら|それ|ご?要望|ご?要求|ご?意向|ご?希望|お話|お気持ち)(?:で|に(?:は)?(?:お?応え|沿|添)?[いうえ]?)?$"
)
_TOPIC: Final = re.compile(r"(?P<what>[^、。]{2,20}?)に(?:つきまして|関しまして|ついて)(?:は|も)")
_HELD: Final = re.compile(
    r"(?P<what>[^、。]{2,20}?)に(?:つきまして|関しまして|ついて)(?:は|も)[^。]{0,40}?(?:確認|調べ|調査|分か|確かめ|伺)[^。]{0,20}(?:お答え|お返事|ご?回答|ご?連絡|ご?案内|ご?報告|判断)"
)
"""「治療費につきましては、原因が分かりましたところでお返事いたします」: neither granted nor refused."""
_UNDER_WAY: Final = re.compile(
    r"(?:照会|調査|調べ|確認|手配|探し|問い合わせ)(?!書|番)[^。]{0,8}て(?:おり|い)ます"
)
"""「控えは撮影会社に照会をかけております」: what is being done."""
_KIND: Final = re.compile("([^「」、]{2,10})「")
_DID: Final = re.compile(
    "(?:いたし|致し|させていただき)ました(?:ので|から)?[、。]?$|(?:いたし|致し)ましたので、"
)
_MERE_TALK: Final = re.compile(
    "確認|承知|お待たせ|失礼|迷惑|不便|おかけ|伺い|お調べ|お電話|拝見|警告|承り|検知|感謝|申し"
)
"""Deeds of talking that settle nothing."""
_FREE: Final = re.compile(
    "(?:料金|費用|手数料|解約金|違約金|送料|代金)[^。]{0,8}(?:かかりません|無料|不要|いただきません|いただいて(?:おり|い)ません)"
)
_NO_ADVICE: Final = re.compile(
    "番号|お名前|お待ち|かね|ません|終了|続|よろしければ|通報|おやめ|お控え|お電話を|切ら"
)
_ACT_ALONE: Final = re.compile(
    r"^(?:それは|これは)?(?:お答え|ご?回答|お伝え|ご案内|お受け|ご対応|対応|お教え|お約束|ご用意)$"
)
_HARDLY: Final = re.compile(r"(?:は|を)?(?:固く|一切|いっさい|すべて|お|ご要望に)?$")
_FULL: Final = 3
_SUMMARY: Final = re.compile(
    r"(?:まとめ|整理(?:いた)?し|整理させていただき)ますと、?(?P<what>.{8,}?)(?:という|との)?(?:こと)?(?:で(?:ござい|す|よろし|お間違い).*)$"
)
_PART_OF_DAY: Final = re.compile("午前中?|午後|お?昼|夕方|朝|夜")
_LONG_MS: Final = 30 * 60_000
_MANNER: Final[Mapping[Category, str]] = {
    Category.VERBAL_ABUSE: "暴言",
    Category.THREAT: "脅迫",
    Category.INTIMIDATION: "威圧",
    Category.AUTHORITY: "権威的な言動",
    Category.DETENTION: "長時間の拘束",
    Category.SEXUAL: "性的な言動",
    Category.MONEY: "金品の要求",
    Category.VIOLENCE: "暴力の示唆",
    Category.DOGEZA: "土下座の要求",
    Category.SNS: "投稿の示唆",
    Category.ANTISOCIAL: "反社会的勢力の示唆",
    Category.DISCRIMINATION: "差別発言",
    Category.PRIVACY: "個人情報の要求",
    Category.EXCESSIVE: "過剰な要求",
    Category.REPEAT_DEMAND: "同じ要求の繰り返し",
}


class ConclusionWriter:
    """Collects what settles a call while it runs, and writes it down on request."""

    def __init__(self, playbook: Playbook) -> None:
        self._steps = {step.id: step for step in playbook.ladder.steps}
        self._refused: list[str] = []
        self._held: list[str] = []
        self._under_way = ""
        self._done: list[str] = []
        self._warnings = 0
        self._escalated = False
        self._announced = False
        self._help_called = False
        self._police = False
        self._accepted = ""
        self._explained = ""
        self._summary = ""
        self._admitted = ""
        self._advised: list[str] = []
        self._agreed = False
        self._ids: list[str] = []

    def observe(self, heard: Heard) -> None:
        """Note what the newest utterance settles."""
        before = (
            len(self._refused),
            len(self._done),
            self._warnings,
            self._escalated,
            self._accepted,
            self._agreed,
        )
        if heard.speaker is ChannelRole.AGENT:
            self._from_agent(heard)
        else:
            self._from_customer(heard)
        after = (
            len(self._refused),
            len(self._done),
            self._warnings,
            self._escalated,
            self._accepted,
            self._agreed,
        )
        if before != after:
            self._ids.append(heard.utterance_id)

    @property
    def utterance_ids(self) -> tuple[str, ...]:
        """The utterances the conclusion rests on."""
        return tuple(self._ids)

    def written(
        self,
        state: EndState,
        findings: Sequence[Finding],
        promises: Sequence[str],
        duration_ms: int,
        demand: str = "",
    ) -> str:
        """The conclusion as it stands; empty while nothing is settled."""
        parts = []
        if self._summary:
            parts.append(self._summary)
        if self._refused and not self._summary:
            parts.append(f"{'、'.join(self._refused[:3])}は断り")
        if self._held:
            parts.append("、".join(self._held[-2:]))
        if self._done:
            parts.append("、".join(self._done[-2:]))
        if self._admitted and self._admitted not in self._done:
            parts.append(f"{self._admitted}と認めた")
        if self._advised and (state is EndState.NOT_COMPLAINT or not promises):
            parts.append(f"{'、'.join(self._advised[-3:])}と案内")
        if any(
            isinstance(item, Alert) and item.category is Category.PREMATURE_LIABILITY for item in findings
        ):
            parts.append("担当者が確認前に責任を認めた(要是正)")
        if _despaired(findings):
            parts.append("自殺の示唆があり、警察・救急に連絡" if self._help_called else "自殺の示唆あり")
        if self._escalated:
            parts.append("上席が対応")
        if promises:
            parts.append("、".join(promises))
        if state is EndState.NOT_COMPLAINT and demand:
            parts.insert(0, f"{demand}のご用件に対応")
        parts.append(self._ending(state, findings, duration_ms, demand, waiting=bool(promises)))
        return "。".join(part for part in parts if part)

    def _ending(
        self,
        state: EndState,
        findings: Sequence[Finding],
        duration_ms: int,
        demand: str,
        *,
        waiting: bool,
    ) -> str:
        match state:
            case EndState.RESOLVED_AGREED:
                return f"{self._accepted}で納得" if self._accepted else "納得"
            case EndState.WITHDRAWN:
                kind = _KIND.match(demand)
                wish = f"{kind.group(1)}の申し出を取り下げ" if kind else "申し出を取り下げ"
                return f"「{self._explained}」と判明し{wish}" if self._explained else wish
            case EndState.UNRESOLVED_AGREED:
                return "納得されないまま終了に同意、回答待ち" if waiting else "納得されないまま終了に同意"
            case EndState.UNRESOLVED_PENDING:
                return f"{self._under_way}。回答待ち、確認中" if self._under_way else "回答待ち、確認中"
            case EndState.UNRESOLVED_TERMINATED:
                long = "30分超過、" if duration_ms >= _LONG_MS else ""
                return (
                    f"{long}{_labels(findings)}{self._warned()}終話{'、警察に相談' if self._police else ''}"
                )
            case EndState.NOT_COMPLAINT | EndState.OPEN:
                return f"警告{self._warnings}回" if self._warnings else ""

    def _warned(self) -> str:
        announced = "・終話予告の" if self._announced else ""
        return f"警告{self._warnings}回{announced}後に" if self._warnings else "当方から"

    def _note_advice(self, text: str, *, question: bool) -> None:
        """Note an admission, and what the customer was told to do or may have."""
        if ADMITS.search(text) and not question:
            self._admitted = trimmed(text)
        bids = _SEND_OR_DO.search(text) and not _ASKS_CALLER.search(text) and _weight(text) >= _FULL
        told = _FREE.search(text) or (not _NO_ADVICE.search(text) and (bids or _ADVISES.search(text)))
        if not question and told:
            _add(self._advised, trimmed(text))

    def _from_agent(self, heard: Heard) -> None:
        before = ""
        for clause in clauses_of(heard.text):
            summary = _SUMMARY.search(clause.text)
            if summary:
                self._summary = summary.group("what")
                continue
            refused = _REFUSED.search(clause.text)
            if refused and not re.search("続|対応|これ以上", refused.group("what")):
                _add(self._refused, _refused_what(refused.group("what"), clause.text, before))
            held = None if refused or clause.question else _HELD.search(clause.text)
            if held:
                _add(self._held, f"{trimmed(held.group('what'))}は確認後に回答")
            if _UNDER_WAY.search(clause.text) and not clause.question:
                self._under_way = trimmed(clause.text)
            before = clause.text
            folded = fold(clause.text).text
            self._note_advice(clause.text, question=clause.question)
            did = _DID.search(folded) and _weight(clause.text) >= _FULL and not _MERE_TALK.search(folded)
            if not clause.question and (
                did
                or _DONE.search(folded)
                or (_FOUND.search(folded) and not folded.endswith(("いたします", "します")))
            ):
                _add(self._done, trimmed(clause.text))
        self._announced |= self._says("ladder3", heard)
        self._police |= any(
            _POLICE.search(clause.text) and not _IF.search(clause.text) for clause in clauses_of(heard.text)
        )
        self._help_called |= bool(_CALLED_HELP.search(heard.text))
        self._warnings += any(self._says(step, heard) for step in ("ladder1", "ladder2", "ladder3"))
        self._escalated |= self._says("ladder4", heard)

    def _from_customer(self, heard: Heard) -> None:
        for clause in clauses_of(heard.text):
            accepted = _ACCEPTED.search(clause.text)
            if accepted and not _is_a_time(accepted.group("what")):
                self._accepted = trimmed(accepted.group("what"))
            found = _EXPLAINED.search(clause.text) or _FOUND_OUT.search(clause.text)
            known = _weight(self._explained)
            if found and (_weight(clause.text) >= known or known < _FULL):
                self._explained = trimmed(clause.text)
        self._agreed |= bool(_AGREED.search(heard.text))

    def _says(self, step_id: str, heard: Heard) -> bool:
        step: LadderStep = self._steps[step_id]
        return first_match(heard.text, step.heard, step.unless) is not None


def _refused_what(what: str, clause: str, before: str) -> str:
    """「職員個人の情報でございますので、お答えいたしかねます」: of what, where the act alone is named."""
    short = trimmed(_HARDLY.sub("", what) or what)
    short = _TWICE_OF.sub("の", short)
    topic = _TOPIC.search(clause)
    if _GENERIC.match(short):
        return topic.group("what") if topic else ""
    if not _ACT_ALONE.match(short):
        return short
    reason = re.search(r"([^、。]{2,20}?)(?:でござい|です|に関する|につきまして|の)", f"{before}。{clause}")
    return f"{reason.group(1)}の{short}" if reason else short


def _labels(findings: Iterable[Finding]) -> str:
    counts: dict[Category, int] = {}
    for finding in findings:
        if isinstance(finding, Alert) and finding.harassment and finding.severity >= Severity.WARNING:
            counts[finding.category] = counts.get(finding.category, 0) + 1
    most = sorted(counts, key=lambda category: -counts[category])[:2]
    words = [_MANNER[category] for category in most if category in _MANNER]
    return f"{'・'.join(words)}が続き、" if words else ""


def _is_a_time(text: str) -> bool:
    """「午前で大丈夫です」 answers when, not what."""
    return bool(_PART_OF_DAY.fullmatch(text)) or any(
        words.start == 0 and words.end >= len(text) - 1 for words in time_words(text)
    )


def _weight(text: str) -> int:
    return sum(word.is_content for word in words_of(text))


def _despaired(findings: Iterable[Finding]) -> bool:
    return any(isinstance(item, Alert) and item.category is Category.SELFHARM for item in findings)


def _add(items: list[str], text: str) -> None:
    if text and text not in items:
        items.append(text)
