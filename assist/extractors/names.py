"""The customer's name: said of oneself, given when asked, read back by the agent, corrected.

A name that is followed by 「さん」, or said about somebody else, is not the caller's. What the agent
reads back (「小野寺様」) outweighs what was heard from the customer, but a given name stays. A name that was
spelled by ear is taken for the family name that its mentions sound like (`koemori.assist.name_sounds`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.corrections import DENIAL
from koemori.assist.name_mentions import NameMentions, is_certain, is_plausible
from koemori.assist.name_sounds import sounds_alike
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import SpokenWord, words_of
from koemori.audio.call import ChannelRole

_KANJI: Final = r"一-龥々ヶ﨑"
_INTRODUCED: Final = re.compile(
    rf"(?:^|[、。\s]|は|の|けど|えーと|えっと|はい|私)([{_KANJI}ァ-ヴー]{{2,9}}|[ぁ-ん]{{3,9}})(?:と申し|と言います|といいます|と?いう(?:者|もん)|言う(?:者|もん)|言います)"
)
_ANSWERED: Final = re.compile(
    r"^(?:はい|あ|えー?と|えっと|ええと|あの|名前は|私は|、|。|\s)*"
    rf"([{_KANJI}]{{2,6}}|[ァ-ヴー・]{{2,12}}|[ぁ-ん]{{2,8}}?(?=です|と申|といい|って(?:言|いい|書)|。|、(?:[{_KANJI}]|[^。]{{0,12}}字)))(?:です|だ|でございます|と|って|$|。|、|\s|[0-9]{{2}})"
)
_CALLED: Final = re.compile(
    rf"([{_KANJI}ァ-ヴー・]{{1,9}}(?:[ぁ-ん]{{2,5}})?|(?:(?<=^)|(?<=[、。\s]))[ぁ-ん]{{3,9}})(?:様|さま)(?!の(?:奥|お母|お父|ご?主人|息子|娘|ご家族|お嬢|代理|お子))"
)
_ANOTHERS: Final = re.compile(
    r"(?:お子|お嬢|奥|ご主人|お母|お父|ご家族|息子|娘|代理|担当|お連れ|被保険者|お届け先|受取人)(?:様|さん|さま)?(?:の|は|が)、?$"
)
_KIN: Final = (
    "母|父|息子|娘|長男|長女|次男|次女|孫|子ども|子供|妻|夫|主人|家内|祖母|祖父|"
    "姉|妹|兄|弟|本人|契約者|名義|利用者|患者"
)
_OF_KIN: Final = re.compile(rf"(?:{_KIN})(?:の(?:名前|氏名|名義))?(?:は|が|、)、?$")
"""「息子は東雲蒼空です」: a name, but not the caller's."""
_KIN_NAMED: Final = re.compile(
    rf"(?:{_KIN})(?:の(?:名前|氏名|名義))?(?:は|が)、?([{_KANJI}]{{1,3}}[{_KANJI}ァ-ヴーぁ-ん]{{1,5}}?)(?:です|、|。|と|だ|$)"
)
_OWN_GIVEN: Final = re.compile(
    rf"(?:私|わたし|僕|俺|自分)(?:は|が|、)?(?:(?:娘|息子|妻|夫|長男|長女|次男|次女|孫|嫁|姉|妹|兄|弟|母|父)の)?([{_KANJI}]{{1,3}}|[ァ-ヴー]{{2,5}}|[ぁ-ん]{{2,4}}?(?=です|と申))(?:です|と|、|。|だ|$)"
)
_WRITTEN: Final = re.compile(rf"([{_KANJI}]{{1,6}})(?:って|と)書")
_SIGN: Final = re.compile(
    rf"(?P<hint>[^、。\s]{{1,9}}?)(?:の|に使う)(?P<sign>[{_KANJI}])(?=に|と|、|。|で|って|が|です|字|だ|ね|$|\s)"
)
_WHOLE: Final = re.compile(rf"で、?([{_KANJI}]{{2,6}})(?:です|だ|といい|と申|。|$)")
_READ_DIGITS: Final = re.compile("^[〇零一二三四五六七八九]{3,}(?=.)")
_ANY_SIGN: Final = ("ほう", "方", "数字", "漢字", "へん", "かんむり", "字")
_NOT_NAMES: Final = (
    *"客皆子母父嬢奥娘息何神殿王妻夫兄姉弟妹姑方先孫連",
    "本人", "家族", "主人", "祖母", "祖父", "両親", "社長", "相手", "団体", "法人",
)  # fmt: skip
_NOBODY: Final = (
    "みな", "おきゃく", "どちら", "どなた", "おふたり", "あなた", "おかあ", "おじょう", "おとう",
)  # fmt: skip
_ASKED: Final = re.compile("(お?名前|ご?氏名|どちら様|どなた様)")
_ASKS_ELSE: Final = re.compile("いつ|どちら|どの(?:よう|くらい)|いかが|何(?:が|を|時|色|名)|よろしいですか")
_AFTER_NAME: Final = re.compile(
    r"^(?:$|です|だ|よ|って(?:言|い[うい])|で(?:ございます|す)|と(?:申|言い|いい|いう)|いう(?:者|もん)|[。、，,.\s]|っす|や"
    r"|[0-9０-９〇零一二三四五六七八九]{2}|[A-Za-zＡ-Ｚａ-ｚ]の)"
)
_GIVEN: Final = re.compile(
    rf"(?:下の名前|(?<=[。、\s])下|(?<![氏姓])名)[はが]、?([{_KANJI}]{{1,3}}|[ぁ-んァ-ヴー]{{2,5}}?)(?:です|と|だ|$|。|、)"
)
_HONORIFICS: Final = ("さん", "様", "さま", "くん", "君", "ちゃん", "氏", "先生")
_VARIANTS: Final = str.maketrans("髙﨑德濵", "高崎徳浜")
"""Signs of names that the dictionary spells otherwise."""
_RELATIONS: Final = (
    "妻", "夫", "娘", "息子", "母", "父", "姉", "妹", "兄", "弟", "嫁",
    "長男", "長女", "次男", "次女", "孫", "家内",
    "号室", "号", "代表", "店主", "総務", "事務", "経理",
)  # fmt: skip
_BEFORE_NAMES: Final = ("は", "けど", "が", "あの", "ので", "で", "て")
_FIRMS: Final = (
    "会社", "商事", "商店", "工業", "産業", "建設", "工務店", "製作所",
    "医院", "クリニック", "事務所", "店", "組合", "園", "社",
)  # fmt: skip
_HEARD_IN_KANA: Final = 0.5
_READ_BACK_IN_KANA: Final = 0.6
_AGREED: Final = 0.7
"""Several mentions sound like it; nobody said how it is written."""
_MENTIONED: Final = 0.6
_SAID: Final = 0.8
_READ_BACK: Final = 0.9
_CORRECTED: Final = 0.95


class NameExtractor:
    """Reads `customer_name`."""

    name = "names"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._surnames = frozenset(playbook.case_words.surnames)
        self._surname: str | None = None
        self._given: str = ""
        self._ids: tuple[str, ...] = ()
        self._confidence = 0.0
        self._others: set[str] = set()
        """Given names of the caller's kin."""
        self._mentions = NameMentions()
        self._spelled = ""

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for the caller's own name."""
        if heard.speaker is ChannelRole.AGENT:
            self._mentions.called(heard.utterance_id, heard.text)
            return self._by_sound(self._read_back(heard))
        self._mentions.said(heard.utterance_id, heard.text, _asked(heard, call))
        return self._by_sound(self._said(heard, call))

    def _by_sound(self, proposed: list[FieldProposal]) -> list[FieldProposal]:
        """The proposals, unless the name was spelled by ear: then the one that it sounds like, or none."""
        agreed = self._mentions.agreed
        known = self._surname or ""
        same = agreed is not None and sounds_alike(known, agreed.family.reading)
        certain = known != "" and (known == self._spelled or is_certain(known))
        doubted = agreed is not None and agreed.called and not same and self._confidence < _READ_BACK
        if certain and not doubted:
            return proposed
        if agreed is None:
            most = 1.0 if re.match(f"[{_KANJI}]", known) else _MENTIONED
            plausible = proposed if is_plausible(known) else []
            return [replace(each, confidence=min(each.confidence, most)) for each in plausible]
        given = self._given if same and re.search(f"[{_KANJI}]", self._given) else agreed.given
        confidence = _AGREED if agreed.mentions > 1 else _MENTIONED
        confidence = max(confidence, self._confidence) if certain else confidence
        ids = self._mentions.utterance_ids
        return [FieldProposal("customer_name", agreed.family.written + given, confidence, ids)]

    def _said(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        self._note_kin(heard.text)
        asked = _asked(heard, call)
        found = _from_words(heard.text, asked, self._surnames) or _from_patterns(heard.text, asked)
        given = _GIVEN.search(heard.text)
        spelled = _spelled(heard.text) if asked or found is not None else ""
        self._spelled = spelled or self._spelled
        if found is None and not spelled:
            if given and self._surname is not None and not self._given:
                return self._take(heard, self._surname, given.group(1), self._confidence)
            return self._own_given(heard)
        surname, given_name, introduced = found or (spelled, "", False)
        if _OF_KIN.search(heard.text[: max(0, heard.text.find(surname))]):
            if self._surname is None:
                return self._take(heard, _family_of(surname), "", _MENTIONED)
            return self._own_given(heard)
        if spelled and found is not None and not re.search(f"[{_KANJI}]", surname):
            surname = spelled
        if given and not given_name and given.group(1) != surname:
            given_name = given.group(1)
        denied = self._surname is not None and DENIAL.search(fold(heard.text).text)
        confidence = _SAID if asked or introduced else _MENTIONED
        if not re.search(f"[{_KANJI}ァ-ヴ]", surname):
            confidence = _HEARD_IN_KANA
        return self._take(heard, surname, given_name, _CORRECTED if denied else confidence)

    def _note_kin(self, text: str) -> None:
        for match in _KIN_NAMED.finditer(text):
            name = match.group(1)
            given = name.removeprefix(self._surname or "\0")
            self._others.update((given, *(word.surface for word in words_of(name) if word.is_given_name)))

    def _own_given(self, heard: Heard) -> list[FieldProposal]:
        """「母は神代ヨシ乃、私は娘の千鶴です」: the caller's given name beside another's."""
        own = _OWN_GIVEN.search(heard.text)
        if own is None or self._surname is None or self._given or own.group(1) == self._surname:
            return []
        if not _is_given(own.group(1)):
            return []
        return self._take(heard, self._surname, own.group(1), self._confidence)

    def _read_back(self, heard: Heard) -> list[FieldProposal]:
        confidence = max(_READ_BACK, self._confidence)
        given_name = self._given_called(heard.text)
        if given_name:
            return self._take(heard, self._surname or "", given_name, confidence)
        for surname, given in _called(heard.text):
            whole = surname + given
            kin = next((other for other in self._others if other and whole.endswith(other)), "")
            if kin:
                surname, given = whole.removesuffix(kin) or _family_of(whole), ""
            known = (self._surname or "") + self._given
            if known.startswith(surname + given):
                return self._take(heard, self._surname or surname, self._given, confidence)
            if (
                self._surname is not None
                and self._confidence >= _READ_BACK
                and not _of_one(known, surname + given)
            ):
                continue
            return self._take(heard, surname, given or self._kept(surname), confidence)
        return []

    def _given_called(self, text: str) -> str:
        """「久我山しょうた様」 behind a family name the dictionary takes for a place."""
        if self._surname is None or self._given:
            return ""
        match = re.search(
            rf"{re.escape(self._surname)}([ぁ-んァ-ヴー]{{2,5}}|[{_KANJI}]{{1,3}})(?:様|さま)", text
        )
        if match is None or match.group(1) in self._others or not _is_given(match.group(1)):
            return ""
        return match.group(1)

    def _kept(self, surname: str) -> str:
        """The given name heard so far, unless the read-back holds it."""
        return "" if surname.endswith(self._given) else self._given

    def _take(self, heard: Heard, surname: str, given: str, confidence: float) -> list[FieldProposal]:
        if confidence < self._confidence:
            return []
        if re.fullmatch("[ぁ-んー]+", surname):
            confidence = min(confidence, _READ_BACK_IN_KANA)
        same = self._surname is not None and (surname == self._surname or given == self._given != "")
        self._ids = (*self._ids, heard.utterance_id) if same else (heard.utterance_id,)
        self._surname, self._given, self._confidence = surname, given, confidence
        return [FieldProposal("customer_name", surname + given, confidence, self._ids)]


def _family_of(name: str) -> str:
    """「東雲」 of 「東雲蒼空」: what a child and the caller share."""
    first = words_of(name)[0]
    known = first.is_place or first.is_surname or first.kind[1] == "固有名詞"
    return first.surface if known or len(first.surface) > 1 else name


def _is_given(name: str) -> bool:
    words = words_of(name)
    return len(words) <= 2 and any(word.kind[2] == "人名" for word in words)


def _asked(heard: Heard, call: CallView) -> bool:
    questions = 0
    for other in call.before(heard):
        if other.speaker is ChannelRole.AGENT:
            if _ASKED.search(other.text):
                return True
            if _ASKS_ELSE.search(other.text):
                return False
            questions += 1
            if questions == 2:
                return False
    return False


def _from_words(text: str, asked: bool, surnames: frozenset[str]) -> tuple[str, str, bool] | None:
    """A family name (and given name) that the dictionary knows, where a person says their own."""
    words = words_of(text)
    best: tuple[str, str, bool] | None = None
    for place, word in enumerate(words):
        if text[: word.start].endswith("・"):
            continue
        unsure = asked and (word.surface in surnames or word.is_place)
        if not (word.is_surname or unsure) or not _stands_alone(text, words, place):
            continue
        following = words[place + 1] if place + 1 < len(words) else None
        given = ""
        end = word.end
        if following is not None and _may_be_given(following, word):
            given, end = text[word.end : following.end].strip("、。,. 　"), following.end
        rest = text[end:]
        if rest.startswith(_HONORIFICS) or not _AFTER_NAME.match(rest):
            continue
        introduced = bool(re.match(r"です|だ|でございます|と申|と言い|といい|って(言|い[うい])", rest))
        if introduced or asked or _number_follows(rest) or (given and place == 0):
            best = (word.surface, given, introduced)
    return best


def _may_be_given(following: SpokenWord, surname: SpokenWord) -> bool:
    if following.start - surname.end > 1:
        return False
    if following.kind[2] == "人名":
        return True
    short_noun = following.kind[0] == "名詞" and following.kind[1] in ("普通名詞", "固有名詞")
    return short_noun and bool(re.fullmatch(rf"[{_KANJI}]{{1,3}}", following.surface))


def _stands_alone(text: str, words: tuple[SpokenWord, ...], place: int) -> bool:
    if place == 0:
        return True
    before = words[place - 1]
    if text[before.end : words[place].start].strip():
        return True
    if before.surface == "の" and place > 1 and _presents(words[place - 2]):
        return True
    if before.kind[0] in ("感動詞", "フィラー") or before.surface in _BEFORE_NAMES:
        return True
    return before.kind[0] in ("助動詞",) or before.kind[1] == "終助詞"


def _presents(word: SpokenWord) -> bool:
    """「妻の」, 「丸福商事の」, 「三〇二号室の」 before one's own name."""
    return (
        word.surface in _RELATIONS or word.surface.endswith(_FIRMS) or word.kind[1:3] == ("固有名詞", "一般")
    )


def _number_follows(rest: str) -> bool:
    return bool(re.match(r"[。、\s]*(?:です[。、]?)?(?:電話|番号|契約|注文|[A-ZＡ-Ｚ]の|[0-9０-９〇])", rest))


def _from_patterns(text: str, asked: bool) -> tuple[str, str, bool] | None:
    """A name that the dictionary does not know, in words that can only introduce one."""
    introduced = _INTRODUCED.search(text)
    if introduced:
        return (introduced.group(1), "", True)
    if not asked:
        return None
    answered = _ANSWERED.match(text)
    if answered is None:
        return None
    words = words_of(answered.group(1).translate(_VARIANTS))
    if len(words) == 1 and words[0].kind[1] == "普通名詞" and words[0].kind[0] == "名詞":
        return None
    if any(word.kind[0] not in ("名詞", "接尾辞", "接頭辞") for word in words):
        return None
    return (answered.group(1), "", False)


def _spelled(text: str) -> str:
    """A name spelled out: 「仲間の仲、市町村の村」, 「四月一日って書いて」, 「黒いっていう字に…で黒葛原」."""
    written = _WRITTEN.search(text)
    if written is not None and len(written.group(1)) >= 2:
        return written.group(1)
    signs = [
        match.group("sign")
        for match in _SIGN.finditer(text)
        if match.group("sign") in match.group("hint") or match.group("hint").endswith(_ANY_SIGN)
    ]
    if not signs:
        return ""
    whole = _WHOLE.search(text)
    if whole is not None:
        return whole.group(1)
    return "".join(signs) if 2 <= len(signs) <= 4 else ""


def _of_one(known: str, called: str) -> bool:
    """Whether two names may be one person's: 「小野田剛」 and 「小野寺」."""
    return bool(set(known) & set(called)) or not re.search(f"[{_KANJI}]", known)


def _is_common(name: str) -> bool:
    """「代理人」 and 「保護者」 are what people are, not their names."""
    words = words_of(name.translate(_VARIANTS))
    return name[-1] in "人者主員族" or (len(words) == 1 and words[0].kind[1] == "普通名詞")


def _called(text: str) -> list[tuple[str, str]]:
    """Names before 「様」, as family name and given name."""
    found = []
    for match in _CALLED.finditer(text):
        if _ANOTHERS.search(text[: match.start(1)]):
            continue
        names = _names_before(text, match)
        if names:
            found.append((names[0].surface, "".join(word.surface for word in names[1:])))
            continue
        name = _READ_DIGITS.sub("", match.group(1))
        if re.search(f"[{_KANJI}ァ-ヴ][ぁ-ん]", name):
            name = re.split(f"(?<=[ぁ-ん])(?=[{_KANJI}])", name)[-1]
            if re.search("[ぁ-ん]$", name):
                continue
        if not name.endswith(_NOT_NAMES) and not _is_common(name) and name not in _NOBODY:
            found.append((name, ""))
    return found


def _names_before(text: str, match: re.Match[str]) -> list[SpokenWord]:
    """The words of a name that ends where 「様」 begins."""
    words = [word for word in words_of(text[: match.end(1)]) if word.end <= match.end(1)]
    names: list[SpokenWord] = []
    for word in reversed(words):
        if names and names[0].start != word.end:
            break
        last = not names and (
            word.kind[1] == "固有名詞"
            or (word.kind[0] == "名詞" and bool(re.fullmatch(rf"[{_KANJI}]{{1,3}}", word.surface)))
        )
        if word.kind[2] != "人名" and not last:
            break
        names.insert(0, word)
    if not names or names[-1].end != match.end(1) or not any(word.kind[2] == "人名" for word in names):
        return []
    if text[: names[0].start].endswith("・"):
        return []
    return names if names[0].kind[3] in ("姓", "一般") or len(names) == 1 else []
