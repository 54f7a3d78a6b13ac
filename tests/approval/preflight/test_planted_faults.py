"""Planted faults: preflight finds each, at its level, and finds nothing else in the same edition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.utils.translation import override

from mailer.approval.preflight.check_input import Description, LinkFact, PictureFact, Place, Reader
from mailer.desk.editions.theme_field_and_preview import colour_label
from mailer.rendering.data_types import Block, LocalText, MastheadText, Picture
from subscribers.translate_stored_texts import translated
from tests.approval.preflight_edition import (
    CLEAN,
    PICTURE,
    PORTRAIT,
    WRITTEN,
    check,
    with_block,
    with_content,
    with_masthead,
    with_sender,
    with_story,
    with_subject,
    with_text,
    with_variants,
    with_written,
)

Plant = Callable[[Description], Description]


def summary(text: str, language: str = "en", key: str = "cash") -> Plant:
    return lambda d: with_text(d, key, language, summary=text)


def body(markup: str, language: str = "en", key: str = "map") -> Plant:
    return lambda d: with_text(d, key, language, body=markup)


def link(url: str) -> Plant:
    return lambda d: with_story(d, "cash", {"link": url})


def anchor(url: str, words: str) -> Plant:
    return body(f'<p>Read <a href="{url}">{words}</a>.</p>')


def alt(text: str, language: str = "en") -> Plant:
    return lambda d: with_text(d, "map", language, picture_alt=text)


def subject(language: str = "en", **values: str) -> Plant:
    return lambda d: with_subject(d, language, **values)


def link_fact(state: Any, status: int = 0, final: str = "") -> Plant:
    url = "https://www.office.int/uz/film"
    return lambda d: replace(d, links={**d.links, url: LinkFact(state, status, final)})


def picture(size: int = 60_000, sharpness: float | None = 0.9) -> Plant:
    return lambda d: replace(d, pictures={PICTURE: PictureFact(size, sharpness)})


def written(kind: str, language: str = "", **values: Any) -> Plant:
    return lambda d: with_written(d, kind, language, **values)


def theme(**colours: str) -> Plant:
    return lambda d: with_masthead(d, theme=tuple(colours.items()))


def html(change: Callable[[str], str]) -> Plant:
    return lambda d: with_variants(d, lambda v: replace(v, html=change(v.html)))


ERROR, WARNING = "error", "warning"
FAULTS: dict[str, tuple[str, str, Plant]] = {
    # What is planted: code, level, how.
    "lorem ipsum": ("text.placeholder", ERROR, summary("Lorem ipsum dolor sit amet, consectetur.")),
    "the journalists' mark for a figure to come": (
        "text.placeholder",
        ERROR,
        summary("A study of TKTK transfers in a year."),
    ),
    "TODO": ("text.placeholder", ERROR, summary("A study of transfers. TODO: the number of people.")),
    "XX for a number": (
        "text.placeholder",
        ERROR,
        summary("Исследование от XX декабря, и в нём о переводах.", "ru"),
    ),
    "a merge tag in braces": ("text.placeholder", ERROR, summary("Dear {{first_name}}, this is a study.")),
    "a merge tag of Mailchimp": ("text.placeholder", ERROR, summary("Dear *|FNAME|*, this is a study.")),
    "a note in brackets": (
        "text.placeholder",
        ERROR,
        summary("[вставить текст] о переводах и о людях.", "ru"),
    ),
    "a placeholder in a subject": (
        "text.placeholder",
        ERROR,
        subject(subject="TBD: the subject of December"),
    ),
    "a dead link": ("link.dead", ERROR, link_fact("missing", 404)),
    "a link to no server": ("link.dead", ERROR, link_fact("no_server")),
    "a link to a private address": ("link.dead", ERROR, link_fact("private")),
    "a link without an answer": ("link.no_answer", WARNING, link_fact("no_answer")),
    "a link that is refused": ("link.no_answer", WARNING, link_fact("refused", 403)),
    "a redirecting link": ("link.moved", WARNING, link_fact("moved", 200, "https://www.office.int/film")),
    "an http link": ("link.http", WARNING, link("http://www.office.int/cash")),
    "a localhost link": ("link.local", ERROR, link("http://localhost:8000/cash")),
    "a link into the intranet": ("link.local", ERROR, link("https://intranet/cash")),
    "a link to an internal address": ("link.local", ERROR, link("https://10.0.0.7/cash")),
    "a staging link": ("link.staging", ERROR, link("https://staging.office.int/cash")),
    "an example link": ("link.example", ERROR, link("https://example.com/cash")),
    "a link with a space": ("link.invalid", ERROR, link("https://www.office.int/my page")),
    "a link without https": ("link.invalid", ERROR, link("www.office.int/cash")),
    "a link without a target": (
        "link.no_target",
        WARNING,
        body("<p>Read <a>the report</a> of the project.</p>"),
    ),
    "a document with an account": (
        "link.private_page",
        ERROR,
        link("https://docs.google.com/document/d/1aB/edit?usp=sharing"),
    ),
    "another address shown": (
        "link.other_address_shown",
        ERROR,
        anchor("https://www.office.int/a", "www.ministry.gov.kz"),
    ),
    "tracking parameters": (
        "link.tracking",
        WARNING,
        link("https://www.office.int/cash?utm_source=fb&fbclid=1"),
    ),
    "a shortened link": ("link.shortened", WARNING, link("https://bit.ly/3abc")),
    "click here, English": ("link.vague_words", WARNING, anchor("https://www.office.int/a", "Click here")),
    "click here, Russian": (
        "link.vague_words",
        WARNING,
        body('<p>Читайте о проекте <a href="https://www.office.int/a">здесь</a>, и на сайте.</p>', "ru"),
    ),
    "click here, Kazakh": (
        "link.vague_words",
        WARNING,
        lambda d: with_text(d, "cash", "kk", link_label="Осында басыңыз"),
    ),
    "a missing description": ("picture.alt_missing", ERROR, alt("")),
    "a file name as description": ("picture.alt_file_name", WARNING, alt("IMG_2041.jpg")),
    "a description like the headline": (
        "picture.alt_repeats",
        WARNING,
        alt("Kazakhstan begins to map its diaspora"),
    ),
    "pale colours in the light": ("design.contrast", WARNING, theme(quiet="#7C8894")),
    "pale colours in the dark": ("design.contrast", WARNING, theme(dark_quiet="#75828C")),
    "unreadable colours": ("design.unreadable", ERROR, theme(quiet="#C8D0D6")),
    "headings that skip a level": (
        "message.heading_order",
        WARNING,
        html(lambda page: page.replace("</body>", "<h2>a</h2><h5>b</h5></body>")),
    ),
    "Russian under the label Kazakh": (
        "text.wrong_language",
        ERROR,
        lambda d: with_text(
            d,
            "cash",
            "kk",
            headline="Почему деньги из-за рубежа получают наличными",
            summary="Исследование рассматривает переводы с двух сторон: кто их предлагает и кто пользуется.",
            link_label="Читать исследование о переводах",
        ),
    ),
    "an English headline among Russian": (
        "text.language_mixed",
        WARNING,
        lambda d: with_text(d, "cash", "ru", headline="Why the money from abroad still arrives as cash"),
    ),
    "a message of 95 KB": ("message.large", WARNING, html(lambda page: page.ljust(95_000))),
    "a message of 101 KB": ("message.clipped", ERROR, html(lambda page: page.ljust(101_000))),
    "a heavy picture": ("picture.heavy", WARNING, picture(size=450_000)),
    "a small picture": (
        "picture.small",
        WARNING,
        lambda d: with_story(d, "map", {"picture": Picture(PICTURE, 320, 160)}),
    ),
    "a blurred picture": ("picture.blurred", WARNING, picture(sharpness=0.2)),
    "a long subject": ("subject.long", WARNING, subject(subject="Why transfers arrive as banknotes " * 3)),
    "a subject in capitals": ("subject.capitals", WARNING, subject(subject="WHY TRANSFERS ARRIVE LATE")),
    "an untranslated subject": (
        "subject.same_in_languages",
        WARNING,
        lambda d: with_subject(
            with_subject(d, "kk", preheader="UNHCR, UNICEF, OSCE"), "ru", preheader="UNHCR, UNICEF, OSCE"
        ),
    ),
    "Re: in a subject": ("subject.reply", ERROR, subject(subject="Re: transfers and banknotes")),
    "the sender in the subject": (
        "subject.repeats_sender",
        WARNING,
        subject(subject="Silk Road Monthly: transfers"),
    ),
    "a preview text like the subject": (
        "preheader.repeats",
        WARNING,
        subject(preheader="Why transfers arrive as banknotes"),
    ),
    "a long preview text": ("preheader.long", WARNING, subject(preheader="A study and a film. " * 9)),
    "a missing translation": (
        "text.missing",
        WARNING,
        lambda d: with_story(d, "cash", lambda story: {"texts": story.texts[:2]}),
    ),
    "an empty section": (
        "edition.section_empty",
        WARNING,
        lambda d: with_block(d, Block("heading", countries=("UZ",))),
    ),
    "a past event": ("date.event_past", ERROR, lambda d: replace(d, today=date(2021, 12, 20))),
    "an event of another year": (
        "date.event_other_year",
        ERROR,
        summary("The screening is on 18 December 2012, and belongs to a festival.", key="film"),
    ),
    "a wrong year": (
        "date.year",
        WARNING,
        summary("A study of transfers that came out on 22 November 2020."),
    ),
    "a wrong weekday, English": (
        "date.weekday",
        ERROR,
        summary("The screening is on Friday, 18 December, and belongs to a festival.", key="film"),
    ),
    "a wrong weekday, Russian": (
        "date.weekday",
        ERROR,
        summary("Показ пройдёт в пятницу, 18 декабря, и входит в программу фестиваля.", "ru", "film"),
    ),
    "a wrong weekday, Kazakh": (
        "date.weekday",
        ERROR,
        summary("Көрсетілім 18 желтоқсан, жұма күні өтеді және фестивальге кіреді.", "kk", "film"),
    ),
    "a story twice": ("edition.story_twice", ERROR, lambda d: with_block(d, Block("story", ("map",)))),
    "a story that was sent": (
        "edition.story_sent_before",
        WARNING,
        lambda d: replace(d, sent_before={"cash": "Monthly, 2021-11"}),
    ),
    "a story without readers": (
        "audience.story_without_readers",
        WARNING,
        lambda d: with_masthead(replace(d, readers=(Reader(("KZ",), "kk"),)), countries=("KZ",)),
    ),
    "a country without readers": (
        "audience.country_without_readers",
        WARNING,
        lambda d: with_masthead(d, countries=("KZ", "UZ", "TJ")),
    ),
    "an open bracket": ("text.unbalanced", WARNING, summary("A study (of transfers looks at both sides.")),
    "an open quotation mark": (
        "text.unbalanced",
        WARNING,
        summary("Исследование «Переводы, и кто ими пользуется.", "ru"),
    ),
    "a direction override": (
        "text.bidi_override",
        ERROR,
        summary("A study of \u202etransfers looks at both sides."),
    ),
    "zero-width text": (
        "text.zero_width",
        WARNING,
        summary("A study of trans\u200bfers looks at both sides."),
    ),
    "a spam phrase": (
        "text.spam_phrase",
        WARNING,
        summary("Спешите: исследование переводов и о людях.", "ru"),
    ),
    "a free mail sender": (
        "sender.free_mail",
        ERROR,
        lambda d: with_sender(d, email="office@gmail.com", dkim_domain=""),
    ),
    "DKIM for another domain": (
        "sender.unaligned",
        WARNING,
        lambda d: with_sender(d, dkim_domain="relay.net"),
    ),
    "DMARC that fails": (
        "sender.unaligned",
        WARNING,
        lambda d: with_sender(d, dns_problems=(("dmarc", "It has no DMARC record."),)),
    ),
    "no postal address": (
        "message.no_postal_address",
        ERROR,
        lambda d: with_masthead(d, postal_address="Almaty"),
    ),
    "no unsubscribe link": (
        "message.no_unsubscribe",
        ERROR,
        html(lambda page: page.replace("%%unsubscribe_url%%", "#")),
    ),
    "unsupported CSS": (
        "design.unsupported_css",
        WARNING,
        html(lambda page: page.replace("</body>", '<p style="display:grid">a</p></body>')),
    ),
    "a deleted story": ("edition.story_deleted", WARNING, lambda d: replace(d, deleted_stories=1)),
    "a story that is a draft": (
        "edition.story_not_ready",
        WARNING,
        lambda d: replace(d, not_ready=(Place("story", "x", "A draft"),)),
    ),
    "no subject": (
        "subject.missing",
        WARNING,
        lambda d: with_content(d, subjects=tuple(replace(one, subject="") for one in d.content.subjects)),
    ),
    "no preview text": ("preheader.missing", WARNING, subject(preheader="")),
    "mixed alphabets": (
        "text.mixed_alphabets",
        WARNING,
        summary("В Кaзахстане исследование переводов и о людях.", "ru"),
    ),
    "an untranslated text block": (
        "text.missing",
        WARNING,
        lambda d: with_block(d, Block("text", texts=(LocalText("en", "<p>A word from the editors.</p>"),))),
    ),
    "a no-reply address": (
        "sender.no_reply",
        WARNING,
        lambda d: with_sender(d, reply_to="no-reply@office.int"),
    ),
}

# The same in the blocks of the editors' own: preflight reads them as it reads stories.
BLOCK_FAULTS: dict[str, tuple[str, str, Plant]] = {
    "a placeholder in a quote": (
        "text.placeholder",
        ERROR,
        written("quote", "ru", text="Теперь я могу прочитать свой договор TBD."),
    ),
    "a placeholder for a person": (
        "text.placeholder",
        ERROR,
        written("quote", "en", detail="XX, seamstress"),
    ),
    "a portrait without a description": ("picture.alt_missing", ERROR, written("quote", "kk", alt="")),
    "a file name as description": (
        "picture.alt_file_name",
        WARNING,
        written("picture", "en", alt="a.jpg"),
    ),
    "a description like the caption": (
        "picture.alt_repeats",
        WARNING,
        written("picture", "en", alt="The first lesson of the course"),
    ),
    "a small picture": ("picture.small", WARNING, written("picture", picture=Picture(PORTRAIT, 500, 333))),
    "a blurred portrait": (
        "picture.blurred",
        WARNING,
        lambda d: with_written(replace(d, pictures={PORTRAIT: PictureFact(9_000, 0.2)}), "quote"),
    ),
    "a heavy still": (
        "picture.heavy",
        WARNING,
        lambda d: with_written(
            replace(d, pictures={PORTRAIT: PictureFact(400_000, 0.9)}),
            "video",
            picture=Picture(PORTRAIT, 1080, 608),
        ),
    ),
    "a picture that cannot be loaded": (
        "picture.unusable",
        ERROR,
        written("picture", picture=Picture("file:///a.jpg", 1080, 720)),
    ),
    "a button to a staging site": (
        "link.staging",
        ERROR,
        written("button", link="https://dev.office.int/course"),
    ),
    "a button that says click here": (
        "link.vague_words",
        WARNING,
        written("button", "ru", text="Нажмите здесь"),
    ),
    "a button without a link": ("link.no_target", WARNING, written("button", link="")),
    "a button in capitals": (
        "text.capitals",
        WARNING,
        written("button", "en", text="REGISTER FOR THE COURSE"),
    ),
    "a video with the sharer's parameters": (
        "link.tracking",
        WARNING,
        written("video", link="https://youtu.be/abc?si=1"),
    ),
    "a dead link in a note": (
        "link.dead",
        ERROR,
        lambda d: with_written(
            replace(d, links={**d.links, "https://www.office.int/a": LinkFact("missing", 404)}),
            "note",
            "en",
            text='<p>Next month: <a href="https://www.office.int/a">schools of the region</a>.</p>',
        ),
    ),
    "an http link in a picture": (
        "link.http",
        WARNING,
        written("picture", link="http://www.office.int/lesson"),
    ),
    "Russian in an English note": (
        "text.wrong_language",
        ERROR,
        written(
            "note",
            "en",
            text="<p>В следующем месяце мы пишем о школах, в которых учатся дети переселенцев.</p>",
        ),
    ),
    "figures that nobody translated": (
        "text.missing",
        WARNING,
        lambda d: with_written(d, "figures", texts=WRITTEN["figures"].texts[:2]),
    ),
    "advertising on a button": (
        "text.spam_phrase",
        WARNING,
        written("button", "en", text="Act now"),
    ),
    "an open bracket in a caption": (
        "text.unbalanced",
        WARNING,
        written("picture", "ru", text="Первое занятие (курса шитья"),
    ),
}

# Written when the checks were finished, before they were run: 18 of 20 were found. The third and the ninth
# were not, and have been added to the checks since.
FRESH_FAULTS: dict[str, tuple[str, Plant]] = {
    "a merge tag in percent signs": (
        "text.placeholder",
        summary("Dear %FIRSTNAME%, a study of transfers came out."),
    ),
    "FW: in a subject": ("subject.reply", subject(subject="FW: transfers and banknotes")),
    "a caption to come": (
        "text.placeholder",
        body("<p>[Photo caption to come] The partners want to learn where people live.</p>"),
    ),
    "a wrong weekday, numeric date": (
        "date.weekday",
        summary("The screening is on Sunday 18.12.2021, and belongs to a festival.", key="film"),
    ),
    "another wrong weekday, Russian": (
        "date.weekday",
        summary("Исследование вышло в четверг, 17 ноября, и рассказывает о переводах.", "ru"),
    ),
    "another wrong weekday, Kazakh": (
        "date.weekday",
        summary("Зерттеу бейсенбі, 16 қараша күні жарық көрді және аударымдар туралы айтады.", "kk"),
    ),
    "a test site": ("link.staging", link("https://test.office.int/cash")),
    "parameters of Mailchimp": ("link.tracking", link("https://www.office.int/cash?mc_cid=12&mc_eid=34")),
    "more here, Russian": (
        "link.vague_words",
        body(
            '<p>Партнёры хотят узнать больше, <a href="https://www.office.int/a">подробнее здесь</a>.</p>',
            "ru",
        ),
    ),
    "a screenshot's name as description": (
        "picture.alt_file_name",
        alt("Screenshot 2021-11-16 at 10.04.11.png"),
    ),
    "Kazakh under the label Russian": (
        "text.wrong_language",
        lambda d: with_text(
            d,
            "cash",
            "ru",
            headline="Шетелден келетін ақшаны неге қолма-қол алады",
            summary="Зерттеу цифрлық аударымдарды екі жағынан қарайды: оларды "
            "кім ұсынады және кім пайдаланады.",
            link_label="Зерттеуді оқу",
        ),
    ),
    "a link to a home network": ("link.local", link("http://192.168.1.20/report.pdf")),
    "advertising in English": (
        "text.spam_phrase",
        summary("Act now!!! A study of transfers looks at both sides."),
    ),
    "an open English quotation": ("text.unbalanced", summary("The “study of transfers looks at both sides.")),
    "a byte order mark in a subject": (
        "text.zero_width",
        subject(subject="Why transfers\ufeff arrive as banknotes"),
    ),
    "a headline in capitals": (
        "text.capitals",
        lambda d: with_text(d, "cash", "ru", headline="ПОЧЕМУ ДЕНЬГИ ПОЛУЧАЮТ НАЛИЧНЫМИ"),
    ),
    "a preview text of another language": (
        "subject.same_in_languages",
        lambda d: with_subject(d, "ru", preheader=d.content.subjects[0].preheader),
    ),
    "a free mail sender in the region": (
        "sender.free_mail",
        lambda d: with_sender(d, email="office@yandex.ru", dkim_domain=""),
    ),
    "an event of last month": (
        "date.event_past",
        lambda d: with_story(d, "film", {"date": date(2021, 11, 18)}),
    ),
    "a mistyped scheme": ("link.invalid", link("htp://www.office.int/cash")),
}


# A second fresh set, of kinds that nobody had planted: 3 of 22 were found at first. These have checks since.
SLIPS: dict[str, tuple[str, str, Plant]] = {
    "a word twice": ("text.word_twice", WARNING, summary("A study looks at at transfers from both sides.")),
    "a word twice, Kazakh": (
        "text.word_twice",
        WARNING,
        summary("Зерттеу аударымдарды кім ұсынатыны және және кім пайдаланатыны туралы айтады.", "kk"),
    ),
    "HTML in a summary": ("text.markup", ERROR, summary("A <b>study</b> looks at digital transfers.")),
    "an entity": ("text.markup", ERROR, summary("A study&nbsp;looks at digital transfers of money.")),
    "a Markdown link": ("text.markup", ERROR, summary("A [study](https://www.office.int/a) of transfers.")),
    "garbled Cyrillic": (
        "text.garbled",
        ERROR,
        summary("A study of " + "переводы".encode().decode("cp1251").replace("\xa0", " ") + "."),
    ),
    "a garbled apostrophe": ("text.garbled", ERROR, summary("A study of the officeâ€™s transfers of money.")),
    "a lost letter": ("text.garbled", ERROR, summary("Исследование рассматривает перев\ufffdды.", "ru")),
    "an editor's note": (
        "text.placeholder",
        ERROR,
        summary("Исследование рассматривает переводы с двух сторон (проверить дату).", "ru"),
    ),
    "a dummy person": ("text.placeholder", ERROR, written("quote", "en", detail="Name Surname")),
    "31 November": ("date.impossible", ERROR, summary("A study that came out on 31 November, of transfers.")),
    "a short weekday": (
        "date.weekday",
        ERROR,
        summary("The screening is on Sun, 18 December, and belongs to a festival.", key="film"),
    ),
    "a figure too many": (
        "text.figures_left_out",
        WARNING,
        lambda d: with_written(
            d,
            "figures",
            texts=tuple(replace(one, text=f"{one.text}\n3 | a\n4 | b") for one in WRITTEN["figures"].texts),
        ),
    ),
    "another figure in a translation": (
        "text.figures_differ",
        ERROR,
        written("figures", "ru", text="1 200 | человек обучено\n61 % | из них женщины"),
    ),
    "a summary like the headline": (
        "text.summary_repeats",
        WARNING,
        summary("Why money from abroad still arrives as cash"),
    ),
    "a sentence that breaks off": ("text.breaks_off", WARNING, summary("A study looks at transfers, and")),
    "a photo of": ("picture.alt_says_picture", WARNING, alt("Photo of two people who sign a paper.")),
    "a picture twice": (
        "picture.twice",
        WARNING,
        written("picture", picture=Picture(PICTURE, 1080, 720)),
    ),
    "a button that is an address": (
        "link.vague_words",
        WARNING,
        written("button", "en", text="https://www.office.int/course"),
    ),
    "an address without a domain": ("link.invalid", ERROR, anchor("mailto:editors@office", "the editors")),
    "a link copied from a search": (
        "link.wrapped",
        WARNING,
        link("https://www.google.com/url?q=https%3A%2F%2Fwww.office.int"),
    ),
}


# A third one: 10 of 20 were found at first.
SLIPS |= {
    "a space before a comma": (
        "text.spacing",
        WARNING,
        summary("A study of transfers , and of people."),
    ),
    "two full stops": ("text.spacing", WARNING, summary("A study looks at transfers from both sides..")),
    "a sign-in page": ("link.private_page", ERROR, link("https://www.office.int/login?next=/cash")),
    "a bracket behind a link": ("link.invalid", ERROR, link("https://www.office.int/cash).")),
    "a Cyrillic letter in a domain": ("link.invalid", ERROR, link("https://www.\u043effice.int/cash")),
    "emoji in a row": (
        "subject.emoji",
        WARNING,
        subject(subject="🎉🔥 Why transfers arrive late 🎉"),
    ),
    "a deadline that is over": (
        "date.deadline_over",
        WARNING,
        summary("Apply by 1 December to take part in the study of transfers."),
    ),
    "a deadline that is over, Russian": (
        "date.deadline_over",
        WARNING,
        summary("Заявки принимаются до 1 декабря, и участвовать в исследовании могут все.", "ru"),
    ),
    "a hidden address": (
        "text.placeholder",
        ERROR,
        body("<p>Write to [email protected] today.</p>"),
    ),
    "a name to come": ("text.placeholder", ERROR, written("quote", "ru", detail="ФИО, швея")),
}


def tagline(language: str, text: str) -> Plant:
    return lambda d: with_masthead(
        d,
        taglines=tuple(
            replace(one, text=text) if one.language == language else one
            for one in d.content.masthead.taglines
        ),
    )


def masthead(language: str = "", **values: str) -> Plant:
    """The newsletter with other values, of every language or of one."""
    if not language:
        return lambda d: with_masthead(d, **values)
    return lambda d: with_masthead(d, texts=(MastheadText(language, **values),))


# A fourth one: 11 of 20 were found at first.
SLIPS |= {
    "a tagline to come": ("text.placeholder", ERROR, tagline("ru", "Слоган будет здесь")),
    "a tagline to come, Kazakh": ("text.placeholder", ERROR, tagline("kk", "Осы жерге ұран жазылады")),
    "an office with blanks": (
        "text.placeholder",
        ERROR,
        masthead("ru", office="Региональное бюро ________"),
    ),
    "a mark of a draft in a subject": (
        "text.draft_mark",
        ERROR,
        subject(subject="FINAL v2 Why transfers arrive as banknotes"),
    ),
    "a test newsletter": ("text.draft_mark", ERROR, masthead(name="Silk Road Monthly (TEST)")),
    "a test sender": ("text.draft_mark", ERROR, lambda d: with_sender(d, name="Regional Office [test]")),
    "a copy of a headline": (
        "text.draft_mark",
        ERROR,
        lambda d: with_text(d, "cash", "en", headline="Copy of Why money still arrives as cash"),
    ),
    "a venue to be announced": (
        "text.to_come",
        WARNING,
        lambda d: with_text(d, "film", "en", venue="The venue will be announced later"),
    ),
    "a venue to be announced, Russian": (
        "text.to_come",
        WARNING,
        lambda d: with_text(d, "film", "ru", venue="Место проведения уточняется"),
    ),
    "a venue to be announced, Kazakh": (
        "text.to_come",
        WARNING,
        lambda d: with_text(d, "film", "kk", venue="Өтетін жері кейінірек хабарланады"),
    ),
    "the number of another edition": (
        "subject.other_edition",
        WARNING,
        subject("ru", subject="Выпуск № 11: почему переводы приходят купюрами"),
    ),
    "the month of another edition": (
        "subject.other_edition",
        WARNING,
        subject("ru", preheader="Ноябрьский выпуск: исследование, соглашение и фильм."),
    ),
    "click here within a button": (
        "link.vague_words",
        WARNING,
        lambda d: with_text(d, "cash", "kk", link_label="Толығырақ білу үшін осында басыңыз"),
    ),
    "a word as description": ("picture.alt_says_nothing", WARNING, alt("Сурет", "kk")),
    "a dash as description": ("picture.alt_says_nothing", WARNING, alt("-")),
    "an English preview text": (
        "text.wrong_language",
        ERROR,
        subject("kk", preheader="A study, an agreement and a film are in this edition."),
    ),
    "a Russian sentence among Kazakh ones": (
        "text.language_mixed",
        WARNING,
        body(
            "<p>Серіктестер адамдардың қайда тұратынын білгісі келеді және олармен сөйлеседі.</p>"
            "<p>Партнёры договорились провести весной второй семинар, на который пригласят всех.</p>",
            "kk",
        ),
    ),
}


# A fifth one: 11 of 20 were found at first.
SLIPS |= {
    "Word's message of a lost link": (
        "text.program_error",
        ERROR,
        summary("Исследование переводов. Ошибка! Недопустимый объект гиперссылки.", "ru"),
    ),
    "Excel's message of a lost cell": (
        "text.program_error",
        ERROR,
        summary("A study of #REF! transfers from both sides."),
    ),
    "a sender without a name": (
        "sender.without_name",
        WARNING,
        lambda d: with_sender(d, name="news@office.int"),
    ),
    "a headline like a paragraph": (
        "text.headline_long",
        WARNING,
        lambda d: with_text(
            d, "cash", "en", headline="Why money from abroad still arrives as cash, says a study" * 3
        ),
    ),
    "another time than the event's": (
        "date.event_time",
        ERROR,
        lambda d: with_text(
            with_story(d, "film", {"starts": "18:30", "ends": "20:30", "zone": "Asia/Tashkent"}),
            "film",
            "ru",
            summary="Показ начнётся в субботу, 18 декабря, в 19:00, и входит в программу фестиваля.",
        ),
    ),
    "another time than the event's, by the twelve-hour clock": (
        "date.event_time",
        ERROR,
        lambda d: with_text(
            with_story(d, "film", {"starts": "18:30", "zone": "Asia/Tashkent"}),
            "film",
            "en",
            summary="The screening begins on Saturday, 18 December, at 6 p.m. and belongs to a festival.",
        ),
    ),
    "a quote without its person": ("text.part_missing", WARNING, written("quote", "kk", detail="")),
    "a venue in two of three languages": (
        "text.part_missing",
        WARNING,
        lambda d: with_text(
            with_text(d, "film", "en", venue="House of Friendship"), "film", "ru", venue="Дом дружбы"
        ),
    ),
    "a preview of a page": ("link.private_page", ERROR, link("https://www.office.int/?p=18&preview=true")),
    "a page of a content management system": (
        "link.private_page",
        ERROR,
        link("https://www.office.int/cms/pages/5/"),
    ),
    "the form of a page": ("link.private_page", ERROR, link("https://www.office.int/node/18/edit")),
    "a heading that was copied": (
        "text.same_in_languages",
        WARNING,
        lambda d: with_content(
            d,
            blocks=tuple(
                replace(
                    one,
                    countries=(),
                    texts=(
                        LocalText("en", "News of the region"),
                        LocalText("ru", "Новости региона"),
                        LocalText("kk", "Новости региона"),
                    ),
                )
                if one.kind == "heading"
                else one
                for one in d.content.blocks
            ),
        ),
    ),
    "an English text in Cyrillic letters": (
        "text.other_letters",
        WARNING,
        subject(subject="Уай трансферс аррайв эс банкноутс"),
    ),
    "two stories of one page": (
        "edition.same_page",
        WARNING,
        lambda d: with_story(d, "film", {"link": "https://www.office.int/cash/"}),
    ),
}


# A sixth one: 4 of 20 were found at first. Two have no check: a button that leads to a site's first page may
# be meant, and the form of the settings accepts no address without a domain.
SLIPS |= {
    "no space behind a full stop": (
        "text.spacing",
        WARNING,
        summary("A study looks at digital transfers.It asks who offers them."),
    ),
    "no space behind a comma": (
        "text.spacing",
        WARNING,
        summary("Исследование переводов,которые растут.", "ru"),
    ),
    "a comma at the end of a headline": (
        "text.breaks_off",
        WARNING,
        lambda d: with_text(d, "cash", "ru", headline="Почему деньги из-за рубежа получают наличными,"),
    ),
    "a preview text that was cut": (
        "text.breaks_off",
        WARNING,
        subject("kk", preheader="Осы шығарылымда зерттеу, келісім және фи…"),
    ),
    "a text without its beginning": (
        "text.begins_low",
        WARNING,
        summary("udy looks at digital transfers from both sides, and asks who uses them."),
    ),
    "the head of a forwarded message": (
        "text.editing_trace",
        ERROR,
        body("<p>---------- Forwarded message ---------</p><p>The partners want to learn more.</p>"),
    ),
    "the comment of a reviewer": (
        "text.editing_trace",
        ERROR,
        body("<p>The partners want to learn more. Commented [AB1]: do they all want it? </p>"),
    ),
    "a telephone number to come": (
        "text.placeholder",
        ERROR,
        body("<p>Партнёры отвечают по телефону +7 727 ххх-хх-хх каждый день.</p>", "ru"),
    ),
    "another day than the event's": (
        "date.event_other_day",
        ERROR,
        summary("The screening is on Sunday, 19 December, and belongs to a festival.", key="film"),
    ),
    "a weekday of another year than the event's": (
        "date.weekday",
        ERROR,
        lambda d: with_story(d, "film", {"date": date(2022, 12, 18)}),
    ),
    "news of next year": (
        "date.story_date",
        WARNING,
        lambda d: with_story(d, "map", {"date": date(2022, 11, 16)}),
    ),
    "a dialog for sharing": (
        "link.wrapped",
        WARNING,
        link("https://www.facebook.com/sharer/sharer.php?u=https%3A%2F%2Fwww.office.int"),
    ),
    "a link with a visit": ("link.tracking", WARNING, link("https://www.office.int/cash?PHPSESSID=1a2b3c")),
    "a quote twice": (
        "edition.block_twice",
        WARNING,
        lambda d: with_block(d, WRITTEN["quote"], replace(WRITTEN["quote"], picture=None)),
    ),
}


def test_a_clean_edition_has_no_finding() -> None:
    assert check(CLEAN) == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_at_its_level(fault: str) -> None:
    code, level, plant = FAULTS[fault]
    found = check(plant(CLEAN))
    assert {one: finding.level for one, finding in found.items()} == {code: level}


def test_a_missing_preview_text_is_found_beside_a_missing_subject() -> None:
    assert set(check(with_content(CLEAN, subjects=()))) == {"subject.missing", "preheader.missing"}


def test_clean_blocks_of_the_editors_have_no_finding() -> None:
    assert check(with_block(CLEAN, *WRITTEN.values()), render=True) == {}


@pytest.mark.parametrize("fault", BLOCK_FAULTS)
def test_a_fault_in_a_block_of_the_editors_is_found_at_its_level(fault: str) -> None:
    code, level, plant = BLOCK_FAULTS[fault]
    found = check(plant(CLEAN))
    assert {one: finding.level for one, finding in found.items()} == {code: level}


@pytest.mark.parametrize("fault", SLIPS)
def test_a_slip_of_writing_is_found_at_its_level(fault: str) -> None:
    code, level, plant = SLIPS[fault]
    found = check(plant(CLEAN))
    assert {one: finding.level for one, finding in found.items()} == {code: level}


@pytest.mark.parametrize(
    "text", ["Дуран Дуран приехали", "Балдар бир бирине жардам берет", "СССР и РФ", "café “naïve”"]
)
def test_what_only_looks_like_a_slip_is_none(text: str) -> None:
    for language in ("ru", "ky"):
        found = check(with_text(CLEAN, "cash", language, summary=text))
        assert not {"text.word_twice", "text.garbled", "text.markup"} & set(found)


def test_an_address_with_blanks_is_unfinished() -> None:
    plant = masthead("ru", postal_address="Казахстан, г. Алматы, ул. ________, дом 12")
    assert set(check(plant(CLEAN), render=True)) == {"text.placeholder"}


@pytest.mark.parametrize(
    ("plant", "code"),
    [
        # A school's number, an event of another month, graduates.
        (subject("ru", subject="Школа № 11 принимает детей переселенцев"), "subject.other_edition"),
        (subject("ru", subject="Почему 120 выпускников вернулись в ноябре"), "subject.other_edition"),
        (subject("ru", subject="Выпуск № 12: почему переводы приходят купюрами"), "subject.other_edition"),
        (subject(subject="The December edition: why transfers arrive late"), "subject.other_edition"),
        (summary("Write your question here, and send it to the editors."), "text.placeholder"),
        (summary("Напишите нам здесь, и редакция ответит на вопросы.", "ru"), "text.placeholder"),
        (subject(subject="FINAL DECLARATION OF THE MEETING"), "text.draft_mark"),
        (subject(subject="A final test of the new border checks"), "text.draft_mark"),
        (lambda d: with_text(d, "film", "en", venue="House of Friendship, hall 2"), "text.to_come"),
        (alt("Portrait of a seamstress at her window"), "picture.alt_says_nothing"),
        (
            lambda d: with_text(d, "cash", "en", link_label="See who presses for cheaper transfers"),
            "link.vague_words",
        ),
        (
            lambda d: with_text(
                with_story(d, "film", {"starts": "18:30", "zone": "Asia/Tashkent"}),
                "film",
                "en",
                summary="The doors open at 6 p.m.; the screening is on Saturday, 18 December, at 6:30 p.m.",
            ),
            "date.event_time",
        ),
        (
            summary("An error! Most of the money still arrives as cash, and item #12 says why."),
            "text.program_error",
        ),
        (link("https://www.office.int/previews-of-films/drafting?view=preview"), "link.private_page"),
        (link("https://egov.kz/cms/ru/services/migration/123"), "link.private_page"),
        # A name in another language is no text in it.
        (masthead("ru", name="The Voice of the Silk Road and of its People"), "text.language_mixed"),
    ],
)
def test_what_only_looks_like_a_leftover_is_none(plant: Plant, code: str) -> None:
    assert code not in check(plant(CLEAN))


@pytest.mark.parametrize("fault", FRESH_FAULTS)
def test_a_fault_that_the_checks_were_not_written_for_is_found(fault: str) -> None:
    code, plant = FRESH_FAULTS[fault]
    assert code in check(plant(CLEAN))


def test_pale_colours_are_named_as_in_the_form_of_the_theme() -> None:
    finding = check(theme(dark_quiet="#75828C")(CLEAN))["design.contrast"]
    with override("ru"):
        assert f"«{colour_label('quiet')}»" in translated(finding.found[0].detail)


@pytest.mark.parametrize("run", ["a", "0", "550 ", "- ", "\n", "слово"])
def test_a_run_that_no_language_has_is_read_in_part(run: str) -> None:
    """Otherwise some checks would take minutes for it, and digits would be no number."""
    description = with_text(CLEAN, "map", "en", body=f"<p>Begins. {run * 20_000} Ends.</p>")
    check(description)
    (text,) = (one for one in description.texts if one.plain.startswith("Begins."))
    assert len(text.plain) < 1_000 and text.plain.endswith("Ends.")
