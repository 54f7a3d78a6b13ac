"""Words that were typed without the letters of their language, and texts in old fonts."""

from __future__ import annotations

import pytest

from mailer.approval.preflight.words_without_special_letters import old_font_word, word_without_letters
from tests.approval.preflight_clean_stories import STORIES
from tests.approval.preflight_languages import BLOCKS, MORE

BARE = (
    ("kk", "Шетелден келетин акшаны неге колма-кол алады"),
    ("kk", "Казакстан жумысшылары кукыктарын биледи"),
    ("ky", "Чет олкодон келген акча эмне учун накталай алынат"),
    ("ky", "Тигуучулор озунун укуктарын билишет"),
    ("tg", "Чаро пул аз хорича то хол накд гирифта мешавад"),
    ("tg", "Кишвархои Осиёи Маркази"),
    ("uz", "Tikuvchilar oz huquqlarini organdi"),
    ("uz", "Mashgulot soat 9:00 da boladi"),
    ("tk", "Dasary yurtdan gelyan pul name ucin nagt alynyar"),
    ("tk", "Tikinciler hukuklaryny bilyarler"),
)
OLD = (
    ("tg", "Љумњурии Тољикистон"),
    ("tg", "Шањрвандон ба ќонун итоат мекунанд"),
    ("kk", "Ќазаќстан жўмысшылары"),
    ("ky", "Їйлґр жана кґпїрґлґр"),
)


@pytest.mark.parametrize(("code", "plain"), BARE)
def test_a_word_without_its_letters_is_found(code: str, plain: str) -> None:
    assert word_without_letters(plain, code)


@pytest.mark.parametrize(("code", "plain"), OLD)
def test_an_old_font_is_found(code: str, plain: str) -> None:
    assert old_font_word(plain, code)


def test_a_name_of_another_language_is_no_font() -> None:
    assert not old_font_word("Київ қаласы, көмек", "kk")
    assert not old_font_word("Шаҳри Љубљана дар Словения ҷойгир аст", "tg")


def test_clean_texts_have_all_their_letters() -> None:
    texts = [
        (code, part)
        for story in (*STORIES, *MORE.values(), *BLOCKS.values())
        for code, parts in story.items()
        for part in parts
    ]
    wrong = [
        (one, code) for code, one in texts if word_without_letters(one, code) or old_font_word(one, code)
    ]
    assert wrong == []
