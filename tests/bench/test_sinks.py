"""The servers of benchmarks take what we send, and count it."""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.error
import urllib.request

import pytest

from mailer.bench import esp, smtp_sinks_and_reference_senders


@pytest.mark.parametrize("tls", [False, True])
def test_the_light_sink_accepts_messages(tls, tmp_path):
    smtp_sinks_and_reference_senders.create_certificate(tmp_path)
    message = b"Subject: x\r\n\r\n" + b"x" * 70_000
    with (
        smtp_sinks_and_reference_senders.Sink("light", tmp_path if tls else None) as sink,
        smtplib.SMTP("127.0.0.1", sink.port) as sender,
    ):
        if tls:
            sender.starttls(
                context=ssl.create_default_context(
                    cafile=str(tmp_path / smtp_sinks_and_reference_senders.CERTIFICATE)
                )
            )
        for _ in range(3):
            assert sender.sendmail("b@example.org", ["aida@example.org"], message) == {}
        assert sender.quit()[0] == 221


def test_the_service_answers_for_each_message_and_limits_a_share_of_the_calls():
    body = json.dumps([{"MessageStream": "x"}] * 3).encode()
    statuses = []
    with esp._running("postmark") as port:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(30):
            try:
                with urllib.request.urlopen(url, body) as response:
                    assert len(json.load(response)) == 3
                    statuses.append(response.status)
            except urllib.error.HTTPError as error:
                assert error.headers["Retry-After"] == str(esp.RETRY_AFTER)
                statuses.append(error.code)
                error.close()
        with urllib.request.urlopen(f"{url}stats") as response:
            counted = json.load(response)
    assert counted["calls"] == 30 and counted["messages"] == 3 * statuses.count(200)
    assert counted["limited"] == statuses.count(429)
    assert bool(counted["limited"]) == bool(counted["limited_seconds"])
