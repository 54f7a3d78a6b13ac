from __future__ import annotations

import datetime as dt
import email
import email.header
import email.policy
import email.utils
from dataclasses import replace
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import merge_tags, mime, mime_encoding, variants
from mailer.rendering.data_types import RenderedVariant
from tests.rendering.cast import EDITION

ENVELOPE = mime.MailingHeaders(
    from_name="Шёлковый путь, редакция",
    from_email="news@example.org",
    list_id="silk-road-monthly.example.org",
    list_name="Silk Road Monthly",
    reply_to="office@example.org",
    archive_url="https://news.example.org/archive/",
    help_url="https://news.example.org/",
    feedback_id="silk-road-monthly:2021-12:edition:example",
    stream="silk-road-monthly",
    complaints_email="b+cfbl@bounces.example.org",
)
_TOKENS = (
    "message_token",
    "unsubscribe_token",
    "preferences_token",
    "unsubscribe_mail_token",
    "subscriber_token",
    "delivery_token",
)
FORMS = mime.UrlTemplates(
    message_id=f"{mime.TOKEN}@example.org",
    unsubscribe_url=f"https://news.example.org/unsubscribe/{mime.TOKEN}/",
    preferences_url=f"https://news.example.org/preferences/{mime.TOKEN}/",
    unsubscribe_mailto=f"leave+{mime.TOKEN}@example.org",
)
MOMENT = dt.datetime(2021, 12, 3, 9, 5, 7, tzinfo=dt.UTC)
INVALID = r"header may|in a header|a token may|not a URI|not a list identifier|a line$"
COPY = mime.Personalization(
    to="reader@example.net",
    date=mime_encoding.format_date(MOMENT),
    countries="Казахстан, Узбекистан",
    message_token="abc.1",
    unsubscribe_token="abc-DEF_1",
    preferences_token="abc-DEF_2",
    unsubscribe_mail_token="abc",
    delivery_token="1f4.0123456789abcdef0123",
)
# Everything that may stand in a line of a mail's text.
line = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60)
words = st.lists(
    line
    | st.sampled_from(
        [*merge_tags.PLACEHOLDERS.values(), "\n", "\n\n", " ", ".", "\n..", "." * 99, "=", "слово " * 9]
    ),
    max_size=9,
)
body = words.map("".join)


def read(message: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert [part.defects for part in parsed.walk() if part.defects] == []
    return parsed


def parts(message: EmailMessage) -> list[str]:
    inner = list(message.iter_parts())
    assert [part.get_content_type() for part in inner] == ["text/plain", "text/html"]
    return [part.get_content().replace("\r\n", "\n") for part in inner]


def values(copy: mime.Personalization, forms: mime.UrlTemplates = FORMS) -> dict[str, str]:
    return {
        "unsubscribe_url": forms.unsubscribe_url.replace(mime.TOKEN, copy.unsubscribe_token),
        "preferences_url": forms.preferences_url.replace(mime.TOKEN, copy.preferences_token),
        "countries": copy.countries,
        "subscriber_token": copy.subscriber_token,
    }


def assert_disciplined(message: bytes) -> None:
    assert message.endswith(b"\r\n")
    assert message.count(b"\n") == message.count(b"\r") == message.count(b"\r\n")
    assert max(map(len, message.split(b"\r\n"))) <= 998
    assert message.isascii()
    # SMTP would double such a dot, and the sender does not look for it.
    assert b"\r\n." not in message


@pytest.mark.parametrize("language", ["en", "ru", "kk", "uz"])
def test_a_reader_s_mail_reads_as_its_variant_filled_with_the_reader_s_values(language: str) -> None:
    rendered = variants.render(EDITION, ("KZ",), language)
    message = mime.MessageTemplate(rendered, ENVELOPE, FORMS).message(COPY)
    assert_disciplined(message)
    text, html = parts(read(message))
    assert text == merge_tags.fill_text(rendered.text, values(COPY))
    assert html == merge_tags.fill_html(rendered.html, values(COPY))


@given(
    body,
    body,
    line,
    line,
    st.sampled_from([*"/?", "?a=b&c='d'&of=", "x" * 30, "x" * 90, ".%41%s%%~"]),
    st.sampled_from(["", "abc-DEF_3"]),
)
@settings(deadline=None)
def test_any_text_and_any_value_come_out_as_they_went_in(
    text: str, html: str, countries: str, subject: str, page: str, whose: str
) -> None:
    rendered = RenderedVariant("0" * 16, "ru", ("a",), subject.replace("\x85", ""), "", html, text)
    forms = replace(
        FORMS, preferences_url=f"https://example.org/{page}{mime.TOKEN}", unsubscribe_url="https://a.example/"
    )
    copy = replace(COPY, countries=countries, subscriber_token=whose)
    message = mime.MessageTemplate(rendered, ENVELOPE, forms).message(copy)
    assert_disciplined(message)
    assert parts(read(message)) == [
        merge_tags.fill_text(text, values(copy, forms)),
        merge_tags.fill_html(html, values(copy, forms)),
    ]


@pytest.mark.parametrize("kind", [mime_encoding.Base64, mime_encoding.QuotedPrintable])
@given(
    texts=st.lists(st.text("aя =.\t", max_size=5), min_size=2, max_size=6),
    value=st.text("яz=. ", max_size=90),
)
def test_both_encodings_take_values_of_every_length_between_texts_of_every_length(
    kind: type[mime_encoding.Base64] | type[mime_encoding.QuotedPrintable],
    texts: list[str],
    value: str,
) -> None:
    chunks = [texts[0]]
    for text in texts[1:]:
        chunks += ["countries", text]
    part = kind(chunks)
    raw = b"".join(part.fill({"countries": part.encode_value(value.encode())}))
    encoded = raw.partition(b"\r\n\r\n")[2]
    decoded = cast(bytes, email.message_from_bytes(raw).get_payload(decode=True))
    assert decoded.decode().removesuffix("\r\n" if part.name == "quoted-printable" else "") == value.join(
        texts
    )
    assert all(len(one) <= 76 for one in encoded.split(b"\r\n"))
    assert part.name != "base64" or b"=" not in encoded.rstrip(b"=\r\n")


def test_the_encoding_that_takes_less_room_is_taken() -> None:
    assert (
        mime_encoding.smaller_of_quoted_printable_and_base64("Plain words. " * 50).name == "quoted-printable"
    )
    assert mime_encoding.smaller_of_quoted_printable_and_base64("Простые слова. " * 50).name == "base64"


def test_the_headers_offer_one_click_unsubscribe() -> None:
    message = read(mime.MessageTemplate(variants.render(EDITION, (), "ru"), ENVELOPE, FORMS).message(COPY))
    assert message["Subject"] == "Декабрь: страна составляет карту своей диаспоры"
    assert message["From"].addresses[0].addr_spec == "news@example.org"
    assert message["To"] == "reader@example.net"
    assert message["List-Unsubscribe"] == (
        "<https://news.example.org/unsubscribe/abc-DEF_1/>, <mailto:leave+abc@example.org>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Help"] == "<https://news.example.org/>"
    assert message["Feedback-ID"] == "silk-road-monthly:2021-12:edition:example"
    assert message["X-Mailru-Msgtype"] == message["X-Postmaster-Msgtype"] == "silk-road-monthly"
    assert message["CFBL-Address"] == "b+cfbl@bounces.example.org; report=arf"
    assert message["List-Id"] == "Silk Road Monthly <silk-road-monthly.example.org>"
    assert message["Precedence"] == "bulk"
    assert message["Message-ID"] == "<abc.1@example.org>"
    assert message["Date"].datetime == MOMENT
    assert "Auto-Submitted" not in message
    assert len(message.keys()) == len(set(message.keys()))


def test_an_unsubscribe_address_is_never_folded_inside() -> None:
    long = "https://news.example.org/unsubscribe/" + "x" * 300 + "/"
    skeleton = mime.MessageTemplate(
        variants.render(EDITION, (), "en"), ENVELOPE, replace(FORMS, unsubscribe_url=f"{long}{mime.TOKEN}")
    )
    assert f"<{long}{COPY.unsubscribe_token}>".encode() in skeleton.message(COPY)


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@example.org", "a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize(
    "field",
    ["to", "date", "countries", "to_name", *_TOKENS],
)
def test_no_value_of_a_reader_can_begin_another_header(field: str, bad: str) -> None:
    skeleton = mime.MessageTemplate(variants.render(EDITION, ("TM",), "en"), ENVELOPE, FORMS)
    skeleton.message(COPY)
    with pytest.raises(ValueError, match=INVALID):
        skeleton.message(replace(COPY, **{field: bad}))


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@example.org", "a\nb", "a\0b"])
@pytest.mark.parametrize(
    "field",
    ["from_name", "from_email", "list_id", "list_name", "reply_to", "archive_url", "help_url", "feedback_id"],
)
def test_no_setting_of_a_newsletter_can_begin_another_header(field: str, bad: str) -> None:
    with pytest.raises(ValueError, match=INVALID):
        mime.MessageTemplate(
            variants.render(EDITION, ("TM",), "en"), replace(ENVELOPE, **{field: bad}), FORMS
        )


@pytest.mark.parametrize("bad", ["a:b\r\nBcc: x@example.org", "a:b\nb", "a:b\0b", "a:" + "b" * 900])
@pytest.mark.parametrize("field", ["message_id", "unsubscribe_url", "unsubscribe_mailto"])
def test_no_url_template_of_a_mailing_can_begin_another_header(field: str, bad: str) -> None:
    with pytest.raises(ValueError, match=INVALID):
        mime.MessageTemplate(
            variants.render(EDITION, ("TM",), "en"), ENVELOPE, replace(FORMS, **{field: bad})
        )


def test_a_token_is_shown_nowhere_where_its_form_has_no_place_for_it() -> None:
    forms = mime.UrlTemplates("m@example.org", "https://news.example.org/", "https://news.example.org/")
    message = mime.MessageTemplate(variants.render(EDITION, ("TM",), "en"), ENVELOPE, forms).message(COPY)
    assert read(message)["List-Unsubscribe"] == "<https://news.example.org/>"
    assert read(message)["Message-ID"] == "<m@example.org>"
    assert not any(
        token.encode() in message
        for token in (COPY.message_token, COPY.unsubscribe_token, COPY.preferences_token)
    )


def test_what_lies_between_long_texts_is_one_piece() -> None:
    long, mark = "word " * 900, merge_tags.PLACEHOLDERS["unsubscribe_url"]
    text = f"{long}{mark} or {mark}{long}"
    rendered = RenderedVariant("0" * 16, "en", (), "S", "", text, text)
    template = mime.MessageTemplate(rendered, ENVELOPE, FORMS)
    assert len(template.pieces(COPY, template.header_values(COPY))) == 7


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        mime_encoding.format_date(dt.datetime(2021, 12, 3))  # noqa: DTZ001


@given(line)
def test_any_subject_and_any_name_are_read_back_as_they_were(text: str) -> None:
    field = (
        mime_encoding.unstructured_field("Subject", text)
        + mime_encoding.mailbox_header("From", text, "a@example.org")
        + b"\r\n"
    )
    assert field.isascii()
    assert all(len(one) <= 76 or not one.startswith(b"Subject: =?") for one in field.split(b"\r\n"))
    parsed = email.message_from_bytes(field, policy=email.policy.default)
    assert " ".join(str(parsed["Subject"]).split()) == " ".join(text.split())
    assert parsed["From"].addresses[0].addr_spec == "a@example.org"
    # The older reader: the newer one shows the space between two encoded words, which RFC 2047 §6.2 forbids.
    name, _ = email.utils.parseaddr(email.message_from_bytes(field)["From"])
    shown = str(email.header.make_header(email.header.decode_header(name)))
    assert " ".join(shown.split()) == " ".join(text.split())
