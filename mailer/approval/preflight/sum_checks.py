"""Finds parts that do not add up to the whole of their sentence: "120 people: 74 women and 56 men"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FLAGS = re.VERBOSE | re.IGNORECASE
_NUMBER = r"(?<![\w.,%$€+-])(?:\d{1,3}(?:[ \u00a0\u202f,]\d{3})+|\d+)(?![\d%]|[.,]\d)"
FEMALE = (
    r"wom[ae]n|females?|girls?|женщин\w*|девоч\w+|девуш\w+|әйел\w*|қыз(?:дар)?\w{0,3}|аял\w*|"
    r"кыз(?:дар)?\w{0,3}|"
    r"зан(?:он)?|духтар\w*|ayol\w*|xotin-qiz\w*|qiz(?:lar)?\w{0,3}|zenan\w*|gyz(?:lar)?\w{0,3}"
)
MALE = (
    r"m[ae]n|males?|boys?|мужчин\w*|мальчик\w*|юнош\w*|ер(?:лер)?\w{0,3}|ұл(?:дар)?\w{0,3}|эркек\w*|"
    r"эр(?:лер)?|"
    r"уул(?:дар)?|бала(?:лар)?|мард(?:он)?|писар\w*|erkak\w*|o.g.il\w*|erkek\w*|oglan\w*"
)
_OTHERS = r"children|adults?|дет(?:и|ей|ям)|взрослы\w+|балалар|кӯдак\w*|bolalar|çaga\w*"
# "74 women", "74-і әйел", "74 нафар зан", "women – 74", "женщин: 74".
_BEFORE_NOUN = (
    r"(?:-?(?:[іиүуыi]|сы|сі|си|сү|si|sy|то|таши|tasi)(?=\s))?\s(?:[—–-]\s)?(?:(?:нафар|nafari?|of\s+them|"
    r"из\s+них|are|were|"
)
_BEFORE_NOUN += r"young|adult|молодых|жас|жаш|yosh|ýaş)\s)?"
_PART = re.compile(
    rf"(?P<number>{_NUMBER})(?P<between>{_BEFORE_NOUN})(?:(?P<female>{FEMALE})|(?P<male>{MALE})|"
    rf"(?P<other>{_OTHERS}))"
    rf"(?![\w-])|(?<!\w)(?:(?P<female2>{FEMALE})|(?P<male2>{MALE})|(?P<other2>{_OTHERS}))\s?[:—–-]\s?"
    rf"(?P<number2>{_NUMBER})(?!\s?%)",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    rf"""(?P<number>{_NUMBER})\s(?:[^\W\d]+[\s-]){{0,3}}?(?:
      people|persons?|participants?|workers?|migrants?|returnees|refugees|students|officers|employees|trainees
    | teachers|specialists|volunteers|members|visitors|residents
    | children|adults|experts|journalists|applicants
    | человек\w* | люд(?:и|ей) | участник\w* | участниц\w* | работник\w* | мигрант\w* | студент\w*
    | сотрудник\w*
    | специалист\w* | слушател\w+ | волонт[её]р\w* | жител\w+ | дет(?:и|ей) | беженц\w+ | журналист\w*
    | адам\w* | қатысушы\w* | жұмысшы\w* | қызметкер\w* | кісі\w* | маман\w* | бала(?:лар)?
    | киши\w* | катышуучу\w* | жумушчу\w* | кызматкер\w* | адис\w*
    | нафар(?!\s+(?:зан|мард)) | кас | иштирокчӣ\w* | одам\w* | корманд\w* | муҳоҷир\w*
    | nafar(?!\s+(?:ayol|erkak)) | kishi\w* | ishtirokchi\w* | xodim\w* | odam\w* | migrant\w* | bola(?:lar)?
    | adam\w* | gatnaşyjy\w* | işgär\w* | işçi\w* )(?!\w)""",
    _FLAGS,
)
_APPROXIMATE = re.compile(
    r"(?:about|around|some|over|nearly|almost|more\s+than|at\s+least|около|более|больше|примерно|почти|"
    r"свыше|порядка|"
    r"шамамен|жуық|дээрлик|болжол\w*|чамалуу|тақрибан|зиёда\s+аз|беш\s+аз|qariyb|taxminan|ortiq|takmynan|"
    r"golaý)\s*$",
    re.IGNORECASE,
)
_OPENS = re.compile(
    r"[(:,—–]|\b(?:of\s+(?:whom|them)|including|из\s+(?:них|которых)|в\s+том\s+числе|оның\s+ішінде|олардың|"
    r"анын\s+ичинде|алардын|аз\s+ҷумла|аз\s+онҳо|shu\s+jumladan|ulardan|ulardan|şol\s+sanda|olaryň)\b",
    re.IGNORECASE,
)
# "Of the 120 participants 74 were women", where nothing stands between the whole and its parts.
_OF_ALL = re.compile(r"(?<!\w)(?:of|из|аз)\s+(?:the\s+|all\s+|всех\s+|ҳамаи\s+)*$", re.IGNORECASE)
_OF_ALL_ENDING = re.compile(r"(?:[ндт][ыіиуү]ң|[ндт][ыиуү]н|dan|den|ning|nyň|niň|нан|нен)$")
_SOME = re.compile(
    r"\b(?:including|among|в\s+том\s+числе|среди|оның\s+ішінде|анын\s+ичинде|аз\s+ҷумла|shu\s+jumladan|"
    r"jumladan|şol\s+sanda)\b",
    re.IGNORECASE,
)
_JOINS = re.compile(
    r"\s*(?:[,;/]\s*)?(?:(?:and|и|а|және|мен|пен|бен|жана|менен|ва|бо|va|hamda|we|bilen|plus|"
    r"\+)\s+)?(?:the\s+|other\s+)?",
    re.IGNORECASE,
)
_ENDS = re.compile(
    r"\s*(?:адам\w*|киши\w*|нафар\w*|nafar\w*|kishi\w*|adam\w*|took\s+part|отырды)?\s*(?:[).!?;]|$)"
)
_SENTENCE = re.compile(r"\n+|(?<=[.!?…])\s+(?=[^\W\d_a-zа-яё])")
_LONGEST_GAP, _LONGEST_VERB = 60, 30
# "61 % women and 45 % men": a whole in two parts. "61 % of women" is a share of something else.
_SHARES = re.compile(
    r"""(?<![\d.,])(?P<a>\d{1,3}(?:[.,]\d)?)\s?(?:%|per\s?cent|percent|процент\w*|пайыз\w*|пайыз\w*|фоиз\w*|
      дарсад\w*
      |foiz\w*|göterim\w*)(?:-?\w{1,3})?(?:\s(?:are|were|is|was)|\s?[—–:-])?\s
    (?:women|girls|female|женщины|девочки|девушки|әйел(?:дер)?|қыздар|аял(?:дар)?|кыздар|зан|духтарон|
      ayol(?:lar)?
      |qizlar|zenan(?:lar)?|gyzlar)(?!\w),?
    (?:\s(?:and|while|и|а|және|ал|жана|ва|va|esa|we))?\s
    (?P<b>\d{1,3}(?:[.,]\d)?)\s?(?:%|per\s?cent|percent|процент\w*|пайыз\w*|фоиз\w*|дарсад\w*|foiz\w*|
      göterim\w*)
      (?:-?\w{1,3})?(?:\s(?:are|were|is|was)|\s?[—–:-])?\s
    (?:men|boys|male|мужчины|мальчики|юноши|ер(?:лер)?|ұлдар|эркек(?:тер)?|уулдар|балдар|мард|писарон|
      erkak(?:lar)?
      |o.g.il\s+bolalar|erkek(?:ler)?|oglanlar)(?!\w)""",
    _FLAGS,
)
# "Women made up 70 %, men 40 %".
_SHARES_AFTER = re.compile(
    r"""(?<!\w)(?:women|girls|женщины|девочки|әйел(?:дер)?|аял(?:дар)?|зан(?:он)?|ayollar|zenanlar)\s
    (?:[^\W\d]+\s){0,3}[—–-]?\s?(?P<a>\d{1,3}(?:[.,]\d)?)\s?%\S{0,6}\s
    (?:(?:and|while|и|а|және|ал|жана|ва|va|esa|we)\s)?
    (?:men|boys|мужчины|мальчики|ер(?:лер)?|эркек(?:тер)?|мард(?:он)?|erkaklar|erkekler)\s
    (?:[^\W\d]+\s){0,3}[—–-]?\s?(?P<b>\d{1,3}(?:[.,]\d)?)\s?%""",
    _FLAGS,
)
_MAKE_UP = re.compile(
    r"(?:ma[dk]e\s+up|account|составля|составил|құра|түз|ташкил|tashkil|düzýär|düzdi)", re.IGNORECASE
)


@dataclass(frozen=True)
class _Part:
    start: int
    end: int
    number: int
    kind: str


def wrong_sums(plain: str) -> Iterator[str]:
    """The pieces of a text in which the parts are more, or clearly other, than the whole."""
    after = (
        one
        for one in _SHARES_AFTER.finditer(plain)
        if _MAKE_UP.search(plain[one.start() : one.end() + _LONGEST_VERB])
    )
    for shares in (*_SHARES.finditer(plain), *after):
        values = [float(shares[name].replace(",", ".")) for name in ("a", "b")]
        if abs(sum(values) - 100) > 1:
            yield shares[0]
    for sentence in _SENTENCE.split(plain):
        if found := _wrong_sum(sentence):
            yield found


def _wrong_sum(sentence: str) -> str:
    parts = [_part(found) for found in _PART.finditer(sentence)]
    for total in _TOTAL.finditer(sentence):
        run = _run(sentence, [one for one in parts if one.start >= total.end()])
        if not run or _APPROXIMATE.search(sentence[: total.start()]):
            continue
        between = sentence[total.end() : run[0].start]
        is_near = len(between) <= _LONGEST_GAP and not re.search(r"\d", between)
        is_of_all = _OF_ALL.search(sentence[: total.start()]) or _OF_ALL_ENDING.search(total[0])
        if not is_near or not (is_of_all or _OPENS.search(between)):
            continue
        whole, added = _value(total["number"]), sum(one.number for one in run)
        is_whole = (
            re.search(r"[(:—–]\s*(?:\w+\s){0,2}$", between)
            and {"female", "male"} <= {one.kind for one in run}
            and not _SOME.search(between)
            and _ENDS.match(sentence[run[-1].end :])
        )
        # With a comma, one number may well be of another thing than the whole.
        is_more = added > whole and (len(run) > 1 or re.search(r"[(:]", between) or "whom" in between)
        if is_more or (is_whole and added != whole):
            return sentence[total.start() : run[-1].end]
    return ""


def _part(found: re.Match[str]) -> _Part:
    kind = next(name for name in ("female", "male", "other") if found[name] or found[f"{name}2"])
    return _Part(found.start(), found.end(), _value(found["number"] or found["number2"]), kind)


def _run(sentence: str, parts: list[_Part]) -> list[_Part]:
    """The parts that follow each other with a comma or "and" between them, each of another kind."""
    run = parts[:1]
    for one in parts[1:]:
        if not _JOINS.fullmatch(sentence[run[-1].end : one.start]) or (
            one.kind != "other" and any(one.kind == known.kind for known in run)
        ):
            break
        run.append(one)
    return run


def _value(written: str) -> int:
    return int(re.sub(r"\D", "", written))
