"""What each service documents about its events: how a request is verified, and how it reports a message."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding

from mailer.stories.url_fetcher import Fetched, FetchError

Event = dict[str, Any]

SECRET = "a secret of the tests"
UNKNOWN = "550 5.1.1 <aigerim@example.net>: Recipient address rejected: User unknown"
FULL = "552 5.2.2 The mailbox is over its quota"
SPAM = "554 5.7.1 Message rejected as spam"


class Post(NamedTuple):
    body: bytes
    headers: dict[str, str]


class Message(NamedTuple):
    """The message that an event is about."""

    token: str
    to: str
    at: datetime
    # Distinguishes events that are otherwise the same.
    number: int = 1


class Documented:
    """One service. Where it reports unsubscribes, it has a method `unsubscribed` as well."""

    name = ""
    config: dict[str, Any] = {"key": "k", "webhook_secret": SECRET}

    def post(self, event: Any, at: datetime) -> Post:
        """The request, verified as the service documents."""
        return Post(json.dumps(event).encode(), {"Authorization": basic("hooks", SECRET)})

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

    def complained(self, message: Message) -> Any:
        raise NotImplementedError

    def suppressed(self, message: Message) -> Any:
        """The service did not send it, because the address is on its own list."""
        raise NotImplementedError


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Postmark(Documented):
    name = "postmark"

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
        return self._event("unsubscribe", message)

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

    def suppressed(self, message: Message) -> Event:
        return self._event("blocked", message, error_related_to="mailjet", error="preblocked")


class SparkPost(Documented):
    name = "sparkpost"

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
        return self._event("unsubscribe_event", "list_unsubscribe", message, mailfrom="a@example.org")

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
    config = {"key": "k", "domain": "mg.example.org", "webhook_secret": SECRET}

    def post(self, event: Any, at: datetime, key: str = SECRET) -> Post:
        # Each request has a token of its own, 50 hexadecimal digits.
        token, stamp = secrets.token_hex(25), str(int(at.timestamp()))
        signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        signed = {"token": token, "timestamp": stamp, "signature": signature}
        return Post(json.dumps({"signature": signed, **event}).encode(), {})

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

    def suppressed(self, message: Message, why: str = "suppress-bounce") -> Event:
        status = {"code": 605, "message": "", "description": "Not delivering to previously bounced address"}
        return self._failed(message, "permanent", why, status)


class Resend(Documented):
    name = "resend"
    config = {"key": "k", "webhook_secret": "whsec_" + base64.b64encode(b"a key of the tests").decode()}

    def post(self, event: Any, at: datetime, key: bytes = b"a key of the tests") -> Post:
        body, stamp = json.dumps(event).encode(), str(int(at.timestamp()))
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
            "message": "The recipient's email provider sent a bounce message.",
            "diagnosticCode": [f"smtp; {reply}"] if reply else [],
        }
        return self._event("email.bounced", message, bounce=bounce)

    def deferred(self, message: Message) -> Event:
        return self._event("email.delivery_delayed", message)

    def delivered(self, message: Message) -> Event:
        return self._event("email.delivered", message)

    def complained(self, message: Message) -> Event:
        return self._event("email.complained", message)

    def suppressed(self, message: Message) -> Event:
        words = "Resend has suppressed sending to this address because it is on the suppression list."
        return self._event("email.suppressed", message, suppressed={"message": words, "type": "x"})


TOPIC = "arn:aws:sns:eu-central-1:123456789012:mail"
HOST = "https://sns.eu-central-1.amazonaws.com"


class Amazon:
    """Amazon's signing key, and its server of certificates and confirmations."""

    url = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"

    def __init__(self) -> None:
        self.key = generate_private_key(65537, 2048)
        self.asked: list[str] = []
        self.away = False
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(datetime(2021, 1, 1, tzinfo=UTC)).not_valid_after(
            datetime(2031, 1, 1, tzinfo=UTC)
        )
        self.pem = made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

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

SERVICES = {one.name: one for one in (AmazonSes, Brevo, Mailgun, Mailjet, Postmark, Resend, SparkPost)}
