"""Finds words that lack the letters of their language: typed without them, or in an old 8-bit font."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mailer.approval.preflight.check_input import split_sentences

_OWN_LETTERS: Mapping[str, str] = {"kk": "әғқңөұүһі", "ky": "ңөү", "tg": "ғӣқӯҳҷ", "tk": "çäžňöşüý"}
# Frequent words as a foreign keyboard writes them, which are no words of it. A word stands as it is;
# a stem, with a hyphen behind it, is followed by any ending.
_BARE: Mapping[str, str] = {
    "kk": """
        ушин енбек- коптеген коп копте- омири омирин- тилинде тилин тилдер- озин- ози озинин кундер-
        кунги кунтизб- бирак бирге кейин- кандай кашан калай кайда кайдан келетин истейтин- журетин-
        акша- колма(?=-кол) жумыс- билим билимин- билед- дейин мемлекеттик халыкар- кукык- когам-
        кызмет- орталык- орталыг- жогары улкен кишкентай туркия озбек- казак казактар- казакстан-
        кыргызстан- тажикстан- калада калалар- кауымд- кауип- колдау колдан- колжетим- мугалим- окушы-
        окыту- денсаулык- онир- ондирис- максат- маселе- малимет- акпарат- акпан- кыркуйек- желтоксан-
        кыздар- айел- катыс- катынас- кабылда- кайта каржы- карсы уйым- уйрен- уйлер- турак- тусин-
        сурак- соз солтуст- онтуст- шыгыс- шыгар- болган- алган- барган- жасаган- корсет- комек- косым-
        косыл- кобей- кобине- колик- корши- отбасыл- ушинши екинши биринши сагат
    """,
    "ky": """
        учун кучуно жонундо омур- олко- кундор- кундо куну коп коптогон озу озун озунун- озубуз- тузул-
        тушун- корсот- корун- суйло- окмот- онугуу- онуктур- откор- отот откон отуп дуйно- дуйшомбу
        тундук- мумкун- туштук- сурот- жургуз- журуш- озгор- озбек- уйрон- уйлор- болум- толом- кобой-
        конул- колом- кочмо- кочур- онокт- ондуруш- жонот- олчо- омурлук суйлош- тигуучу- иштоо-
        которуулор- берилуучу- келуучу- билуу- берууч- коргозмо- тортунчу учунчу дуйнолук коз-караш-
        тузум- тузот
    """,
    "tg": """
        точик- точикист- хукук- мухочир- чумхури- вакт- карор- чавон- чахон- шахр- руз рузи рузхо-
        хисоб- максад- конун- бехтар- мехнат- тахсил- хозир- накд сухбат- хорич- хама хамаи хамин хамчун
        хамкор- хамватан- хамон хатто чараён- чомеа- харакат- химоя- хифз- хуччат- тахкик- накша- лоиха-
        чойгир- ичро- дахсола- чанубй- мархила- кишвархо- хазор хафт хафта- хашт хуруч- хаёт-
    """,
    "uz": """
        boyicha korsat- koplab kopgina kopchil- toliq toldir- malumot- otkaz- ozbek- togri togrisida kop
        bolib boladi bolgan- bolsa bolish- bolmagan- yoq qollab qoshim- qoshni- qoshma ozi ozin- ozlari-
        ozaro ozgar- sozlar- sozi ogir- oqit- oqish- oqiydi oquvchi- orgat- ortacha ortasida orin-
        ornat- otgan otdi otadi yolga yolida yoriqnoma- tolov- tortinchi kochma- kochib qogoz- bogla-
        bogcha- bogliq- sogliq- soglom mashgulot- ogzaki jonat- sorov- soralgan- soradi togilgan- yigil-
        yigin- dostlik bolim- bolinma- qoriq- ogil- korinish- organdi organadi organish- organmoqda
    """,
    "tk": """
        ucin komek- taze- gunler- gunun- ozi ozuni kop kopi caga- cagalar- dasary yyl yylda yylyn saher-
        sahsy cykar- cykys- cagyr- hyzmatdas- ylalasyk- owren- onum- onumcilik- mumkin ustunlik- duzgun-
        dusun- isgar- gatnas- turkmen- ulke- gunde tikinci-
    """,
}
# Groups of letters that the language never writes: Tajik plurals end in -ҳо, and the Turkmen y is a vowel,
# which stands beside no other.
_NEVER: Mapping[str, str] = {
    "tg": r"[^\W\d_]{4,}хо(?:и|ро|ву)?(?!\w)",
    "tk": r"[a-z]*(?:y[aeiouäöü]|[aeouäöü]y)[a-z]*",
}
# Letters of other languages that stand for the language's own in fonts from before Unicode.
_OLD_FONT = re.compile("[ќљњѓўїґєѕјђћџ]", re.IGNORECASE)
_WORD_OF_TWO = re.compile("[\u0400-\u052f]{2,}")


def _compiled(code: str) -> re.Pattern[str]:
    words = [rf"{one[:-1]}\w*" if one.endswith("-") else rf"{one}(?!\w)" for one in _BARE[code].split()]
    if code in _NEVER:
        words.append(_NEVER[code])
    return re.compile(rf"(?<![\w‘ʻ’'`ʼ-])(?:{'|'.join(words)})(?![‘ʻ’'`ʼ])", re.IGNORECASE)


_PATTERNS: Mapping[str, re.Pattern[str]] = {code: _compiled(code) for code in _BARE}
# So many words in a sentence that has letters of the language beside them are no name or quotation.
_BESIDE_OWN = 3


def word_without_letters(plain: str, code: str) -> str:
    """A word that was typed without the letters of its language; empty where there is none."""
    if code not in _PATTERNS:
        return ""
    for sentence in split_sentences(plain):
        # A capital letter within a sentence may begin a name of another language.
        found = [
            one[0]
            for one in _PATTERNS[code].finditer(sentence)
            if not one.start() or one[0][0].islower() or code in ("kk", "ky")
        ]
        has_own = any(one in _OWN_LETTERS.get(code, "") for one in sentence.casefold())
        if found and (code == "uz" or not has_own or len(found) >= _BESIDE_OWN):
            return found[0]
    return ""


def old_font_word(plain: str, code: str) -> str:
    """A word in an old 8-bit font of Kazakh, Kyrgyz or Tajik; empty where there is none."""
    if code not in ("kk", "ky", "tg"):
        return ""
    words = [one for one in _WORD_OF_TWO.findall(plain) if _OLD_FONT.search(one)]
    has_own = any(one in _OWN_LETTERS[code] for one in plain.casefold())
    # One name of another language beside letters of its own is no font.
    return words[0] if len(set(words)) > 1 or (words and not has_own) else ""
