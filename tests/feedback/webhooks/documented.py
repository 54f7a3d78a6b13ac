"""What each service documents about its events: how a request is verified, and how it reports a message."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailer.stories.url_fetcher import Fetched, FetchError

Event = dict[str, Any]

SECRET = "a secret of the tests"
UNKNOWN = "550 5.1.1 <aigerim@example.net>: Recipient address rejected: User unknown"
FULL = "552 5.2.2 The mailbox is over its quota"
SPAM = "554 5.7.1 Message rejected as spam"


class Post(NamedTuple):
    body: bytes
    headers: dict[str, str]
    content_type: str = "application/json"


class Message(NamedTuple):
    """The message that an event is about."""

    token: str
    to: str
    at: datetime
    # Distinguishes events that are otherwise the same.
    number: int = 1


class Documented:
    """One service. Where it reports complaints and unsubscribes, it has methods `complained` and
    `unsubscribed` as well; where it reports many events in a request, `together`."""

    name = ""
    config: dict[str, Any] = {"key": "k", "webhook_secret": SECRET}
    # The reason of a temporary failure without a reply.
    soft_reason = "temporary"
    # What `unsubscribed` names beside our token: the sender, everything that we send, or nothing.
    unsubscribe_names = "nothing"

    def post(self, event: Any, at: datetime) -> Post:
        """The request, verified as the service documents."""
        return self.sign(json.dumps(event).encode(), at)

    def sign(self, body: bytes, at: datetime) -> Post:
        """Any body as a request of the service."""
        return Post(body, {"Authorization": basic("hooks", SECRET)})

    def forged(self, event: Any, at: datetime) -> list[Post]:
        """The request as it would be without the service's secret."""
        body = json.dumps(event).encode()
        headers = [
            {},
            {"Authorization": basic("hooks", "guessed")},
            {"Authorization": basic(SECRET, "")},
            {"Authorization": "Basic ?"},
            {"Authorization": f"Bearer {SECRET}"},
        ]
        return [Post(body, one) for one in headers]

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Any:
        raise NotImplementedError

    def deferred(self, message: Message) -> Any:
        raise NotImplementedError

    def delivered(self, message: Message) -> Any:
        raise NotImplementedError

    def opened(self, message: Message) -> Any:
        raise NotImplementedError

    def suppressed(self, message: Message) -> Any:
        """The service did not send it, because the address is on its own list."""
        raise NotImplementedError


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Postmark(Documented):
    name = "postmark"
    unsubscribe_names = "everything"

    def _event(self, record: str, message: Message, **more: Any) -> Event:
        at = "Recipient" if record in ("Delivery", "SubscriptionChange") else "Email"
        return {
            "RecordType": record,
            "MessageID": "00000000-0000-4000-8000-000000000001",
            "MessageStream": "broadcast",
            "ServerID": 7,
            "Metadata": {"delivery": message.token},
            "Tag": "",
            at: message.to,
            **more,
        }

    def _bounce(self, message: Message, kind: str, details: str) -> Event:
        return self._event(
            "Bounce",
            message,
            ID=4_000_000 + message.number,
            Type=kind,
            TypeCode=1,
            Name=kind,
            Description="Words that Postmark has for all of this type (ex: unknown user, mailbox full).",
            Details=details,
            BouncedAt=message.at.isoformat(),
            Inactive=kind == "HardBounce",
            CanActivate=True,
            Subject="News",
            From="news@example.org",
        )

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        return self._bounce(message, "HardBounce" if hard else "SoftBounce", f"smtp;{reply}" if reply else "")

    def deferred(self, message: Message) -> Event:
        return self._bounce(message, "Transient", "smtp;450 4.2.0 Greylisted")

    def delivered(self, message: Message) -> Event:
        return self._event("Delivery", message, DeliveredAt=message.at.isoformat(), Details="250 taken")

    def complained(self, message: Message) -> Event:
        return self._event(
            "SpamComplaint",
            message,
            ID=4_000_000 + message.number,
            Type="SpamComplaint",
            TypeCode=512,
            Name="Spam complaint",
            BouncedAt=message.at.isoformat(),
        )

    def unsubscribed(
        self, message: Message, origin: str = "Recipient", why: str = "ManualSuppression"
    ) -> Event:
        return self._event(
            "SubscriptionChange",
            message,
            ChangedAt=message.at.isoformat(),
            EventSource=origin,
            SuppressSending=True,
            SuppressionReason=why,
        )

    def opened(self, message: Message) -> Event:
        return self._event("Open", message, FirstOpen=True, ReceivedAt=message.at.isoformat())

    def suppressed(self, message: Message) -> Event:
        return self._bounce(message, "ManuallyDeactivated", "")


class Brevo(Documented):
    name = "brevo"

    def _event(self, event: str, message: Message, **more: Any) -> Event:
        return {
            "event": event,
            "email": message.to,
            "id": 26224,
            "date": message.at.strftime("%Y-%m-%d %H:%M:%S"),
            "ts": int(message.at.timestamp()),
            "ts_event": int(message.at.timestamp()),
            "ts_epoch": int(message.at.timestamp() * 1000) + message.number,
            "message-id": "<202112010900.1@relay.example>",
            "subject": "News",
            "X-Mailin-custom": json.dumps({"delivery": message.token}),
            "sending_ip": "192.0.2.1",
            **more,
        }

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        return self._event("hard_bounce" if hard else "soft_bounce", message, reason=reply)

    def deferred(self, message: Message) -> Event:
        return self._event("deferred", message, reason="450 4.2.0 Greylisted")

    def delivered(self, message: Message) -> Event:
        return self._event("delivered", message)

    def complained(self, message: Message) -> Event:
        return self._event("spam", message)

    def unsubscribed(self, message: Message) -> Event:
        return self._event("unsubscribed", message)

    def opened(self, message: Message) -> Event:
        return self._event("unique_opened", message)

    def together(self, *events: Event) -> list[Event]:
        return list(events)

    def suppressed(self, message: Message) -> Event:
        return self._event("blocked", message, reason="blocked : due to blacklist user")


class Mailjet(Documented):
    name = "mailjet"
    config = {"key": "k", "secret": "s", "webhook_secret": SECRET}

    def _event(self, event: str, message: Message, **more: Any) -> Event:
        return {
            "event": event,
            "time": int(message.at.timestamp()),
            "MessageID": 19421777835146490 + message.number,
            "Message_GUID": "1ab23cd4-e567-8901-2345-6789f0gh1i2j",
            "email": message.to,
            "mj_campaign_id": 7257,
            "mj_contact_id": 4,
            "customcampaign": "",
            "CustomID": message.token,
            "Payload": json.dumps({"delivery": message.token}),
            **more,
        }

    def _failed(self, message: Message, error: str, comment: str, hard: bool) -> Event:
        return self._event(
            "bounce",
            message,
            blocked=False,
            hard_bounce=hard,
            error_related_to="recipient",
            error=error,
            comment=comment,
        )

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        return self._failed(message, "user unknown" if hard else "", reply, hard)

    def deferred(self, message: Message) -> Event:
        return self._failed(message, "greylisted", "450 4.2.0 Greylisted", hard=False)

    def delivered(self, message: Message) -> Event:
        return self._event("sent", message, smtp_reply="250 2.0.0 OK")

    def complained(self, message: Message) -> Event:
        return self._event("spam", message, source="JMRPP")

    def unsubscribed(self, message: Message) -> Event:
        return self._event("unsub", message, mj_list_id=1, ip="192.0.2.1", geo="KZ", agent="")

    def opened(self, message: Message) -> Event:
        return self._event("open", message, ip="192.0.2.1", geo="KZ", agent="")

    def together(self, *events: Event) -> list[Event]:
        return list(events)

    def suppressed(self, message: Message) -> Event:
        return self._event("blocked", message, error_related_to="mailjet", error="preblocked")


class SparkPost(Documented):
    name = "sparkpost"
    unsubscribe_names = "sender"

    def _event(self, kind: str, event: str, message: Message, **more: Any) -> list[Event]:
        about = {
            "type": event,
            "event_id": f"9235692769381{message.number:04}",
            "timestamp": str(int(message.at.timestamp())),
            "transmission_id": "65832150921904138",
            "message_id": "000443ee14578172be22",
            "rcpt_to": message.to,
            "raw_rcpt_to": message.to,
            "rcpt_meta": {"delivery": message.token},
            "rcpt_tags": [],
            "campaign_id": "",
            **more,
        }
        return [{"msys": {kind: about}}]

    def bounced(self, message: Message, reply: str, hard: bool = True) -> list[Event]:
        return self._event(
            "message_event",
            "bounce",
            message,
            bounce_class="10" if hard else "20",
            error_code=reply[:3],
            raw_reason=reply,
            reason=reply,
        )

    def deferred(self, message: Message) -> list[Event]:
        return self._event("message_event", "delay", message, raw_reason="450 Greylisted", bounce_class="20")

    def delivered(self, message: Message) -> list[Event]:
        return self._event("message_event", "delivery", message, queue_time="12")

    def complained(self, message: Message, fbtype: str = "abuse") -> list[Event]:
        return self._event("message_event", "spam_complaint", message, fbtype=fbtype)

    def unsubscribed(self, message: Message) -> list[Event]:
        return self._event(
            "unsubscribe_event", "list_unsubscribe", message, friendly_from="News <news@example.org>"
        )

    def opened(self, message: Message) -> list[Event]:
        return self._event("track_event", "open", message, user_agent="Mozilla/5.0")

    def together(self, *events: list[Event]) -> list[Event]:
        return [one for event in events for one in event]

    def suppressed(self, message: Message) -> list[Event]:
        reply = "554 5.7.1 recipient address suppressed due to customer policy"
        return self._event(
            "message_event",
            "policy_rejection",
            message,
            raw_reason=reply,
            bounce_class="25",
            error_code="554",
        )


class Mailgun(Documented):
    name = "mailgun"
    unsubscribe_names = "everything"
    config = {"key": "k", "domain": "mg.example.org", "webhook_secret": SECRET}

    def post(self, event: Any, at: datetime, key: str = SECRET) -> Post:
        # Each request has a token of its own, 50 hexadecimal digits.
        token, stamp = secrets.token_hex(25), str(int(at.timestamp()))
        signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        signed = {"token": token, "timestamp": stamp, "signature": signature}
        return Post(json.dumps({"signature": signed, **event}).encode(), {})

    def sign(self, body: bytes, at: datetime) -> Post:
        # The signature is part of the body.
        return Post(body, {})

    def legacy(self, event: str, message: Message, multipart: bool = False, **fields: str) -> Post:
        """A request of the older webhooks, a form, in which our variables are fields of their own."""
        token = secrets.token_hex(25)
        signed = {"token": token, "timestamp": str(int(message.at.timestamp()))}
        text = signed["timestamp"] + token
        form = {
            "event": event,
            "recipient": message.to,
            "domain": "mg.example.org",
            "Message-Id": "<7@mg.example.org>",
            "delivery": message.token,
            **fields,
            **signed,
            "signature": hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest(),
        }
        if not multipart:
            return Post(urlencode(form).encode(), {}, "application/x-www-form-urlencoded")
        head = 'Content-Disposition: form-data; name="{}"'
        parts = [f"{head.format(name)}\r\n\r\n{value}" for name, value in form.items()]
        parts.append(f'{head.format("attachment-1")}; filename="a.eml"\r\n\r\nFrom: x')
        body = "".join(f"--b7\r\n{part}\r\n" for part in parts) + "--b7--\r\n"
        return Post(body.encode(), {}, "multipart/form-data; boundary=b7")

    def forged(self, event: Any, at: datetime) -> list[Post]:
        day = 86_400
        unsigned = json.dumps(event).encode()
        broken = [b"", b"[]", b"{", b'{"signature": 7}', b'{"signature": {"timestamp": "nan", "token": "1"}}']
        early, late = (datetime.fromtimestamp(at.timestamp() + by, UTC) for by in (-day, day))
        made = [self.post(event, at, "guessed"), self.post(event, early), self.post(event, late)]
        return [*made, *(Post(body, {}) for body in [unsigned, *broken])]

    def _event(self, event: str, message: Message, **more: Any) -> Event:
        about = {
            "event": event,
            "id": f"G9Bn5sl1TC6nu79C8C0bwg{message.number}",
            "timestamp": message.at.timestamp() + 0.25,
            "recipient": message.to,
            "recipient-domain": "example.net",
            "domain": {"name": "mg.example.org"},
            "message": {"headers": {"message-id": "x@mg.example.org", "to": message.to, "subject": "News"}},
            "user-variables": {"delivery": message.token},
            "tags": [],
            "flags": {"is-routed": False, "is-test-mode": False},
            **more,
        }
        return {"event-data": about}

    def _failed(self, message: Message, severity: str, reason: str, status: Event) -> Event:
        return self._event("failed", message, severity=severity, reason=reason, **{"delivery-status": status})

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        status = {
            "code": int(reply[:3] or 500),
            "message": reply[4:],
            "description": "",
            "attempt-no": 1,
            "bounce-type": "hard" if hard else "soft",
            "mx-host": "mx.example.net",
        }
        return self._failed(message, "permanent", "bounce", status)

    def deferred(self, message: Message) -> Event:
        return self._failed(message, "temporary", "generic", {"code": 450, "message": "4.2.0 Greylisted"})

    def delivered(self, message: Message) -> Event:
        return self._event("delivered", message, **{"delivery-status": {"code": 250, "message": "OK"}})

    def complained(self, message: Message) -> Event:
        return self._event("complained", message)

    def unsubscribed(self, message: Message) -> Event:
        return self._event("unsubscribed", message)

    def opened(self, message: Message) -> Event:
        return self._event("opened", message, geolocation={"country": "KZ"})

    def suppressed(self, message: Message, why: str = "suppress-bounce") -> Event:
        status = {"code": 605, "message": "", "description": "Not delivering to previously bounced address"}
        return self._failed(message, "permanent", why, status)


class Resend(Documented):
    name = "resend"
    config = {"key": "k", "webhook_secret": "whsec_" + base64.b64encode(b"a key of the tests").decode()}

    def post(self, event: Any, at: datetime, key: bytes = b"a key of the tests") -> Post:
        return self.sign(json.dumps(event).encode(), at, key)

    def sign(self, body: bytes, at: datetime, key: bytes = b"a key of the tests") -> Post:
        stamp = str(int(at.timestamp()))
        signed = b"msg_1." + stamp.encode() + b"." + body
        signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return Post(
            body,
            {"svix-id": "msg_1", "svix-timestamp": stamp, "svix-signature": f"v1,b3RoZXI= v1,{signature}"},
        )

    def forged(self, event: Any, at: datetime) -> list[Post]:
        real = self.post(event, at)
        early = self.post(event, datetime.fromtimestamp(at.timestamp() - 3_600, UTC))
        return [
            Post(real.body, {}),
            Post(real.body + b" ", real.headers),
            Post(real.body, {**real.headers, "svix-id": "msg_2"}),
            Post(real.body, {**real.headers, "svix-signature": "v1,"}),
            Post(real.body, {**real.headers, "svix-timestamp": "nan"}),
            self.post(event, at, b"guessed"),
            early,
        ]

    def _event(self, event: str, message: Message, **more: Any) -> Event:
        return {
            "type": event,
            "created_at": message.at.isoformat(),
            "data": {
                "email_id": f"56761188-7520-42d8-8898-{message.number:012}",
                "created_at": message.at.isoformat(),
                "from": "News <news@example.org>",
                "to": [message.to],
                "subject": "News",
                "headers": [{"name": "X-Metadata", "value": json.dumps({"delivery": message.token})}],
                **more,
            },
        }

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        bounce = {
            "type": "Permanent" if hard else "Transient",
            "subType": "General",
            # The same for every bounce of this type, and not the server's.
            "message": "The provider of this mailbox sent a hard bounce. Remove the address: more messages "
            "to it harm the reputation of your domain as a sender, which may be blocked.",
            "diagnosticCode": [f"smtp; {reply}"] if reply else [],
        }
        return self._event("email.bounced", message, bounce=bounce)

    def deferred(self, message: Message) -> Event:
        return self._event("email.delivery_delayed", message)

    def delivered(self, message: Message) -> Event:
        return self._event("email.delivered", message)

    def complained(self, message: Message) -> Event:
        return self._event("email.complained", message)

    def opened(self, message: Message) -> Event:
        return self._event("email.opened", message)

    def suppressed(self, message: Message) -> Event:
        words = "Resend has suppressed sending to this address because it is on the suppression list."
        return self._event("email.suppressed", message, suppressed={"message": words, "type": "x"})


TOPIC = "arn:aws:sns:eu-central-1:123456789012:mail"
HOST = "https://sns.eu-central-1.amazonaws.com"


@cache
def _key_and_certificate() -> tuple[Any, bytes]:
    """The same in every test: making a key takes longer than most tests."""
    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(datetime(2021, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2031, 1, 1, tzinfo=UTC)
    )
    return key, made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    """Amazon's signing key, and its server of certificates and confirmations."""

    url = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"

    def __init__(self) -> None:
        self.key, self.pem = _key_and_certificate()
        self.asked: list[str] = []
        self.away = False

    def fetch(self, url: str, *_: Any) -> Fetched:
        self.asked.append(url)
        if self.away:
            raise FetchError("It does not answer.")
        return Fetched(url, "binary/octet-stream", "binary/octet-stream", self.pem)

    def signed(self, message: Event, version: str = "1") -> Event:
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        digest = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = base64.b64encode(self.key.sign(text.encode(), PKCS1v15(), digest)).decode()
        return {
            **message,
            "SignatureVersion": version,
            "Signature": signature,
            "SigningCertURL": self.url,
        }


class AmazonSes(Documented):
    name = "amazon_ses"
    config = {"region": "eu-central-1", "webhook_topics": (TOPIC,)}

    def __init__(self) -> None:
        self.amazon = Amazon()

    def post(self, event: Any, at: datetime) -> Post:
        return Post(json.dumps(self.amazon.signed(event)).encode(), {"x-amz-sns-message-type": event["Type"]})

    def sign(self, body: bytes, at: datetime) -> Post:
        # The signature is part of the body.
        return Post(body, {})

    def forged(self, event: Any, at: datetime) -> list[Post]:
        real = self.amazon.signed(event)
        changed = [
            {**real, "Message": "{}"},
            {**real, "Type": "UnsubscribeConfirmation"},
            {**real, "TopicArn": TOPIC + "s"},
            self.amazon.signed({**event, "TopicArn": TOPIC + "s"}),
            {**real, "Signature": ""},
            {**real, "Signature": "?"},
            {**real, "SignatureVersion": "2"},
            {name: value for name, value in real.items() if name != "Signature"},
            *({**real, "SigningCertURL": url} for url in WRONG_CERTIFICATES),
        ]
        bodies = [json.dumps(one).encode() for one in changed]
        return [Post(body, {}) for body in [*bodies, b"", b"[]", b'{"Type": []}', b"[" * 100_000]]

    def _event(self, event: str, message: Message, about: Event) -> Event:
        mail = {
            "timestamp": message.at.isoformat(),
            "source": "news@example.org",
            "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
            "destination": [message.to],
            "headersTruncated": False,
            "headers": [{"name": "Subject", "value": "News"}],
            "tags": {"ses:configuration-set": ["news"], "delivery": [message.token]},
        }
        return self.notified(
            json.dumps({"eventType": event, "mail": mail, event.lower(): about}), message.at, message.number
        )

    def notified(self, words: str, at: datetime, number: int = 1) -> Event:
        return {
            "Type": "Notification",
            "MessageId": f"19ba9823-d7f2-53c1-860e-{number:012}",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": words,
            "Timestamp": at.isoformat(),
            "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
        }

    def confirmation(self, at: datetime, url: str = "") -> Event:
        return {
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f37fb687f5d51e6e241d638b114f4e3f2",
            "TopicArn": TOPIC,
            "Message": "You have chosen to subscribe.",
            "SubscribeURL": url or f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f",
            "Timestamp": at.isoformat(),
        }

    def _bounce(self, message: Message, kind: str, detail: str, reply: str) -> Event:
        recipient = {"emailAddress": message.to, "action": "failed", "status": "5.0.0"}
        if reply:
            recipient["diagnosticCode"] = f"smtp; {reply}"
        about = {
            "bounceType": kind,
            "bounceSubType": detail,
            "bouncedRecipients": [recipient],
            "timestamp": message.at.isoformat(),
            "feedbackId": f"01000157c44f053b-{message.number:06}",
            "reportingMTA": "dsn; a8-1.smtp-out.amazonses.com",
        }
        return self._event("Bounce", message, about)

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        return self._bounce(message, "Permanent" if hard else "Transient", "General", reply)

    def deferred(self, message: Message) -> Event:
        about = {"delayType": "TransientCommunicationFailure", "expirationTime": message.at.isoformat()}
        return self._event("DeliveryDelay", message, about)

    def delivered(self, message: Message) -> Event:
        about = {"timestamp": message.at.isoformat(), "recipients": [message.to], "smtpResponse": "250 OK"}
        return self._event("Delivery", message, about)

    def complained(self, message: Message, feedback_type: str = "abuse") -> Event:
        about = {
            "complainedRecipients": [{"emailAddress": message.to}],
            "complaintFeedbackType": feedback_type,
            "feedbackId": f"01000157c44f053c-{message.number:06}",
            "timestamp": message.at.isoformat(),
        }
        return self._event("Complaint", message, about)

    def opened(self, message: Message) -> Event:
        return self._event("Open", message, {"ipAddress": "192.0.2.1", "timestamp": message.at.isoformat()})

    def suppressed(self, message: Message) -> Event:
        reply = "550 5.1.1 Amazon SES has suppressed sending to this address as invalid"
        return self._bounce(message, "Permanent", "OnAccountSuppressionList", reply)


WRONG_CERTIFICATES = [
    "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com.example.org/SimpleNotificationService-0123456789abcdef.pem",
    "https://example.org/sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
    "https://user@sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com/x/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x",
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\n",
    "",
]


def _pem_body(key: Any) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@cache
def _elliptic_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _rsa_key() -> Any:
    return generate_private_key(65537, 2048)


def _forged_signatures(real: Post, field: str) -> list[Post]:
    """A request without its signature, with others, and with another body."""
    wrong = [{}, {field: ""}, {field: "?"}, {field: "0" * 64}, {field: base64.b64encode(b"x" * 70).decode()}]
    without = {name: value for name, value in real.headers.items() if name != field}
    posts = [Post(real.body, {**without, **one}, real.content_type) for one in wrong]
    return [*posts, Post(real.body + b" ", real.headers, real.content_type)]


class SendGrid(Documented):
    name = "sendgrid"
    _signature = "X-Twilio-Email-Event-Webhook-Signature"
    _timestamp = "X-Twilio-Email-Event-Webhook-Timestamp"

    @property
    def config(self) -> dict[str, Any]:  # type: ignore[override]
        return {"key": "k", "webhook_secret": _pem_body(_elliptic_key().public_key())}

    def sign(self, body: bytes, at: datetime) -> Post:
        stamp = str(int(at.timestamp()))
        signature = _elliptic_key().sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return Post(body, {self._signature: base64.b64encode(signature).decode(), self._timestamp: stamp})

    def forged(self, event: Any, at: datetime) -> list[Post]:
        real = self.post(event, at)
        old = self.post(event, datetime.fromtimestamp(at.timestamp() - 100_000, UTC))
        other = Post(real.body, {**real.headers, self._timestamp: "1"})
        return [*_forged_signatures(real, self._signature), old, other]

    def _event(self, event: str, message: Message, **more: Any) -> list[Event]:
        about = {
            "email": message.to,
            "timestamp": int(message.at.timestamp()),
            "smtp-id": "<tests.7@ismtpd.example>",
            "event": event,
            "category": [],
            "sg_event_id": f"c2VuZGdyaWQtdGVzdC0{message.number}",
            "sg_message_id": "tests.filter7.1.2.0",
            "delivery": message.token,
            **more,
        }
        return [about]

    def together(self, *events: list[Event]) -> list[Event]:
        return [one for event in events for one in event]

    def bounced(self, message: Message, reply: str, hard: bool = True) -> list[Event]:
        kind = "bounce" if hard else "blocked"
        return self._event("bounce", message, type=kind, reason=reply, ip="192.0.2.1", tls=1)

    def deferred(self, message: Message) -> list[Event]:
        return self._event("deferred", message, response="450 4.2.0 Greylisted", attempt="1")

    def delivered(self, message: Message) -> list[Event]:
        return self._event("delivered", message, response="250 2.0.0 OK")

    def opened(self, message: Message) -> list[Event]:
        return self._event("open", message, useragent="Mozilla/5.0")

    def complained(self, message: Message) -> list[Event]:
        return self._event("spamreport", message)

    def unsubscribed(self, message: Message) -> list[Event]:
        return self._event("group_unsubscribe", message, asm_group_id=7)

    def suppressed(self, message: Message, why: str = "Bounced Address") -> list[Event]:
        return self._event("dropped", message, reason=why, status="5.0.0")


class MailerSend(Documented):
    name = "mailersend"
    unsubscribe_names = "sender"

    def sign(self, body: bytes, at: datetime) -> Post:
        return Post(body, {"Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()})

    def forged(self, event: Any, at: datetime) -> list[Post]:
        return _forged_signatures(self.post(event, at), "Signature")

    def _event(self, kind: str, message: Message, morph: Event | None = None) -> Event:
        at = message.at.isoformat().replace("+00:00", "Z")
        return {
            "type": f"activity.{kind}",
            "domain_id": "a1b2c3d4",
            "created_at": at,
            "webhook_id": "w1e2b3",
            "url": "https://news.example.org/hooks/mailersend/",
            "data": {
                "object": "activity",
                "id": f"65f0c0ffee{message.number:014}",
                "type": kind,
                "created_at": at,
                "email": {
                    "object": "email",
                    "id": "65f0aaaaaaaaaaaaaaaaaaaa",
                    "created_at": at,
                    "from": "news@example.org",
                    "subject": "News",
                    "status": "rejected" if morph else "delivered",
                    "tags": [message.token] if message.token else None,
                    "message": {"object": "message", "id": "65f0bbbbbbbbbbbbbbbbbbbb", "created_at": at},
                    "recipient": {"object": "recipient", "id": "r7", "email": message.to, "created_at": at},
                },
                "morph": morph,
                "template_id": "",
            },
        }

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        kind = "hard_bounced" if hard else "soft_bounced"
        return self._event(kind, message, {"object": "recipient_bounce", "reason": reply or "Unknown reason"})

    def deferred(self, message: Message) -> Event:
        return self._event("deferred", message)

    def delivered(self, message: Message) -> Event:
        return self._event("delivered", message)

    def opened(self, message: Message) -> Event:
        return self._event("opened", message, {"object": "open", "ip": "192.0.2.1"})

    def complained(self, message: Message) -> Event:
        return self._event("spam_complaint", message, {"object": "spam_complaint", "reason": None})

    def unsubscribed(self, message: Message) -> Event:
        morph = {"object": "recipient_unsubscribe", "reason": "option_2", "readable_reason": "Too often"}
        return self._event("unsubscribed", message, morph)

    def suppressed(self, message: Message) -> Event:
        return self._event("suppressed", message)


class Mailtrap(Documented):
    name = "mailtrap"
    unsubscribe_names = "sender"

    def sign(self, body: bytes, at: datetime) -> Post:
        return Post(body, {"Mailtrap-Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()})

    def forged(self, event: Any, at: datetime) -> list[Post]:
        passwords = super().forged(event, at)
        return [*_forged_signatures(self.post(event, at), "Mailtrap-Signature"), *passwords]

    def _event(self, kind: str, message: Message, **more: Any) -> Event:
        about = {
            "event": kind,
            "timestamp": int(message.at.timestamp()),
            "sending_stream": "bulk",
            "category": "newsletter",
            "custom_variables": {"delivery": message.token},
            "message_id": "7a7a7a7a-0000-4000-8000-000000000001",
            "email": message.to,
            "event_id": f"e7e7e7e7-0000-4000-8000-{message.number:012}",
            **more,
        }
        return {"events": [about]}

    def together(self, *events: Event) -> Event:
        return {"events": [one for event in events for one in event["events"]]}

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        kind = "bounce" if hard else "soft bounce"
        wrapped = f"{kind.replace('bounce', 'bounced')} ({reply})" if reply else ""
        code = {"response_code": int(reply[:3])} if reply else {}
        return self._event(kind, message, response=wrapped, bounce_category="badmailbox", **code)

    def deferred(self, message: Message) -> Event:
        return self._event("deferred", message)

    def delivered(self, message: Message) -> Event:
        return self._event("delivery", message)

    def opened(self, message: Message) -> Event:
        return self._event("open", message, ip="192.0.2.1", user_agent="Mozilla/5.0")

    def complained(self, message: Message) -> Event:
        return self._event("spam", message)

    def unsubscribed(self, message: Message) -> Event:
        return self._event("unsubscribe", message, ip="192.0.2.1", sending_domain_name="example.org")

    def suppressed(self, message: Message, why: str = "Recipient was suppressed: hard bounce") -> Event:
        return self._event("reject", message, reason=why)


class Mandrill(Documented):
    name = "mandrill"
    unsubscribe_names = "sender"
    url = "http://localhost:8000/hooks/mandrill/"

    def post(self, event: Any, at: datetime, key: str = SECRET, url: str = url) -> Post:
        return self.sign(urlencode({"mandrill_events": json.dumps(event)}).encode(), at, key, url)

    def sign(self, body: bytes, at: datetime, key: str = SECRET, url: str = url) -> Post:
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
        digest = hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()
        signature = {"X-Mandrill-Signature": base64.b64encode(digest).decode()}
        return Post(body, signature, "application/x-www-form-urlencoded")

    def forged(self, event: Any, at: datetime) -> list[Post]:
        real = self.post(event, at)
        made = [
            self.post(event, at, "guessed"),
            self.post(event, at, url="https://example.net/hooks/mandrill/"),
        ]
        return [*_forged_signatures(real, "X-Mandrill-Signature"), *made]

    def _event(self, kind: str, message: Message, **more: Any) -> list[Event]:
        at = int(message.at.timestamp())
        about = {
            "ts": at - 60,
            "subject": "News",
            "email": message.to,
            "sender": "news@example.org",
            "tags": [],
            "metadata": {"delivery": message.token},
            "_id": "abc7abc7abc7abc7abc7abc7abc7abc7",
            **more,
        }
        return [{"event": kind, "_id": about["_id"], "ts": at + message.number - 1, "msg": about}]

    def together(self, *events: list[Event]) -> list[Event]:
        return [one for event in events for one in event]

    def bounced(self, message: Message, reply: str, hard: bool = True) -> list[Event]:
        kind, description = ("hard_bounce", "bad_mailbox") if hard else ("soft_bounce", "general")
        diag = f"smtp;{reply}" if reply else ""
        return self._event(kind, message, bounce_description=description, bgtools_code=10, diag=diag)

    def deferred(self, message: Message) -> list[Event]:
        return self._event(
            "deferral", message, state="deferred", smtp_events=[{"diag": "450 4.2.0 Greylisted"}]
        )

    def delivered(self, message: Message) -> list[Event]:
        return self._event("delivered", message, state="sent")

    def opened(self, message: Message) -> list[Event]:
        return self._event("open", message, opens=[{"ts": 1}])

    def complained(self, message: Message) -> list[Event]:
        return self._event("spam", message, state="spam")

    def unsubscribed(self, message: Message) -> list[Event]:
        return self._event("unsub", message, state="unsub")

    def suppressed(self, message: Message, why: str = "hard-bounce") -> list[Event]:
        return self._event("reject", message, state="rejected", reject={"reason": why})

    def listed(self, message: Message, reason: str, action: str = "add") -> list[Event]:
        """A change of the account's list."""
        entry = {"email": message.to, "reason": reason, "detail": "", "created_at": "2021-12-01 10:00:00"}
        return [{"type": "blacklist", "action": action, "reject": entry, "ts": int(message.at.timestamp())}]


class Postal(Documented):
    name = "postal"
    soft_reason = "expired"
    url = "https://postal.example.org/"

    @property
    def config(self) -> dict[str, Any]:  # type: ignore[override]
        return {"key": "k", "url": self.url, "webhook_secret": _pem_body(_rsa_key().public_key())}

    def sign(self, body: bytes, at: datetime) -> Post:
        old, new = (_rsa_key().sign(body, PKCS1v15(), one()) for one in (hashes.SHA1, hashes.SHA256))
        headers = {"X-Postal-Signature": old, "X-Postal-Signature-256": new}
        return Post(body, {name: base64.b64encode(value).decode() for name, value in headers.items()})

    def forged(self, event: Any, at: datetime) -> list[Post]:
        real = self.post(event, at)
        only_old = {"X-Postal-Signature": real.headers["X-Postal-Signature"]}
        return [
            *_forged_signatures(real._replace(headers=only_old), "X-Postal-Signature"),
            # The weaker signature does not make up for a wrong one.
            *_forged_signatures(real, "X-Postal-Signature-256")[2:],
        ]

    def _event(self, event: str, message: Message, **payload: Any) -> Event:
        about = {
            "id": 7,
            "token": "aBcDeFg7",
            "direction": "outgoing",
            "message_id": "7@rp.postal.example.org",
            "to": message.to,
            "from": "news@example.org",
            "subject": "News",
            "timestamp": message.at.timestamp() - 60,
            "spam_status": "NotChecked",
            "tag": message.token or None,
        }
        return {
            "event": event,
            "timestamp": message.at.timestamp(),
            "payload": {"message": about, **payload},
            "uuid": f"abababab-0000-4000-8000-{message.number:012}",
        }

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        details = f"Permanent SMTP delivery error when sending to mx.example.net: {reply}"
        if not hard:
            details = "Maximum number of delivery attempts (18) has been reached."
        return self._event(
            "MessageDeliveryFailed",
            message,
            status="HardFail",
            details=details,
            output=reply,
            sent_with_ssl=True,
        )

    def deferred(self, message: Message) -> Event:
        return self._event("MessageDelayed", message, status="SoftFail", details="", output="450 Greylisted")

    def delivered(self, message: Message) -> Event:
        return self._event("MessageSent", message, status="Sent", details="", output="250 2.0.0 OK")

    def opened(self, message: Message) -> Event:
        return self._event("MessageLoaded", message, ip_address="192.0.2.1", user_agent="Mozilla/5.0")

    def suppressed(self, message: Message) -> Event:
        details = f"Recipient ({message.to}) is on the suppression list (reason: too many hard fails)"
        return self._event("MessageHeld", message, status="Held", details=details, output="")


class UnisenderGo(Documented):
    name = "unisender_go"
    unsubscribe_names = "everything"
    config = {"key": "the-key-of-the-tests", "url": "https://go1.example/ru/transactional/api/v1/"}

    def post(self, event: Any, at: datetime) -> Post:
        return self.sign(
            json.dumps({"auth": self.config["key"], **event}, separators=(",", ":")).encode(), at
        )

    def sign(self, body: bytes, at: datetime) -> Post:
        digest = hashlib.md5(body).hexdigest().encode()
        return Post(body.replace(self.config["key"].encode(), digest), {})

    def forged(self, event: Any, at: datetime) -> list[Post]:
        real = self.post(event, at).body
        bodies = [
            real + b" ",
            real.replace(b'"auth"', b'"other"'),
            json.dumps(event).encode(),
            b"",
            b"[]",
            b"{",
        ]
        guessed = [
            json.dumps({"auth": auth, **event}).encode() for auth in ("", "0" * 32, 7, self.config["key"])
        ]
        return [Post(body, {}) for body in [*bodies, *guessed]]

    def _event(self, status: str, message: Message, delivery_status: str = "", reply: str = "") -> Event:
        about: Event = {
            "job_id": "1a2B3c-000000-7D",
            "metadata": {"delivery": message.token},
            "email": message.to,
            "status": status,
            "event_time": (message.at + timedelta(seconds=message.number - 1)).strftime("%Y-%m-%d %H:%M:%S"),
        }
        if delivery_status:
            about["delivery_info"] = {"delivery_status": delivery_status, "destination_response": reply}
        return self._all({"event_name": "transactional_email_status", "event_data": about})

    def _all(self, *events: Event) -> Event:
        user = {"user_id": 7, "project_id": "77", "project_name": "News", "events": list(events)}
        return {"events_by_user": [user]}

    def together(self, *events: Event) -> Event:
        return self._all(*(one for event in events for one in event["events_by_user"][0]["events"]))

    def bounced(self, message: Message, reply: str, hard: bool = True) -> Event:
        if hard:
            return self._event("hard_bounced", message, "err_user_unknown", reply)
        return self._event("soft_bounced", message, "err_delivery_failed", reply)

    def deferred(self, message: Message) -> Event:
        return self._event("soft_bounced", message, "err_will_retry", "450 4.2.0 Greylisted")

    def delivered(self, message: Message) -> Event:
        return self._event("delivered", message, "ok_delivered", "250 OK")

    def opened(self, message: Message) -> Event:
        return self._event("opened", message)

    def complained(self, message: Message) -> Event:
        return self._event("spam", message)

    def unsubscribed(self, message: Message) -> Event:
        return self._event("unsubscribed", message)

    def suppressed(self, message: Message) -> Event:
        return self._event("hard_bounced", message, "err_skip_letter")


SERVICES = {
    one.name: one
    for one in (
        *(AmazonSes, Brevo, MailerSend, Mailgun, Mailjet, Mailtrap, Mandrill),
        *(Postal, Postmark, Resend, SendGrid, SparkPost, UnisenderGo),
    )
}
