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

    # The address is on the ESP's list. Only where the response says so: a method `suppressed(mail)`.

    def fails(self, how: str, call: Call) -> Reply:
        """How a whole call fails: unauthorised, unverified or unexplained."""
        reply: Reply = getattr(self, how)
        return reply

    def checked(self, call: Call) -> Reply:
        """The response to a call that only verifies the credentials."""
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
        return {"ErrorCode": 300, "Message": f"Error parsing 'To': Illegal email address '{mail.to}'."}

    def suppressed(self, mail: Mail) -> Reply:
        text = f"You tried to send to recipients that are inactive: {mail.to}. Found inactive addresses."
        return Reply(200, [{"ErrorCode": 406, "Message": text}])

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

    # The address is on the ESP's list. Only where the response says so: a method `suppressed(mail)`.

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


class SendGrid(Documented):
    name = "sendgrid"
    base = "/v3/"
    unauthorised = Reply(401, {"errors": [{"message": f"The key {KEY} is invalid", "field": None}]})
    unverified = Reply(
        403,
        {"errors": [{"message": "news@example.org is no verified sender identity", "field": "from"}]},
    )
    unexplained = Reply(400, {"errors": [{"message": "Bad Request", "field": None, "help": None}]})
    busy = {"errors": [{"message": "too many requests", "field": None}]}

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/v3/mail/send")
        assert call.headers["authorization"] == f"Bearer {KEY}"
        one = call.json
        (personal,) = one["personalizations"]
        (to,) = personal["to"]
        assert personal.keys() == {"to"} and "template_id" not in one
        assert [part["type"] for part in one["content"]] == ["text/plain", "text/html"]
        off = {"enable": False}
        tracking = {"click_tracking": off, "open_tracking": off, "subscription_tracking": off}
        assert one["tracking_settings"] == tracking
        (answer_to,) = one.get("reply_to_list", [{"email": ""}])
        headers = _lower(one["headers"])
        reserved = {"to", "from", "subject", "reply-to", "cc", "bcc", "content-type", "received"}
        assert not reserved & headers.keys()
        return [
            Mail(
                to["email"],
                formataddr((one["from"]["name"], one["from"]["email"])),
                one["subject"],
                one["content"][1]["value"],
                one["content"][0]["value"],
                headers,
                one["custom_args"]["delivery"],
                answer_to["email"],
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        return Reply(202, None, {"X-Message-Id": "aBc7dEf"})

    def refused(self, mail: Mail) -> Reply:
        error = {"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}
        return Reply(400, {"errors": [error]})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/v3/scopes" and call.headers["authorization"] == f"Bearer {KEY}"
        return Reply(200, {"scopes": ["mail.send"]})


class MailerSend(Documented):
    name = "mailersend"
    base = "/v1/"
    unauthorised = Reply(401, {"message": "Unauthenticated."})
    unverified = Reply(
        422,
        {
            "message": "The from.email domain must be verified.",
            "errors": {"from.email": ["The domain of news@example.org must be verified. #MS42207"]},
        },
    )
    unexplained = Reply(422, {"message": "Invalid.", "errors": {"text": ["The text is invalid."]}})

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/v1/email")
        assert call.headers["authorization"] == f"Bearer {KEY}"
        one = call.json
        assert one["settings"] == {"track_clicks": False, "track_opens": False}
        assert one["precedence_bulk"] is True and "personalization" not in one
        (to,), (tag,) = one["to"], one["tags"]
        return [
            Mail(
                to["email"],
                formataddr((one["from"]["name"], one["from"]["email"])),
                one["subject"],
                one["html"],
                one["text"],
                _lower({header["name"]: header["value"] for header in one["headers"]}),
                tag,
                one.get("reply_to", {}).get("email", ""),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        return Reply(202, None, {"X-Message-Id": "65f0c0ffee"})

    def refused(self, mail: Mail) -> Reply:
        text = f"The to.0.email {mail.to} must be a valid email address."
        return Reply(422, {"message": text, "errors": {"to.0.email": [text]}})

    def suppressed(self, mail: Mail) -> Reply:
        recipient = {"email": mail.to, "name": "", "reasons": ["hard_bounced"]}
        warning = {"type": "ALL_SUPPRESSED", "warning": "All are suppressed.", "recipients": [recipient]}
        return Reply(202, {"message": "", "warnings": [warning]}, {"X-Message-Id": "65f0c0ffef"})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/v1/domains?limit=10" and call.headers["authorization"] == f"Bearer {KEY}"
        return Reply(403, {"message": "This action is unauthorized."})

    def rendered(self, text: str) -> str:
        return re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\{\$.*?\}", "", text, flags=re.DOTALL)


class Mailtrap(Documented):
    name = "mailtrap"
    base = "/api/"
    unauthorised = Reply(401, {"errors": ["Unauthorized"]})
    unverified = Reply(403, {"success": False, "errors": ["Sending from domain example.org is forbidden"]})
    unexplained = Reply(400, {"success": False, "errors": ["Bad request"]})
    busy = {"errors": ["Rate limit exceeded"]}

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/api/batch")
        assert call.headers["api-token"] == KEY
        assert call.json["base"].keys() == {"from"} and 1 <= len(call.json["requests"]) <= 500
        return [self._mail(call.json["base"] | one) for one in call.json["requests"]]

    def _mail(self, one: dict[str, Any]) -> Mail:
        (to,) = one["to"]
        assert all(len(str(value)) <= 1000 for value in one["custom_variables"].values())
        return Mail(
            to["email"],
            formataddr((one["from"]["name"], one["from"]["email"])),
            one["subject"],
            one["html"],
            one["text"],
            _lower(one["headers"]),
            one["custom_variables"]["delivery"],
            one.get("reply_to", {}).get("email", ""),
        )

    def answer(self, mails: list[Mail], bad: set[str]) -> tuple[Reply, list[Mail]]:
        results = [
            {"success": False, "errors": [f"'to' address {mail.to} is invalid"]}
            if mail.to in bad
            else {"success": True, "message_ids": ["7a7a7a7a-0000"]}
            for mail in mails
        ]
        return Reply(200, {"success": True, "responses": results}), [m for m in mails if m.to not in bad]

    def suppressed(self, mail: Mail) -> Reply:
        result = {"success": False, "errors": [f"{mail.to} is suppressed"]}
        return Reply(200, {"success": True, "responses": [result]})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/api/accounts" and call.headers["api-token"] == KEY
        return Reply(200, [{"id": 7, "name": "Office"}])


class Mandrill(Documented):
    name = "mandrill"
    base = "/api/1.0/"
    unauthorised = Reply(
        500, {"status": "error", "code": -1, "name": "Invalid_Key", "message": f"Invalid API key {KEY}"}
    )
    unverified = Reply(
        200, [{"email": "reader@example.net", "status": "rejected", "reject_reason": "unsigned", "_id": "7"}]
    )
    unexplained = Reply(
        500, {"status": "error", "code": -2, "name": "ValidationError", "message": "Invalid html."}
    )

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/api/1.0/messages/send.json")
        one = call.json["message"]
        assert call.json["key"] == KEY and call.json.keys() == {"key", "message"}
        assert one["track_opens"] is one["track_clicks"] is one["merge"] is False
        assert "merge_vars" not in one and "global_merge_vars" not in one
        (to,) = one["to"]
        headers = _lower(one["headers"])
        return [
            Mail(
                to["email"],
                formataddr((one["from_name"], one["from_email"])),
                one["subject"],
                one["html"],
                one["text"],
                headers,
                one["metadata"]["delivery"],
                headers.get("reply-to", ""),
            )
        ]

    def _result(self, mail: Mail, status: str, reason: str | None = None) -> Reply:
        result = {"email": mail.to, "status": status, "reject_reason": reason, "_id": "abc7"}
        return Reply(200, [result])

    def taken(self, mail: Mail) -> Reply:
        return self._result(mail, "queued")

    def refused(self, mail: Mail) -> Reply:
        return self._result(mail, "invalid")

    def suppressed(self, mail: Mail) -> Reply:
        return self._result(mail, "rejected", "hard-bounce")

    def checked(self, call: Call) -> Reply:
        assert call.path == "/api/1.0/users/ping2.json" and call.json == {"key": KEY}
        return Reply(200, {"PING": "PONG!"})


class Postal(Documented):
    name = "postal"

    @staticmethod
    def _error(code: str, text: str) -> Reply:
        data = {"code": code, "message": text}
        return Reply(200, {"status": "error", "time": 0.02, "flags": {}, "data": data})

    unauthorised = _error("InvalidServerAPIKey", f"The key {KEY} was not valid.")
    unverified = _error("UnauthenticatedFromAddress", "news@example.org is not authorised")
    unexplained = _error("NoContent", "There is no content defined for this e-mail")

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/api/v1/send/message")
        assert call.headers["x-server-api-key"] == KEY
        one = call.json
        (to,) = one["to"]
        headers = _lower(one["headers"])
        assert headers.pop("x-amp") == "skip"
        return [
            Mail(
                to,
                one["from"],
                one["subject"],
                one["html_body"],
                one["plain_body"],
                headers,
                one["tag"],
                one.get("reply_to", ""),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        data = {"message_id": "7@rp.example.org", "messages": {mail.to: {"id": 7, "token": "aBc7"}}}
        return Reply(200, {"status": "success", "time": 0.02, "flags": {}, "data": data})

    def refused(self, mail: Mail) -> Reply:
        return self._error("ValidationError", f"The To address {mail.to} is invalid")

    def checked(self, call: Call) -> Reply:
        assert call.path == "/api/v1/messages/message" and call.headers["x-server-api-key"] == KEY
        text = "`id` parameter is required but is missing"
        return Reply(200, {"status": "parameter-error", "flags": {}, "data": {"message": text}})


class UnisenderGo(Documented):
    name = "unisender_go"
    base = "/ru/transactional/api/v1/"
    unauthorised = Reply(401, {"status": "error", "code": 114, "message": f"User with key {KEY} not found"})
    unverified = Reply(
        400,
        {"status": "error", "code": 199, "message": "The from_email news@example.org is not confirmed"},
    )
    unexplained = Reply(400, {"status": "error", "code": 150, "message": "Invalid JSON"})

    def read(self, call: Call) -> list[Mail]:
        assert (call.method, call.path) == ("POST", "/ru/transactional/api/v1/email/send.json")
        assert call.headers["x-api-key"] == KEY
        one = call.json["message"]
        assert one["track_links"] == one["track_read"] == 0
        assert (one["template_engine"], one["skip_unsubscribe"]) == ("none", 1)
        (recipient,) = one["recipients"]
        assert recipient == {"email": one["headers"].pop("to")}
        return [
            Mail(
                recipient["email"],
                formataddr((one["from_name"], one["from_email"])),
                one["subject"],
                one["body"]["html"],
                one["body"]["plaintext"],
                _lower(one["headers"]),
                one["global_metadata"]["delivery"],
                one.get("reply_to", ""),
            )
        ]

    def taken(self, mail: Mail) -> Reply:
        return Reply(200, {"status": "success", "job_id": "1aB2c3-7D", "emails": [mail.to]})

    def refused(self, mail: Mail) -> Reply:
        return self._failed(mail, "invalid")

    def suppressed(self, mail: Mail) -> Reply:
        return self._failed(mail, "unsubscribed")

    def _failed(self, mail: Mail, why: str) -> Reply:
        text = "No valid recipients"
        return Reply(400, {"status": "error", "code": 204, "message": text, "failed_emails": {mail.to: why}})

    def checked(self, call: Call) -> Reply:
        assert call.path == "/ru/transactional/api/v1/system/info.json" and call.json == {}
        assert call.headers["x-api-key"] == KEY
        return Reply(200, {"status": "success", "user_id": 7, "email": "office@example.org"})


SERVICES = {
    one.name: one
    for one in (
        *(AmazonSes, Brevo, MailerSend, Mailgun, Mailjet, Mailtrap, Mandrill),
        *(Postal, Postmark, Resend, SendGrid, SparkPost, UnisenderGo),
    )
}
