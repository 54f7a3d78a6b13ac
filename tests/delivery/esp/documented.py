"""What each ESP documents about its API: how a request must look, and its responses."""

from __future__ import annotations

import base64
import email
import email.policy
import re
from email.utils import formataddr
from typing import Any
from urllib.parse import parse_qs

from tests.delivery.esp.api import Call, Mail, Reply

KEY, SECRET = "the-key-of-a-test", "the-secret-of-a-test"


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Documented:
    """One ESP. The assertions check what it requires, and what we rely on."""

    name = ""
    # The path of the API's address.
    base = "/"
    # Its keys in [service].
    config: dict[str, str] = {"key": KEY}
    unauthorised = Reply(401, {"message": f"{KEY} is not known"})
    # The account may not use the sender.
    unverified = Reply(400)
    # A rejection without a reason.
    unexplained = Reply(400, {"message": "Bad Request"})
    # The body of a response whose status says everything.
    busy: Any = {"message": "later"}

    def read(self, call: Call) -> list[Mail]:
        raise NotImplementedError

    def answer(self, mails: list[Mail], bad: set[str]) -> tuple[Reply, list[Mail]]:
        """The response, and the messages that were accepted. Here: one message per call."""
        (mail,) = mails
        return (self.refused(mail), []) if bad else (self.taken(mail), [mail])

    def taken(self, mail: Mail) -> Reply:
        raise NotImplementedError

    def refused(self, mail: Mail) -> Reply:
        raise NotImplementedError

    def fails(self, how: str, call: Call) -> Reply:
        """How a whole call fails: unauthorised, unverified or unexplained."""
        reply: Reply = getattr(self, how)
        return reply

    def checked(self, call: Call) -> Reply:
        raise NotImplementedError

    def rendered(self, text: str) -> str:
        """A text as its template language renders it."""
        return text


class Postmark(Documented):
    name = "postmark"
    unauthorised = Reply(401, {"ErrorCode": 10, "Message": "No Account or Server API tokens were supplied"})
    unverified = Reply(
        422, {"ErrorCode": 400, "Message": "The 'From' address news@example.org is not a Sender Signature."}
    )
    unexplained = Reply(422, {"ErrorCode": 300, "Message": "Invalid metadata content."})

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/email/batch")
        assert call.headers["x-postmark-server-token"] == KEY
        assert call.headers["content-type"] == "application/json"
        assert 1 <= len(call.json) <= 500
        return [self._mail(one) for one in call.json]

    def _mail(self, one: dict[str, Any]) -> Mail:
        headers = _lower({header["Name"]: header["Value"] for header in one["Headers"]})
        assert one["TrackOpens"] is False and one["TrackLinks"] == "None"
        assert one["MessageStream"] == "broadcast"
        assert headers.pop("x-pm-keepid") == "true"
        assert all(len(name) <= 20 and len(value) <= 80 for name, value in one["Metadata"].items())
        return Mail(
            one["To"],
            one["From"],
            one["Subject"],
            one["HtmlBody"],
            one["TextBody"],
            headers,
            one["Metadata"]["delivery"],
            one.get("ReplyTo", ""),
        )

    def answer(self, mails: list[Mail], bad: set[str]) -> tuple[Reply, list[Mail]]:
        results = [self._result(mail, mail.to in bad) for mail in mails]
        return Reply(200, results), [mail for mail in mails if mail.to not in bad]

    def _result(self, mail: Mail, bad: bool) -> dict[str, Any]:
        if not bad:
            return {"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a", "To": mail.to}
        text = f"You tried to send to recipients that are inactive: {mail.to}. Found inactive addresses."
        return {"ErrorCode": 406, "Message": text}

    def checked(self, call: Call) -> Reply:
        assert call.path == "/server" and call.headers["x-postmark-server-token"] == KEY
        return Reply(200, {"ID": 1, "Name": "newsletters"})

    def rendered(self, text: str) -> str:
        return re.sub(r"\{{2,3}\s*pm:.*?\}{2,3}", "", text)


class Mailjet(Documented):
    name = "mailjet"
    base = "/v3.1/"
    config = {"key": KEY, "secret": SECRET}
    unauthorised = Reply(401, {"ErrorMessage": "API key authentication/authorization failure."})

    errors = {
        "unverified": ("send-0008", '"news@example.org" is not a validated sender.', "From"),
        "unexplained": ("mj-0002", "Malformed JSON.", ""),
    }

    def fails(self, how: str, call: Call) -> Reply:
        if how == "unauthorised":
            return self.unauthorised
        error = self._wrong(*self.errors[how])
        return Reply(400, {"Messages": [error] * len(call.json["Messages"])})

    def _wrong(self, code: str, text: str, about: str) -> dict[str, Any]:
        error = {"ErrorCode": code, "ErrorMessage": text, "ErrorRelatedTo": [about], "StatusCode": 400}
        return {"Status": "error", "Errors": [error]}

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/v3.1/send")
        self._signed_in(call)
        assert 1 <= len(call.json["Messages"]) <= 50
        return [self._mail(one) for one in call.json["Messages"]]

    def _mail(self, one: dict[str, Any]) -> Mail:
        assert one["TrackClicks"] == one["TrackOpens"] == "disabled" and one["TemplateLanguage"] is False
        (to,) = one["To"]
        return Mail(
            to["Email"],
            formataddr((one["From"]["Name"], one["From"]["Email"])),
            one["Subject"],
            one["HTMLPart"],
            one["TextPart"],
            _lower(one["Headers"]),
            one["CustomID"],
            one.get("ReplyTo", {}).get("Email", ""),
        )

    def answer(self, mails: list[Mail], bad: set[str]) -> tuple[Reply, list[Mail]]:
        results = [
            self._wrong("mj-0013", f'"{mail.to}" is an invalid email address.', "To[0].Email")
            if mail.to in bad
            else {"Status": "success", "To": [{"Email": mail.to, "MessageUUID": "1", "MessageID": 456}]}
            for mail in mails
        ]
        return Reply(400 if bad else 200, {"Messages": results}), [m for m in mails if m.to not in bad]

    def checked(self, call: Call) -> Reply:
        assert call.path == "/v3/REST/sender?Limit=1"
        self._signed_in(call)
        return Reply(200, {"Count": 1, "Data": []})

    def _signed_in(self, call: Call) -> None:
        wanted = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        assert call.headers["authorization"] == f"Basic {wanted}"

    def rendered(self, text: str) -> str:
        return re.sub(r"\[\[.*?\]\]", "", text)


class Resend(Documented):
    name = "resend"

    def __init__(self) -> None:
        # Keys of a day; a call under one of them is answered as before and not carried out again.
        self.keys: set[str] = set()

    def answer(self, mails: list[Mail], bad: set[str]) -> tuple[Reply, list[Mail]]:
        reply, taken = super().answer(mails, bad)
        new = [mail for mail in taken if mail.token not in self.keys]
        self.keys.update(mail.token for mail in taken)
        return reply, new

    unauthorised = Reply(403, {"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"})
    unverified = Reply(
        403,
        {"statusCode": 403, "name": "validation_error", "message": "The example.org domain is not verified."},
    )
    unexplained = Reply(
        422, {"statusCode": 422, "name": "missing_required_field", "message": "A field is missing."}
    )

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/emails")
        assert call.headers["authorization"] == f"Bearer {KEY}"
        one = call.json
        token = email.message_from_string(f"X: {one['headers']['X-Metadata']}\n\n")["X"]
        assert 1 <= len(call.headers["idempotency-key"]) <= 256
        assert call.headers["idempotency-key"] in token
        (to,) = one["to"]
        return [
            Mail(
                to,
                one["from"],
                one["subject"],
                one["html"],
                one["text"],
                _lower(one["headers"]),
                call.headers["idempotency-key"],
                *one.get("reply_to", []),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        return Reply(200, {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"})

    def refused(self, mail: Mail) -> Reply:
        text = f"Invalid `to` field. The address {mail.to} needs to follow the `email@example.com` format."
        return Reply(422, {"statusCode": 422, "name": "validation_error", "message": text})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/domains" and call.headers["authorization"] == f"Bearer {KEY}"
        return Reply(401, {"statusCode": 401, "name": "restricted_api_key", "message": "only send emails"})


class Brevo(Documented):
    name = "brevo"
    base = "/v3/"
    unauthorised = Reply(401, {"code": "unauthorized", "message": "Key not found"})
    unverified = Reply(
        400, {"code": "invalid_parameter", "message": "Sending has been rejected: sender is not valid"}
    )
    unexplained = Reply(400, {"code": "bad_request", "message": "Input must be a valid JSON object"})

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/v3/smtp/email")
        assert call.headers["api-key"] == KEY
        one = call.json
        headers = _lower(one["headers"])
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers.pop("idempotencykey"))
        assert all(value.isascii() for value in headers.values())
        assert "params" not in one
        (to,) = one["to"]
        sender = one["sender"]
        return [
            Mail(
                to["email"],
                formataddr((sender["name"], sender["email"])),
                one["subject"],
                one["htmlContent"],
                one["textContent"],
                headers,
                re.search(r"[0-9a-f]{49}", headers["x-mailin-custom"])[0],
                one.get("replyTo", {}).get("email", ""),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        return Reply(201, {"messageId": "<201798300811.5787683@relay.domain.example>"})

    def refused(self, mail: Mail) -> Reply:
        return Reply(400, {"code": "invalid_parameter", "message": f"email {mail.to} is not valid in to"})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/v3/account" and call.headers["api-key"] == KEY
        return Reply(200, {"email": "office@example.org"})

    def rendered(self, text: str) -> str:
        return re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", text, flags=re.DOTALL)


class Mailgun(Documented):
    name = "mailgun"
    base = "/v3/"
    config = {"key": KEY, "domain": "mg.example.org"}
    unauthorised = Reply(401, {"message": "Forbidden"})
    unverified = Reply(
        400, {"message": "'from' parameter is not a valid address. please check documentation"}
    )

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/v3/mg.example.org/messages")
        self._signed_in(call)
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
        one = parse_qs(call.body.decode(), keep_blank_values=True)
        assert one["o:tracking"] == one["o:tracking-clicks"] == one["o:tracking-opens"] == ["no"]
        assert "recipient-variables" not in one
        (to,) = one["to"]
        headers = {name[2:].lower(): value for name, (value,) in one.items() if name.startswith("h:")}
        return [
            Mail(
                to,
                one["from"][0],
                one["subject"][0],
                one["html"][0],
                one["text"][0],
                headers,
                one["v:delivery"][0],
                headers.get("reply-to", ""),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        return Reply(200, {"id": mail.headers["message-id"], "message": "Queued. Thank you."})

    def refused(self, mail: Mail) -> Reply:
        return Reply(400, {"message": "'to' parameter is not a valid address. please check documentation"})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/v3/domains/mg.example.org"
        self._signed_in(call)
        return Reply(200, {"domain": {"name": "mg.example.org", "state": "active"}})

    def _signed_in(self, call: Call) -> None:
        wanted = base64.b64encode(f"api:{KEY}".encode()).decode()
        assert call.headers["authorization"] == f"Basic {wanted}"

    def rendered(self, text: str) -> str:
        return re.sub(
            r"%(recipient[._]\w+|recipient|(tag_|mailing_list_)?unsubscribe(_url|_email)?)%", "", text
        )


class SparkPost(Documented):
    name = "sparkpost"
    base = "/api/v1/"
    unauthorised = Reply(401, {"errors": [{"message": "Unauthorized."}]})
    unverified = Reply(
        400,
        {
            "errors": [
                {"message": "Invalid domain", "code": "7001", "description": "Unconfigured Sending Domain"}
            ]
        },
    )
    unexplained = Reply(422, {"errors": [{"message": "invalid data format/type", "code": "1300"}]})

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/api/v1/transmissions/")
        assert call.headers["authorization"] == KEY
        one = call.json
        assert one["options"] == {"open_tracking": False, "click_tracking": False, "transactional": True}
        content = one["content"]
        assert not {"subject", "from", "to", "reply-to"} & _lower(content["headers"]).keys()
        (recipient,) = one["recipients"]
        assert recipient["address"]["header_to"] == recipient["address"]["email"]
        return [
            Mail(
                recipient["address"]["email"],
                content["from"],
                content["subject"],
                content["html"],
                content["text"],
                _lower(content["headers"]),
                one["metadata"]["delivery"],
                content.get("reply_to", ""),
                one.get("return_path", ""),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        results = {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "11668787484950529"}
        return Reply(200, {"results": results})

    def refused(self, mail: Mail) -> Reply:
        error = {"message": "At least one valid recipient is required", "code": "5002"}
        return Reply(400, {"errors": [error]})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/api/v1/account" and call.headers["authorization"] == KEY
        return Reply(403, {"errors": [{"message": "Forbidden."}]})

    def rendered(self, text: str) -> str:
        def macro(found: re.Match[str]) -> str:
            known = {"opening_double_curly()": "{{", "opening_triple_curly()": "{{{"}
            return known.get(found[1].strip(), "")

        return re.sub(r"\{\{(.*?)\}\}", macro, text, flags=re.DOTALL)


class AmazonSes(Documented):
    name = "amazon_ses"
    base = ""
    config = {"key": KEY, "secret": SECRET, "region": "eu-central-1"}

    @staticmethod
    def _error(status: int, kind: str, text: str) -> Reply:
        return Reply(status, {"message": text}, {"x-amzn-ErrorType": kind})

    unauthorised = _error(403, "UnrecognizedClientException", f"The token {KEY} is invalid.")
    unverified = _error(
        400,
        "MessageRejected",
        "Email address is not verified. news@example.org failed the check in EU-CENTRAL-1",
    )
    unexplained = _error(400, "BadRequestException", "Malformed content")

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/v2/email/outbound-emails")
        self._signed(call)
        one = call.json
        (to,) = one["Destination"]["ToAddresses"]
        raw = base64.b64decode(one["Content"]["Raw"]["Data"])
        assert raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= 998
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert not message.defects and [one.addr_spec for one in message["To"].addresses] == [to]
        (tag,) = one["EmailTags"]
        assert tag["Name"] == "delivery" and re.fullmatch(r"[A-Za-z0-9_-]{1,256}", tag["Value"])
        return [
            Mail(
                to,
                str(message["From"]),
                str(message["Subject"]),
                message.get_body(("html",)).get_content().replace("\r\n", "\n"),
                message.get_body(("plain",)).get_content().replace("\r\n", "\n"),
                {name.lower(): str(value) for name, value in message.items()},
                tag["Value"],
                str(message["Reply-To"] or ""),
                one.get("FeedbackForwardingEmailAddress", ""),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        return Reply(200, {"MessageId": "0107018b-000000"})

    def refused(self, mail: Mail) -> Reply:
        return self._error(400, "BadRequestException", f"Invalid email address<{mail.to}>.")

    def checked(self, call: Call) -> Reply:
        assert call.path == "/v2/email/account"
        self._signed(call)
        return Reply(200, {"SendingEnabled": True, "ProductionAccessEnabled": True})

    def _signed(self, call: Call) -> None:
        signature = call.headers["authorization"]
        assert signature.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/")
        assert "/eu-central-1/ses/aws4_request" in signature and SECRET not in signature


SERVICES = {one.name: one for one in (AmazonSes, Brevo, Mailgun, Mailjet, Postmark, Resend, SparkPost)}
