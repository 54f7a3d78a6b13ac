"""Emails with stories: text and attachments, quotes and signatures, and whom our mail server vouches for."""

from __future__ import annotations

import time
from email.message import EmailMessage
from io import BytesIO

import pillow_heif
import pytest
from PIL import Image

from mailer.stories.sources.email_messages import (
    authentication_results,
    is_forged,
    read_head,
    read_message,
    stories_of,
)
from tests.stories import word_files

SENDER = "aigerim@almaty.example.org"


def message(
    text: str = "", html: str = "", subject: str = "Fwd: [news] The new office opens"
) -> EmailMessage:
    """A message of a colleague."""
    found = EmailMessage()
    found["From"], found["To"], found["Subject"] = SENDER, "stories+almaty@example.org", subject
    found["Date"], found["Message-ID"] = "Tue, 16 Nov 2021 10:00:00 +0600", "<one@almaty.example.org>"
    found.set_content(text or "The text of the message.")
    if html:
        found.add_alternative(html, subtype="html")
    return found


def photo(kind: str = "PNG", size: tuple[int, int] = (400, 300)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, "navy").save(file, kind)
    return file.getvalue()


def test_the_text_is_a_story_without_signature_and_quotes() -> None:
    text = (
        "Kazakhstan, Uzbekistan\n\nThe office opened on 16 November 2021 with a celebration for all of\n"
        "its visitors.\n\n- one\n- two\n\nRead more: https://example.org/office\n\n> quoted\n\n-- \nAigerim\n"
    )
    (item,) = stories_of(read_message(message(text).as_bytes()), "x").items
    assert (item.id, item.title) == ("one@almaty.example.org", "The new office opens")
    assert (item.countries, item.link) == (("KZ", "UZ"), "https://example.org/office")
    assert "celebration for all of its visitors" in item.html and "<li>one</li>" in item.html
    assert "Aigerim" not in item.html and "quoted" not in item.html
    assert item.published is not None and item.published.isoformat()[:10] == "2021-11-16"


@pytest.mark.parametrize(
    "tail",
    [
        '<div class="gmail_quote">On Monday Dana wrote: <blockquote>No text.</blockquote></div>',
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>From: Dana</p></div><p>No text.</p>',
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Dana</div><div>No text.</div>',
        "<p>-----Original Message-----</p><p>No text.</p>",
        "<p>From: Dana</p><p>Sent: Monday</p><p>No text.</p>",
        "<p>16.11.2021, Дана пишет:</p><blockquote>No text.</blockquote>",
        "<script>No text.</script><style>No text.</style>",
    ],
)
def test_html_keeps_its_formatting_and_loses_what_it_answers(tail: str) -> None:
    html = f'<div><p>The <b>first</b> text, <a href="https://example.org/a">here</a>.</p><ul><li>x</li></ul>{tail}</div>'
    given = message(html=html, subject="Re: The new office opens")
    (item,) = stories_of(read_message(given.as_bytes()), "x").items
    assert "<b>first</b>" in item.html and '<a href="https://example.org/a">here</a>' in item.html
    assert "<ul><li>x</li></ul>" in item.html and "No text" not in item.html


HEAD = "<b>From:</b> Dana<br><b>Sent:</b> Monday<br><b>To:</b> Aigerim"


@pytest.mark.parametrize(
    "forwarded",
    [
        '<div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>'
        "From: Dana<br>To: A</div>{}</div>",
        f'<div><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>{HEAD}</p></div></div>{{}}',
        f'<div id="appendonsend"></div><hr><div id="divRplyFwdMsg">{HEAD}</div>{{}}',
        '<div class="moz-forward-container">-------- Перенаправленное сообщение --------'
        '<table class="moz-email-headers-table"><tr><th>Тема: </th><td>Dana</td></tr></table>{}</div>',
        "<blockquote type=cite><div>Begin forwarded message:</div><div>From: Dana</div><br>{}</blockquote>",
        "<div>-------- Пересылаемое сообщение --------<br>От: Dana<br>Кому: A<br><br>{}</div>",
        "<p>-----Original Message-----</p><p>From: Dana</p><p>Sent: Monday</p>{}",
    ],
)
def test_a_message_that_is_forwarded_is_the_story(forwarded: str) -> None:
    paragraphs, lines = (
        "<p>The <b>first</b> text.</p><p>Its end.</p>",
        "The <b>first</b> text.<br><br>Its end.",
    )
    for note, part in (("", paragraphs), ("<p>Please publish.</p>", lines)):
        given = message(html=note + forwarded.format(part))
        (item,) = stories_of(read_message(given.as_bytes()), "x").items
        assert item.html.replace(" </p>", "</p>") == f"{note}{paragraphs}"


def test_a_plain_message_that_is_forwarded_below_a_signature_is_the_story() -> None:
    head = "---------- Forwarded message ---------\nFrom: Dana <dana@example.org>\nDate: Mon\nTo: z\n\n"
    given = message(f"Please publish.\n\n-- \nAigerim\n\n{head}The text.\n\n-- \nDana\n")
    (item,) = stories_of(read_message(given.as_bytes()), "x").items
    assert item.html == "<p>Please publish.</p><p>The text.</p>"


def test_a_line_that_a_writer_draws_ends_no_story() -> None:
    line = '<div style="border:none;border-top:solid windowtext 1.0pt"><p>Two.</p></div>'
    given = message(html=f"<p>One.</p>{line}<p>Three.</p>")
    (item,) = stories_of(read_message(given.as_bytes()), "x").items
    assert item.html == "<p>One.</p><p>Two.</p><p>Three.</p>"


def test_texts_that_are_no_alternatives_are_all_read() -> None:
    outer = message("FYI", html="<p>FYI</p>")
    outer.add_attachment(message("The plain text of the story."))
    (item,) = stories_of(read_message(outer.as_bytes()), "x").items
    assert item.html == "<p>FYI</p><p>The plain text of the story.</p>"
    # As some scripts send them: beside each other, although they are alternatives.
    mixed = EmailMessage()
    mixed["From"], mixed["Subject"] = SENDER, "News"
    mixed.set_content("The text.\n")
    mixed.add_attachment("<p>The <b>text</b>.</p>", subtype="html", disposition="inline")
    (item,) = stories_of(read_message(mixed.as_bytes()), "x").items
    assert item.html == "<p>The <b>text</b>.</p>"


RUSSIAN = "Сегодня в Бишкеке открылась выставка молодых художников."


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("text/plain", "windows-1251"),
        ("text/plain", "utf-8"),
        ("text/plain; charset=us-ascii", "windows-1251"),
        ("text/plain; charset=us-ascii", "utf-8"),
        ("text/plain; charset=win-1251", "windows-1251"),
        ("text/plain; charset=utf-8", "windows-1251"),
        ("text/html", "koi8-r"),
        ("text/plain", "koi8-r"),
        ("text/plain; charset=utf-8", "koi8-r"),
        ("text/plain; charset=us-ascii", "cp866"),
    ],
)
def test_letters_are_read_without_their_encoding(kind: str, encoding: str) -> None:
    text = f"<meta charset={encoding}><p>{RUSSIAN}</p>" if kind == "text/html" else RUSSIAN
    raw = f"From: {SENDER}\nSubject: {RUSSIAN}\nContent-Type: {kind}\n\n{text}".encode(encoding)
    found = read_message(raw)
    assert [block.line for block in found.blocks] == [RUSSIAN]
    assert found.subject == RUSSIAN


@pytest.mark.parametrize(
    ("text", "encoding"), [("L’été à Besançon", "cp1252"), ("Şimdi güzel ağaç", "cp1254")]
)
def test_letters_of_other_languages_are_read_without_their_encoding(text: str, encoding: str) -> None:
    raw = f"From: {SENDER}\nSubject: x\n\n{text}".encode(encoding)
    assert [block.line for block in read_message(raw).blocks] == [text]


def test_a_subject_may_have_letters_beside_encoded_words() -> None:
    raw = f"From: {SENDER}\nSubject: Мост =?utf-8?B?0YLQtdGB0YI=?= =?bad?B?eno=?=\n\nText.".encode()
    assert read_message(raw).subject == "Мост тест =?bad?B?eno=?="


def test_a_damaged_letter_does_not_change_the_encoding() -> None:
    raw = f"From: {SENDER}\nContent-Type: text/plain; charset=utf-8\n\n{RUSSIAN}".encode() + b"\xd0"
    (block,) = read_message(raw).blocks
    assert block.line.startswith(RUSSIAN)


def test_pictures_come_in_and_logos_do_not() -> None:
    given = message()
    given.add_related(photo(size=(90, 30)), "image", "png", cid="<logo>", disposition="inline")
    pillow_heif.register_heif_opener()
    given.add_attachment(photo("HEIF"), maintype="image", subtype="heic", filename="IMG_1.HEIC")
    given.add_attachment(photo("JPEG"), "application", "octet-stream", filename="IMG_2.JPG")
    assert [name for name, _ in read_message(given.as_bytes()).pictures] == ["IMG_1.jpg", "IMG_2.JPG"]
    (item,) = stories_of(read_message(given.as_bytes()), "x").items
    assert item.picture_name == "IMG_1.jpg" and Image.open(BytesIO(item.picture)).format == "JPEG"


def test_a_word_document_that_is_attached_has_the_stories() -> None:
    given = message("Dear colleagues, please find our news attached.")
    given.add_attachment(
        word_files.by_libreoffice(), maintype="application", subtype="octet-stream", filename="Новости.docx"
    )
    found = stories_of(read_message(given.as_bytes()), "x")
    assert {item.title for item in found.items} == {sample.title for sample in word_files.EDITION}
    assert all(item.id.startswith("one@almaty.example.org#1 ") for item in found.items)


@pytest.mark.parametrize("name", ["Новости.doc", "news.ODT", "news.pdf", "news.rtf"])
def test_an_attached_document_that_is_not_read_is_named(name: str) -> None:
    given = message("Dear colleagues, please find our news attached.")
    kind = ("text", "rtf") if name.endswith("rtf") else ("application", "octet-stream")
    given.add_attachment(b"content", maintype=kind[0], subtype=kind[1], filename=name)
    given.add_attachment(photo("JPEG"), maintype="image", subtype="jpeg", filename="hall.jpg")
    found = stories_of(read_message(given.as_bytes()), "x")
    assert len(found.items) == 1
    assert len(found.warnings) == 1 and name in found.warnings[0]


JPEG, WORD = photo("JPEG"), word_files.by_libreoffice()
HEIC_START = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.mark.parametrize(
    ("kind", "name", "data", "stored_name"),
    [
        ("image/jpg", "a.jpg", JPEG, "a.jpg"),
        ("image/pjpeg", "a.JPEG", JPEG, "a.JPEG"),
        ("image/x-png", "a.png", photo(), "a.png"),
        ("application/octet-stream", "hall", photo("WEBP"), "hall.webp"),
        ("application/pdf", "a.png", JPEG, "a.jpg"),
    ],
)
def test_a_picture_is_known_by_its_content(kind: str, name: str, data: bytes, stored_name: str) -> None:
    given = message()
    given.add_attachment(data, *kind.split("/"), filename=name)
    found = stories_of(read_message(given.as_bytes()), "x")
    assert [(item.picture, item.picture_name) for item in found.items] == [(data, stored_name)]
    assert not found.warnings


@pytest.mark.parametrize(
    ("kind", "name", "data", "reason"),
    [
        ("image/tiff", "a.tif", b"II*\0", ""),
        ("image/bmp", "a.bmp", photo("BMP"), ""),
        ("image/svg+xml", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", ""),
        ("image/avif", "a.avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", ""),
        ("image/heic", "a.heic", HEIC_START, "damaged"),
        ("image/pjpeg", "a.jpg", b"no picture", "damaged"),
        ("application/zip", "stories.zip", b"PK\x03\x04", ""),
        ("text/plain", "story.txt", b"The text of the story.", ""),
        ("application/ms-tnef", "winmail.dat", b"\x78\x9f\x3e\x22", "outlook"),
        ("application/pkcs7-mime", "smime.p7m", b"0", "encrypted"),
        ("application/octet-stream", "encrypted.asc", b"-----BEGIN PGP MESSAGE-----\n", "encrypted"),
    ],
)
def test_every_attachment_that_is_not_read_is_named(kind: str, name: str, data: bytes, reason: str) -> None:
    given = message()
    given.add_attachment(data, *kind.split("/"), filename=name)
    read = read_message(given.as_bytes())
    assert read.unread == ((name, reason),)
    (warning,) = stories_of(read, "x").warnings
    assert name in warning


def test_what_is_no_story_is_not_named() -> None:
    given = message(html='<p>The text. <img src="cid:logo%40x"></p>')
    given.add_attachment(
        b"\1\0\0\0", "image", "x-emf", cid="<logo@x>", filename="logo.emf", disposition="inline"
    )
    given.add_attachment(b"0", "application", "pkcs7-signature", filename="smime.p7s")
    given.add_attachment(b"BEGIN:VCALENDAR", "text", "calendar", filename="invite.ics")
    given.add_attachment(b"\r\n", "text", "plain", filename="ATT00001.txt")
    assert read_message(given.as_bytes()).unread == ()


def test_more_attachments_than_are_read_are_told() -> None:
    given = message()
    for number in range(42):
        given.add_attachment(b"PK", "application", "zip", filename=f"{number}.zip")
    unread = read_message(given.as_bytes()).unread
    assert len(unread) == 41 and unread[-1] == ("", "many")


@pytest.mark.parametrize("with_word", [False, True], ids=["second picture", "several stories"])
def test_a_picture_that_no_story_gets_is_named(with_word: bool) -> None:
    given = message()
    given.add_attachment(JPEG, "image", "jpeg", filename="one.jpg")
    given.add_attachment(JPEG, "image", "jpeg", filename="two.jpg")
    if with_word:
        given.add_attachment(WORD, "application", "octet-stream", filename="news.docx")
    found = stories_of(read_message(given.as_bytes()), "x")
    named = [name for name in ("one.jpg", "two.jpg") if any(name in one for one in found.warnings)]
    assert named == (["one.jpg", "two.jpg"] if with_word else ["two.jpg"])


OURS = "mx.example.org; spf=pass smtp.mailfrom=almaty.example.org; dkim=pass header.d=almaty.example.org"


def test_only_our_own_server_is_believed_about_spf_and_dkim() -> None:
    given = message()
    given["Authentication-Results"] = OURS.replace("mx.", "mx.attacker.").replace("pass", "fail")
    given["Authentication-Results"] = OURS
    # What the sender wrote stands below.
    given["Authentication-Results"] = OURS.replace("pass", "none")
    found = read_message(given.as_bytes())
    assert authentication_results(found, ["mx.example.org"]) == {"spf": "pass", "dkim": "pass"}
    assert authentication_results(found, []) == {} and authentication_results(found, ["example.org"]) == {}


@pytest.mark.parametrize(
    ("field", "forged"),
    [
        ("spf=pass smtp.mailfrom=spammer.example; dkim=pass header.d=spammer.example", True),
        ("dkim=none; spf=pass (a comment; dkim=pass) smtp.mailfrom=x@spammer.example", True),
        ("spf=pass smtp.mailfrom=spammer.example smtp.helo=almaty.example.org", True),
        ("spf=pass smtp.mailfrom=org; dkim=pass header.d=spammer.example header.i=@almaty.example.org", True),
        ("dkim=pass header.i=@notalmaty.example.org header.b=abc", True),
        ('spf=pass smtp.mailfrom="a; dkim=pass header.d=almaty.example.org"@spammer.example', True),
        # By a mailing list, or a provider that signs for the office.
        ("spf=pass smtp.mailfrom=list.example; dkim=pass header.d=Example.org", False),
        ("dkim=pass header.d=provider.example; dkim=pass header.d=almaty.example.org; spf=none", False),
        ('spf=pass smtp.mailfrom="aigerim@mail.almaty.example.org"; dkim=none', False),
        ("spf=pass; dkim=none", False),
        ("spf=pass smtp.mailfrom=spammer.example; dmarc=pass header.from=almaty.example.org", False),
    ],
)
def test_what_vouches_for_another_domain_says_nothing_about_the_sender(field: str, forged: bool) -> None:
    given = message()
    given["Authentication-Results"] = f"mx.example.org; {field}"
    results = authentication_results(read_message(given.as_bytes()), ["mx.example.org"])
    assert is_forged(results) is forged


@pytest.mark.parametrize(
    ("results", "forged"),
    [
        ({}, False),
        ({"spf": "pass", "dkim": "fail"}, False),
        ({"spf": "softfail", "dkim": "none"}, True),
        ({"spf": "pass", "dmarc": "fail"}, True),
        ({"spf": "fail", "dmarc": "pass"}, False),
    ],
)
def test_a_sender_that_our_server_does_not_vouch_for_is_forged(results: dict[str, str], forged: bool) -> None:
    assert is_forged(results) is forged


@pytest.mark.parametrize(
    "field",
    [
        b"From: " + b"a@x.org," * 30_000,
        b"Subject: " + b"a" * 300_000 + b" \xff",
        b"Subject: " + b"=?a?q?" * 50_000,
        b"Date: " + b"(" * 300_000,
    ],
    ids=["addresses", "letters", "encoded words", "brackets"],
)
def test_the_header_of_a_hostile_message_is_read_without_its_body(field: bytes) -> None:
    body = b"Content-Type: text/html\n\n" + b"<a " * 300_000
    read_head(field + b"\n" + body)


def test_tags_without_an_end_are_text_and_take_no_time() -> None:
    for html in ("<a ", "<a b='", '<a b="<a '):
        found = read_message(f"Content-Type: text/html\n\n<p>One.</p> 1 < 2 {html * 100_000}".encode())
        assert found.blocks[0].line == "One." and found.blocks[1].line.startswith("1 < 2 <a")


@pytest.mark.parametrize("hostile", ['"' + '\\"' * 300_000, "a" * 600_000, "(" * 600_000])
def test_a_hostile_field_about_authentication_takes_no_time(hostile: str) -> None:
    head = read_head(f"Authentication-Results: mx.example.org; {hostile}\nFrom: {SENDER}\n\n".encode())
    started = time.process_time()
    for trusted in (["mx.example.org"], ["mx.other.example.org"]):
        assert authentication_results(head, trusted) == {}
    assert time.process_time() - started < 2


def test_broken_messages_are_read_as_far_as_they_go() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(200))
    for raw in (
        b"",
        b"\xff\xfe\0",
        b"Subject: =?x?q?=FF?=\n\nText of it",
        b"Subject: =?utf-8?b?a?=\n\nText",
        deep,
        message().as_bytes()[:150],
    ):
        stories_of(read_message(raw), "x")
    given = message()
    given.replace_header("From", f"{SENDER}, other@example.org")
    assert read_message(given.as_bytes()).sender == ""


def test_characters_that_no_database_takes_are_left_out() -> None:
    raw = (
        b"From: %s\nSubject: =?utf-8?q?A_new=00_office?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
        % (SENDER.encode())
    )
    raw += b"Content-Type: application/pdf; name*=utf-8''plan%00.pdf\n\nx\n--b--\n"
    found = read_message(raw)
    assert (found.sender, found.subject, found.unread) == (SENDER, "A new office", (("plan.pdf", ""),))
    assert read_message(raw.replace(b"aigerim", b"aige\0rim")).sender != SENDER
