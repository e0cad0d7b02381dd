"""What the agent reads back: the words before 「…ということでございますね」 and the like.

A read-back is the best source for a form: complete, polite, and confirmed by whoever keeps silent after it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from koemori.assist.clauses import clauses_of

_READ_BACK: Final = re.compile(
    r"^(?P<what>.{4,}?)(?:という|との|といった)?(?:こと|お話|ご用件|件|状況|状態|ご要望|ご希望)?"
    r"(?:で(?:ございますね|いらっしゃいますね|すね|しょうか|お間違い(?:ない|ございません).*|よろしい(?:です|でしょう)か)"
    r"|について(?:で(?:しょうか|ございましょうか|ございますか|すか|すね|ございますね)).*|とのこと$|についての(?:お問い合わせ|ご相談|ご意見|お話|ご連絡).*|のお問い合わせ.*)$"
)
_ADDRESS: Final = re.compile(
    r"^(?:[^、。]{1,8}様、?|ありがとうございます[、。]?|かしこまりました[、。]?|恐れ入ります[、。]?|はい[、。]?|それでは[、。]?|では[、。]?|つまり[、。]?|お話を(?:整理|まとめ)(?:させていただき|し)ますと[、。]?)+"
)
_NOT: Final = re.compile(
    r"^(?:え、?)?(?:それは|そう|左様|さよう|そちら)|(ご希望|いかが|(?<!ことで)よろしい|どちら|どの|どう|何|いつ|お名前|番号).{0,20}(でしょうか|ますか|ですか)$"
)


_SPOKEN_NUMBER: Final = re.compile(
    r"^(?:失礼いたしました、?|復唱いたします、?)?(?:[A-Za-zＡ-Ｚァ-ヴ]{1,3}の)?[0-9０-９〇零一二三四五六七八九]{2,}(?:の?[0-9０-９〇零一二三四五六七八九、]+)*(?:、|。|で$|$)"
)
"""A number read back before the matter, 「Dの5091、本日…お届けした…」, or alone."""
_ONLY_WHO: Final = re.compile(
    r"^(?:[^、。]{1,9}様|[^、。]{0,12}(?:番号|お電話|お名前|ご住所|ご本人)(?:様)?(?:は|が|も)?)$"
)


@lru_cache(maxsize=512)
def restated(text: str) -> str | None:
    """The matter an agent's utterance reads back, or None when it reads nothing back."""
    for clause in clauses_of(text):
        if _NOT.search(clause.text):
            continue
        match = _READ_BACK.match(clause.text)
        if match is None:
            continue
        what = _ADDRESS.sub("", match.group("what")).strip("、。 ")
        what = _SPOKEN_NUMBER.sub("", what).strip("、。 ")
        if len(what) >= 4 and not _ONLY_WHO.search(what):
            return what
    return None
