"""Notices in the words of servers and languages of the world: who failed, and whether the address is bad."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from mailer.delivery import message_identifiers
from mailer.feedback.parsing import parse
from mailer.feedback.parsing.parse import parse_message

TO = "aigerim@villages.example"
RETURNED = (
    f"Received: from a\nMessage-ID: <a@news.example>\nFrom: news@news.example\nTo: {TO}\nSubject: Digest\n"
)


def notice(text: str, *, sender: str, subject: str, fields: str = "", returned: bool = False) -> bytes:
    head = f"From: {sender}\nTo: bounces@news.example\nSubject: {subject}\n{fields}"
    body = f"{text}\n\n----- Original message -----\n\n{RETURNED}\n" if returned else f"{text}\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}".encode()


# (sender, subject, text): a failure, as its sender and subject say, in their language.
SENDERS = (
    ("post_master@villages.example", "Mail could not be delivered", f"No such user: {TO}"),
    ("Post-Master <post-master@villages.example>", "failure", f"550 5.1.1 {TO} user unknown"),
    (
        "no-reply@villages.example",
        "メールをお届けできませんでした",
        f"{TO}\n宛先のユーザーは存在しません。",
    ),
    (
        "no-reply@villages.example",
        "メールが届かなかったお知らせ",
        f"ご送信いただいたメールは配送先に届かなかったため返却します。宛先：{TO} ユーザーは存在しません",
    ),
    (
        "no-reply@villages.example",
        "配信されずに戻ったメール",
        f"お預かりしたメールは配信されず、期限切れとなりました。550 5.1.1 {TO}",
    ),
    ("noreply@villages.example", "配信不能のお知らせ", f"{TO} 550 5.1.1 user unknown"),
    ("no_reply@villages.example", "邮件投递失败", f"收件人 {TO} 不存在，无法投递。550 5.1.1"),
    ("noreply@villages.example", "退信通知", f"无法送达：{TO}，用户不存在。"),
    ("noreply@villages.example", "郵件傳送失敗", f"{TO} 550 5.1.1 無法傳送"),
    ("no-reply@villages.example", "메일 배달 실패", f"{TO} 배달하지 못했습니다. 550 5.1.1"),
    (
        "no-reply@villages.example",
        "Сообщение не доставлено",
        f"Адрес {TO} не существует, письмо не доставлено.",
    ),
    ("noreply@villages.example", "Возврат письма", f"Письмо не доставлено: {TO}: пользователь не найден"),
    ("noreply@villages.example", "Хат жеткізілмеді", f"{TO}: пайдаланушы табылмады. Хат жеткізілмеді."),
    (
        "noreply@villages.example",
        "Кат жеткирилген жок",
        f"{TO}: колдонуучу табылган жок, кат жеткирилген жок",
    ),
    (
        "noreply@villages.example",
        "Xat yetkazib bo'lmadi",
        f"{TO}: foydalanuvchi topilmadi. Xat yetkazilmadi.",
    ),
    ("noreply@villages.example", "Паём расонида нашуд", f"{TO}: корбар ёфт нашуд. Паём расонида нашуд."),
    (
        "no-reply@villages.example",
        "Unzustellbar: Digest",
        f"{TO} konnte nicht zugestellt werden: Empfänger unbekannt",
    ),
    ("no-reply@villages.example", "Échec de la remise", f"{TO} n'a pas pu être remis : utilisateur inconnu"),
    (
        "no-reply@villages.example",
        "Mensaje no entregado",
        f"No se pudo entregar a {TO}: el usuario no existe",
    ),
    ("no-reply@villages.example", "Falha na entrega", f"{TO} não pôde ser entregue. 550 5.1.1"),
    ("no-reply@villages.example", "Teslim edilemedi", f"{TO} teslim edilemedi: kullanıcı bulunamadı"),
    ("no-reply@villages.example", "Nie dostarczono wiadomości", f"{TO} nie można dostarczyć. 550 5.1.1"),
    ("no-reply@villages.example", "تعذر تسليم الرسالة", f"{TO} لم يتم تسليم الرسالة 550 5.1.1"),
    (
        "postmaster@villages.example",
        "INFORME DE ERROR EN LA ENTREGA",
        f"Su mensaje no fue entregado a:\n\n  {TO}\n\nporque:\n\n  no existe ese usuario",
    ),
    ("postmaster@villages.example", "Echec de la distribution", f"{TO} : boite aux lettres inconnue"),
)


@pytest.mark.parametrize(("sender", "subject", "text"), SENDERS)
def test_a_program_that_says_so_in_its_language_reports_a_bounce(
    sender: str, subject: str, text: str
) -> None:
    for returned in (False, True):
        reading = parse_message(notice(text, sender=sender, subject=subject, returned=returned))
        assert (reading.kind, [one.address for one in reading.recipients]) == ("bounce", [TO])
        assert reading.recipients[0].classification.bounce_class == "hard"


@pytest.mark.parametrize(
    ("subject", "sender_field", "recipient_field"),
    [
        ("配信不能", "差出人：", "宛先(TO)："),
        ("配信不能", "送信者:", "受信者: "),
        ("退信通知", "发件人：", "收件人："),
        ("메일 배달 실패", "보낸 사람: ", "받는 사람: "),
        ("Сообщение не доставлено", "Отправитель: ", "Получатель: "),
    ],
)
def test_of_the_two_addresses_of_a_list_of_facts_the_recipient_failed(
    subject: str, sender_field: str, recipient_field: str
) -> None:
    text = f"Not delivered.\n{sender_field}editor@office.example\n{recipient_field}{TO}\n"
    raw = notice(text, sender="no-reply@villages.example", subject=subject, fields="Return-Path: <>\n")
    assert [one.address for one in parse_message(raw).recipients] == [TO]


@pytest.mark.parametrize(
    "text",
    [
        f"次のアドレスに配信できません：{TO}。",
        f"宛先「{TO}」は存在しません。",
        f"收件人（{TO}）不存在",
        f"无法投递到{TO}，请检查。",
        f"邮件无法发送给《{TO}》；用户不存在",
        f"Не доставлено: «{TO}»",
        f"Undeliverable: “{TO}”",
        f"Not delivered to {TO}… user unknown",
    ],
)
def test_wide_punctuation_and_quotes_end_an_address(text: str) -> None:
    raw = notice(text, sender="MAILER-DAEMON@villages.example", subject="Returned mail")
    assert [one.address for one in parse_message(raw).recipients] == [TO]


# Complete notices about one address that is bad, with the words that they add for people.
ABOUT_THE_ADDRESS = (
    f"Your message to {TO} couldn't be delivered: the address wasn't found at villages.example.",
    f"Your email to {TO} was not delivered, because the account does not exist.",
    f"The message that you sent to address {TO} was rejected. 550 5.1.1 User unknown",
    f"{TO}: user unknown. This message was returned to its sender.",
    f"Ваше сообщение на адрес {TO} не доставлено: пользователь не найден.",
    f"Ваше письмо для {TO} не было доставлено, так как почтовый ящик не существует.",
    f"Сообщение возвращено отправителю: {TO}: адрес не существует",
    f"Ihre Nachricht an {TO} wurde an den Absender zurückgeschickt: Empfänger unbekannt.",
    f"Votre message à {TO} est retourné à l'expéditeur : utilisateur inconnu",
    f"Su mensaje a {TO} no se pudo entregar: el usuario no existe. Se devuelve al remitente.",
    f"Mesajınız {TO} adresine teslim edilemedi: kullanıcı bulunamadı",
    f"Your message was not delivered to {TO}: no such user. Check your address book.",
    f"Delivery to {TO} failed: unknown user. The sender has been notified.",
    f"550 5.1.1 <{TO}>: Recipient rejected: User unknown in virtual table; from=<n@news.example>",
    f"<{TO}>: 550 5.1.1 no such user here. Contact your provider or your mail administrator for help.",
    f"{TO}\n550 5.1.1 user unknown\n\nThis e-mail is confidential and was scanned for viruses.",
    f"{TO}\n550 5.1.1 user unknown\n\n-- \nChecked by AntiSpam Security: no virus found in this message.",
    f"{TO}\nпользователь не найден\n\nДанное сообщение проверено на вирусы и спам.",
)


@pytest.mark.parametrize("text", ABOUT_THE_ADDRESS)
def test_words_for_people_do_not_hide_that_the_address_is_bad(text: str) -> None:
    raw = notice(text, sender="MAILER-DAEMON@villages.example", subject="Undelivered mail returned to sender")
    (recipient,) = parse_message(raw).recipients
    assert recipient.address == TO
    assert recipient.classification.bounce_class == "hard", recipient.classification.rule


def report(text: str, groups: str) -> bytes:
    return (
        "From: MAILER-DAEMON@villages.example\nTo: bounces@news.example\nSubject: Undelivered\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n"
        f"--B\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        "--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; villages.example\n\n"
        f"{groups}\n--B--\n"
    ).encode()


@pytest.mark.parametrize(
    "footer",
    [
        "This email has been scanned for viruses by SomeGuard. Content filtering policy applies.",
        "This message is confidential; unauthorised use is prohibited by policy.",
        "Это сообщение конфиденциально. Проверено антивирусом.",
        "If you think this is spam, see our policy on unsolicited mail.",
    ],
)
def test_a_footer_does_not_outweigh_the_code_of_a_report(footer: str) -> None:
    group = f"Final-Recipient: rfc822; {TO}\nAction: failed\nStatus: 5.1.1\n"
    (recipient,) = parse_message(report(f"Your message was not delivered.\n\n{footer}", group)).recipients
    assert recipient.classification.reason == "unknown_user"
    # The reason that the server gives outweighs it.
    refused = f"{group}Diagnostic-Code: smtp; 550 message rejected as spam\n"
    (recipient,) = parse_message(report(footer, refused)).recipients
    assert recipient.classification.reason == "spam_content"


@pytest.mark.parametrize(
    "text",
    [
        "<one@left.example>: 550 5.1.1 user unknown\n\n<two@right.example>: 552 5.2.2 mailbox full\n",
        "<one@left.example>:\nSorry, no mailbox here by that name.\n\n<two@right.example>:\nMailbox full\n",
        "550 5.1.1 user unknown: <one@left.example>\n552 mailbox full: <two@right.example>\n",
        "one@left.example\n  550 5.1.1 no such user\ntwo@right.example\n  552 over quota\n",
        "one@left.example\n  550 5.1.1 no such user\n\nMailbox full at the next one:\n"
        "two@right.example\n  552 over quota\n",
        "The following failed:\none@left.example\ntwo@right.example\n\nTranscript:\n"
        "<<< 550 5.1.1 <one@left.example>... User unknown"
        "\n<<< 552 <two@right.example>... Mailbox full\n",
    ],
)
def test_each_of_several_recipients_has_its_own_reason(text: str) -> None:
    raw = notice(text, sender="MAILER-DAEMON@villages.example", subject="Undeliverable")
    found = {one.address: one.classification.reason for one in parse_message(raw).recipients}
    assert found == {"one@left.example": "unknown_user", "two@right.example": "mailbox_full"}


@pytest.mark.parametrize(
    "groups",
    [
        "Final-Recipient: rfc822; one@left.example, two@right.example\nAction: failed\nStatus: 5.1.1\n",
        "Final-Recipient: rfc822; <one@left.example>; <two@right.example>\nAction: failed\nStatus: 5.1.1\n",
        "Final-Recipient: rfc822; one@left.example\nAction: failed\nStatus: 5.1.1\n"
        "Final-Recipient: rfc822; two@right.example\nAction: failed\nStatus: 5.1.1\n",
    ],
)
def test_every_address_of_a_report_is_read(groups: str) -> None:
    found = [one.address for one in parse_message(report("Failed.", groups)).recipients]
    assert found == ["one@left.example", "two@right.example"]


@pytest.mark.parametrize(
    "line", [f"Failed recipients: one@left.example, {TO}", f"one@left.example; {TO}: user unknown"]
)
def test_every_address_of_a_line_is_read(line: str) -> None:
    raw = notice(line, sender="MAILER-DAEMON@villages.example", subject="Undeliverable")
    assert {one.address for one in parse_message(raw).recipients} == {"one@left.example", TO}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        # The report was forwarded to the mailbox of the one who failed.
        (f"550 5.1.1 user unknown: {TO}", f"X-Original-To: {TO}\n"),
        (f"Unknown address {TO}", f"Delivered-To: {TO}\n"),
        (
            "User unknown.\n\n----- Copy of your message -----\nReceived: from a\nMessage-ID: <a@b>\n"
            f"X-Original-To: {TO}\nSubject: x\n",
            "",
        ),
        (
            "User unknown.\n\nBelow this line is a copy of the message.\n\nReceived: from a by b for\n"
            f"  <{TO}>; Mon\nMessage-ID: <a@b>\nSubject: x\n",
            "",
        ),
        (f"User unknown.\n\nOriginal message follows:\nRecipient: {TO}\nSubject: x\n", ""),
    ],
)
def test_the_recipient_is_found_where_it_is_the_only_one(text: str, fields: str) -> None:
    raw = notice(text, sender="MAILER-DAEMON@villages.example", subject="Undeliverable", fields=fields)
    assert [one.address for one in parse_message(raw).recipients] == [TO]


def test_a_single_failed_recipient_keeps_the_address_that_was_written_to() -> None:
    fields = "X-Failed-Recipients: member@group.example\n"
    raw = notice(
        "Not delivered.", sender="MAILER-DAEMON@a.example", subject="failure", fields=fields, returned=True
    )
    (recipient,) = parse_message(raw).recipients
    assert (recipient.address, recipient.alias) == ("member@group.example", TO)


def test_amazons_notice_within_a_notification_is_read() -> None:
    event = {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": TO, "diagnosticCode": "550 5.1.1 user unknown"}],
        },
    }
    body = json.dumps({"Type": "Notification", "Message": json.dumps(event)})
    raw = notice(body, sender="AWS Notifications <no-reply@sns.example>", subject="AWS Notification Message")
    reading = parse_message(raw)
    assert (reading.kind, [one.address for one in reading.recipients]) == ("bounce", [TO])
    assert reading.recipients[0].classification.bounce_class == "hard"


CHALLENGES = (
    "Your message is being held. Please confirm that you are human by clicking the link below.",
    "I use a filter. Prove that you are a person, not a machine, and your mail to me will be delivered.",
    "To deliver your message solve this captcha: https://filter.example/1",
    "Please reply to confirm yourself as the sender; the message could not be delivered until then.",
    "Your e-mail is waiting until you verify your address. Undelivered mail is returned after 7 days.",
    "Подтвердите, что вы не робот, и письмо будет доставлено.",
    "Ваше письмо не доставлено. Докажите, что вы человек.",
    "Bitte bestätigen Sie, dass Sie ein Mensch sind; Ihre Nachricht konnte noch nicht zugestellt werden.",
    "Confirmez que vous êtes un humain, votre message n'a pas été remis.",
    "请确认您不是机器人，否则邮件无法投递。",
)


@pytest.mark.parametrize("text", CHALLENGES)
@pytest.mark.parametrize(
    "sender",
    ["dana@villages.example", "no-reply@filter.example", "Mail Delivery System <guard@filter.example>"],
)
def test_a_filter_that_wants_a_human_reports_no_bounce(text: str, sender: str) -> None:
    raw = notice(
        f"{text}\n{TO}",
        sender=sender,
        subject="Undelivered: confirm your message",
        fields="Return-Path: <>\n",
        returned=True,
    )
    assert parse_message(raw).kind == "auto_reply"


@pytest.mark.parametrize(
    "text",
    [
        f"Dear {TO}, your mailbox is full. Log in to https://mail.example/1, or mail will not be delivered.",
        f"4 messages to {TO} failed. Verify your account: https://mail.example/1",
        f"Ваш ящик {TO} переполнен, письма не доставлены. Войдите в почту: https://mail.example/1",
    ],
)
def test_mail_that_asks_to_log_in_is_no_bounce_whoever_it_says_sent_it(text: str) -> None:
    sender, subject = "Mail Delivery System <mailer-daemon@mail.example>", "Undelivered mail"
    assert parse_message(notice(text, sender=sender, subject=subject)).kind == "other"
    repeated = f"{text}\nThe server said: 550 5.1.1 user unknown"
    assert parse_message(notice(repeated, sender=sender, subject=subject)).kind == "bounce"


# A form that flufl.bounce knows, by a sender that nothing else gives away.
ODD = notice(
    f"Hi. The message could not go on.\n\nFailed addresses follow:\n---------------------\n<{TO}>... no\n",
    sender="no-reply@villages.example",
    subject="Something",
)


def test_flufl_is_asked_about_mail_that_nothing_else_recognises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "scan_message", lambda message: {TO.encode()})
    reading = parse_message(ODD)
    assert (reading.kind, [(one.address, one.found_by) for one in reading.recipients]) == (
        "bounce",
        [(TO, "flufl")],
    )
    # Not where a person wrote, replied or forwarded.
    assert parse_message(ODD.replace(b"no-reply@", b"dana@")).kind == "other"
    assert parse_message(ODD.replace(b"Subject: ", b"Subject: Fwd: ")).kind == "other"


def test_an_exception_of_flufl_is_logged_at_debug_level(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(message: Any) -> set[bytes]:
        raise AttributeError(TO)

    monkeypatch.setattr(parse, "scan_message", fail)
    with caplog.at_level(logging.DEBUG, parse.__name__):
        assert parse_message(ODD).kind == "other"
    (record,) = [one for one in caplog.records if "flufl_failed" in one.getMessage()]
    assert (record.levelno, TO in record.getMessage()) == (logging.DEBUG, False)


def test_nothing_else_is_logged_when_a_detector_of_flufl_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # One expects that an author can be read.
    parse.parse_or_raise(b"Return-Path: <>\nFrom:\nSubject: hello\n\nnothing that is known\n")
    assert {(one.levelname, one.getMessage()) for one in caplog.records} == {
        ("DEBUG", "action=flufl_failed error=IndexError")
    }


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Teslim gecikti", f"{TO}\nBu ileti henüz teslim edilmedi. Denemeler devam edecek."),
        ("Доставку відкладено", f"{TO}\nПовідомлення ще не доставлено. Спроби доставки триватимуть."),
        ("Недоставленное сообщение", f"{TO}\nПисьмо пока не доставлено. Попытки доставки продолжаются."),
        ("Сообщение не доставлено", f"{TO}\nСервер будет повторять попытки в течение трёх дней."),
        ("Жеткізу кешіктірілді", f"{TO}\nХабар әлі жеткізілген жоқ."),
        ("Entrega retrasada", f"{TO}\nEl mensaje aún no se ha entregado."),
        ("Entrega atrasada", f"{TO}\nA mensagem ainda não foi entregue."),
        ("Recapito ritardato", f"{TO}\nIl recapito è stato ritardato."),
        ("Dostarczenie opóźnione", f"{TO}\nWiadomość nie została jeszcze dostarczona."),
        ("Doručení zpožděno", f"{TO}\nDoručení bylo zpožděno."),
        ("Bezorging vertraagd", f"{TO}\nDit bericht is nog niet bezorgd."),
        ("延迟传递", f"{TO}\n此邮件尚未传递。"),
        ("配信遅延のお知らせ", f"{TO}\nこのメッセージはまだ配信されていません。"),
        ("배달 지연", f"{TO}\n배달이 지연되었습니다."),
    ],
)
def test_a_server_that_continues_to_try_reports_a_delay_in_any_language(subject: str, text: str) -> None:
    raw = notice(text, sender="postmaster@villages.example", subject=subject)
    assert parse_message(raw, message_identifiers.envelope_sender(5)).kind == "delay"


@pytest.mark.parametrize(
    "text",
    [
        f"Mail to {TO} could not be delivered. It has been delayed for 5 days; we are returning it to you.",
        f"Письмо для {TO} не доставлено: доставка была отложена, срок хранения истёк.",
        f"Письмо для {TO} не доставлено: доставка была отложена; письмо возвращено отправителю.",
        f"{TO}: адрес не найден. Попытайтесь отправить повторно, или повторите попытку позже.",
        f"{TO}: адрес не найден. Повторные попытки доставки не предпринимаются.",
    ],
)
def test_a_server_that_has_tried_long_enough_reports_a_bounce(text: str) -> None:
    raw = notice(text, sender="postmaster@villages.example", subject="Undeliverable: Digest")
    assert parse_message(raw).kind == "bounce"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Das Postfach des Empf&auml;ngers ist &uuml;berf&uuml;llt.", "mailbox_full"),
        ("Le destinataire n&rsquo;existe pas.", "unknown_user"),
        ("".join(f"&#{ord(letter)};" for letter in "Почтовый ящик переполнен"), "mailbox_full"),
    ],
)
def test_a_notice_in_nothing_but_html_is_read(text: str, reason: str) -> None:
    html = f"<html><body><p>{TO.replace('@', '&#64;')}</p><p>{text}</p></body></html>"
    raw = notice(html, sender="postmaster@villages.example", subject="Undeliverable: Digest")
    (found,) = parse_message(raw.replace(b"text/plain", b"text/html")).recipients
    assert (found.address, found.classification.reason) == (TO, reason)


@pytest.mark.parametrize("charset", ["windows-1251", "koi8-r"])
@pytest.mark.parametrize(
    "label",
    ["", "; charset=us-ascii", "; charset=ISO-8859-1", "; charset={}", "\nContent-Transfer-Encoding: 8bit"],
)
def test_a_notice_in_cyrillic_is_read_without_its_charset(charset: str, label: str) -> None:
    raw = (
        "From: no-reply@villages.example\nTo: b@news.example\nSubject: Сообщение не доставлено\n"
        f"Content-Type: text/plain{label.format(charset)}\n\n{TO}\nНе доставлено: почтовый ящик переполнен.\n"
    )
    (found,) = parse_message(raw.encode(charset)).recipients
    assert (found.address, found.classification.reason) == (TO, "mailbox_full")


def test_latin_letters_without_their_charset_are_not_taken_for_cyrillic() -> None:
    raw = notice(f"{TO}\nEmpfänger über Änderung: böse Grüße", sender="postmaster", subject="failure notice")
    (found,) = parse_message(raw.decode().encode("latin-1").replace(b"utf-8", b"us-ascii")).recipients
    assert "Empfänger über Änderung: böse Grüße" in found.diagnostic


def test_a_transfer_encoding_with_a_comment_is_known() -> None:
    fields = "Content-Transfer-Encoding: quoted-printable (as usual)\n"
    raw = notice(f"{TO}: =6Dailbox full", sender="postmaster", subject="failure notice", fields=fields)
    assert parse_message(raw).recipients[0].classification.reason == "mailbox_full"


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
@pytest.mark.parametrize("length", range(4))
def test_a_text_that_was_cut_or_damaged_keeps_its_other_letters(charset: str, length: int) -> None:
    words = f"{TO}\n收件人邮箱已满\n" + "x" * length + "词语 " * 30_000
    raw = notice(words, sender="MAILER-DAEMON", subject="failure notice").decode().replace("utf-8", charset)
    for damaged in (raw.encode(charset), raw[:300].encode(charset) + b"\xd0 \xff\n"):
        assert parse_message(damaged).recipients[0].classification.reason == "mailbox_full"
