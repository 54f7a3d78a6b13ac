"""Emails with stories: text and attachments, quotes and signatures, and whom our mail server vouches for."""

from __future__ import annotations

from email.message import EmailMessage
from io import BytesIO

import pillow_heif
import pytest
from PIL import Image

from mailer.stories.sources.email_messages import authentication_results, is_forged, read_message, stories_of
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
        "<p>-----Original Message-----</p><p>No text.</p>",
        "<p>From: Dana</p><p>Sent: Monday</p><p>No text.</p>",
        "<p>16.11.2021, Дана пишет:</p><blockquote>No text.</blockquote>",
        "<script>No text.</script><style>No text.</style>",
    ],
)
def test_html_keeps_its_formatting_and_loses_what_it_answers(tail: str) -> None:
    html = f'<div><p>The <b>first</b> text, <a href="https://example.org/a">here</a>.</p><ul><li>x</li></ul>{tail}</div>'
    (item,) = stories_of(read_message(message(html=html).as_bytes()), "x").items
    assert "<b>first</b>" in item.html and '<a href="https://example.org/a">here</a>' in item.html
    assert "<ul><li>x</li></ul>" in item.html and "No text" not in item.html


def test_pictures_come_in_and_logos_do_not() -> None:
    given = message()
    given.add_related(photo(size=(90, 30)), "image", "png", cid="<logo>", disposition="inline")
    pillow_heif.register_heif_opener()
    given.add_attachment(photo("HEIF"), maintype="image", subtype="heic", filename="IMG_1.HEIC")
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
