"""Names are found whatever their endings, and nothing else is."""

from __future__ import annotations

import pytest

from mailer.editions import glossary_matching
from mailer.editions.glossary_matching import Term


@pytest.mark.parametrize(
    ("language", "form", "text"),
    [
        ("ru", "Международная организация по миграции", "в Международной организации по миграции"),
        ("ru", "МОМ", "Сотрудники МОМ приехали."),
        ("ru", "Кыргызстан", "Вернулись в Кыргызстане и из Кыргызстана"),
        ("ru", "Ферганская долина", "жители Ферганской долины"),
        ("ru", "Бишкек", "бишкекские школы в Бишкеке"),
        ("ru", "Тёплый дом", "проекта «Теплый дом»"),
        ("kk", "Қазақ Қызыл Ай қоғамы", "Қазақ Қызыл Ай қоғамының еріктілері"),
        ("kk", "БҰҰ", "БҰҰның өкілдері, БҰҰ-ға"),
        ("kk", "Халықаралық ұйым", "Халықаралық ұйымдардың бірі"),
        ("kk", "Ақтөбе", "Ақтөбеде"),
        ("ky", "Ош", "Ошто жана Оштун"),
        ("ky", "Эл аралык уюм", "эл аралык Эл аралык уюмдун"),
        ("ky", "Бишкек", "Бишкекте, Бишкегим"),
        ("tg", "Созмони байналмилалӣ", "Созмони байналмилалии муҳоҷират"),
        ("tg", "Хуҷанд", "дар Хуҷандро"),
        ("uz", "Qizil Yarim Oy", "Qizil Yarim Oyning ko‘ngillilari"),
        ("uz", "Toshkent", "Toshkentdagi"),
        ("uz", "Fargʻona vodiysi", "Farg'ona vodiysida"),
        ("uz", "O‘zbekiston", "Oʻzbekistonliklar"),
        ("tk", "Aşgabat", "Aşgabadyň, Aşgabatda"),
        ("tk", "Halkara guramasy", "Halkara guramasynyň"),
        ("en", "International Office", "the International Office's report"),
        ("en", "the Bridges project", "In the Bridges project, people meet"),
    ],
)  # fmt: skip
def test_an_inflected_name_is_found(language: str, form: str, text: str) -> None:
    assert glossary_matching.mentions_any(text, [form], language)


@pytest.mark.parametrize(
    ("language", "form", "text"),
    [
        ("ru", "Ош", "Ошибка в ошибках"),
        ("ru", "МОМ", "В этот момент мама сказала"),
        ("ru", "Международная организация по миграции", "международная организация молодёжи"),
        ("kk", "БҰҰ", "бұл жерде"),
        ("en", "International Office", "an international officer"),
        ("en", "IOM", "an iometer"),
        ("uz", "Qizil Yarim Oy", "qizil olma, yarim oy"),
        ("tk", "Aşgabat", "aş gabat"),
    ],
)
def test_another_word_is_not(language: str, form: str, text: str) -> None:
    assert not glossary_matching.mentions_any(text, [form], language)


def test_a_forbidden_form_within_an_allowed_one_is_none() -> None:
    term = Term((("ru", ("Кыргызская Республика", "Кыргызстан")),), (("ru", ("Киргизия", "Республика")),))
    assert glossary_matching.forbidden_in("Кыргызской Республики", term, "ru") == ""
    assert glossary_matching.forbidden_in("Республика и Кыргызская Республика", term, "ru") == "Республика"
    assert glossary_matching.forbidden_in("в Киргизии", term, "ru") == "Киргизия"
