from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from base64 import b64encode

import pytest

from mailer.delivery.smtp import relays
from mailer.delivery.smtp.connection import SmtpTransport
from mailer.delivery.smtp.relays import PermanentRelayError, RelayUnavailable, Timeouts
from mailer.delivery.smtp.session_setup import open_session
from tests.delivery.relay import Relay, Script

LOGIN = ("mailer", "pässword")
PATIENT = Timeouts(connect=60, greeting=60, command=60)


def opened(server, host="localhost", **relay):
    """Open a session and quit; return the extensions offered last."""

    async def run():
        session = await open_session(relays.Relay(host, server.port, timeouts=PATIENT, **relay))
        await session.quit()
        return session.extensions

    return asyncio.run(run())


def verbs(server):
    return [line.split()[0] for line in server.commands if line != "QUIT"]


def signed_in(server, **relay):
    """Open an authenticated session; return its mechanism."""
    server.commands.clear()
    opened(server, username=LOGIN[0], **{"password": LOGIN[1]} | relay)
    (command,) = (line for line in server.commands if line.startswith("AUTH"))
    return command.split()[1]


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5", "xoauth2"])
def test_each_mechanism_works_and_a_wrong_password_is_a_permanent_error(mechanism):
    script = Script(login=LOGIN, mechanisms="PLAIN LOGIN CRAM-MD5 XOAUTH2")
    with Relay(script) as server:
        assert signed_in(server, auth=mechanism) == mechanism.upper()
        with pytest.raises(
            PermanentRelayError, match=rf"sign-in by {mechanism.upper()}: 535 5\.7\.8 no"
        ) as refused:
            signed_in(server, auth=mechanism, password="wrong")
        assert "wrong" not in str(refused.value)
        script.auth = "454 4.7.0 the directory is away"
        with pytest.raises(RelayUnavailable, match="directory is away"):
            signed_in(server, auth=mechanism)


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5", "xoauth2"])
def test_a_rejected_sign_in_is_reported_without_what_the_server_repeats_of_it(mechanism):
    secrets = [LOGIN[1], b64encode(LOGIN[1].encode()).decode()]
    secrets.append(b64encode(f"\0{LOGIN[0]}\0{LOGIN[1]}".encode()).decode())
    secrets.append(b64encode(f"user={LOGIN[0]}\1auth=Bearer {LOGIN[1]}\1\1".encode()).decode())
    sent = {"plain": secrets[:3], "xoauth2": [*secrets[:2], secrets[3]]}.get(mechanism, secrets[:2])
    for secret in sent:
        script = Script(login=LOGIN, mechanisms="PLAIN LOGIN CRAM-MD5 XOAUTH2")
        script.auth = f"535 5.7.8 you sent <{secret.rstrip('=')}> as aida@example.net"
        with Relay(script) as server, pytest.raises(PermanentRelayError, match="you sent") as refused:
            signed_in(server, auth=mechanism)
        assert secret.rstrip("=") not in str(refused.value) and "aida" not in str(refused.value)


def test_auto_chooses_the_best_mechanism_offered(certified):
    trust, tls = certified()
    with Relay(Script(login=LOGIN, mechanisms="LOGIN CRAM-MD5 PLAIN")) as server:
        assert signed_in(server) == "CRAM-MD5"
        server.script.mechanisms = "LOGIN"
        assert signed_in(server) == "LOGIN"
        server.script.mechanisms, server.script.tls = "LOGIN CRAM-MD5 PLAIN", tls
        assert signed_in(server, security="starttls", tls_context=trust) == "PLAIN"


def test_the_error_lists_the_mechanisms_offered(certified):
    _, tls = certified()
    with Relay(Script(login=LOGIN, mechanisms="GSSAPI NTLM")) as server:
        with pytest.raises(PermanentRelayError, match=r"GSSAPI, NTLM; not CRAM-MD5 or PLAIN or LOGIN\.$"):
            signed_in(server)
        with pytest.raises(PermanentRelayError, match=r"not XOAUTH2"):
            signed_in(server, auth="xoauth2")
        server.script.tls = tls
        with pytest.raises(PermanentRelayError, match=r"nothing; .* encrypted connection"):
            signed_in(server)


def test_the_access_token_is_read_for_each_sign_in(tmp_path):
    file = tmp_path / "token"
    file.write_text("stale\n")
    with Relay(Script(login=("mailer", "fresh"), mechanisms="PLAIN XOAUTH2")) as server:
        with pytest.raises(PermanentRelayError, match="status '401'"):
            signed_in(server, token_path=str(file))
        file.write_text("fresh\n")
        assert signed_in(server, token_path=str(file)) == "XOAUTH2"
        with pytest.raises(PermanentRelayError, match=r"token_path .*/none cannot be read"):
            signed_in(server, token_path=str(tmp_path / "none"))
        file.write_text("")
        with pytest.raises(PermanentRelayError, match="needs an access token"):
            signed_in(server, token_path=str(file))


@pytest.mark.parametrize("security", ["none", "opportunistic"])
def test_a_password_is_never_sent_in_clear_to_another_machine(security):
    # A spelling of 127.0.0.1 that is not recognised as loopback.
    with (
        Relay(Script(login=LOGIN)) as server,
        pytest.raises(PermanentRelayError, match="no verified encryption"),
    ):
        opened(server, "127.1", security=security, username="u", password="p")
    assert verbs(server) == ["EHLO"]


def test_starttls_comes_before_auth_and_discards_extensions_offered_in_clear(certified):
    trust, tls = certified()
    with Relay(Script(tls=tls, login=LOGIN)) as server:
        offers = opened(server, security="starttls", tls_context=trust, username=LOGIN[0], password=LOGIN[1])
        assert verbs(server) == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
        assert "STARTTLS" not in offers and "AUTH" in offers


def test_data_injected_before_encryption_is_rejected(certified):
    trust, tls = certified()
    injected = b"250-test\r\n250 AUTH PLAIN\r\n"
    script = Script(tls=tls, behind_starttls=injected)
    with Relay(script) as server, pytest.raises(RelayUnavailable, match="in clear"):
        opened(server, security="starttls", tls_context=trust)
    assert verbs(server) == ["EHLO", "STARTTLS"]


def test_required_starttls_that_is_not_offered_is_a_permanent_error():
    with Relay() as server, pytest.raises(PermanentRelayError, match="STARTTLS"):
        opened(server, security="starttls")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_invalid_certificate_is_rejected_with_the_reason(certified, security):
    trust, tls = certified()
    late, expired = certified(days=-1)
    other, named = certified("relay.example.org")

    def fails(server_context, trusted, reason):
        script = Script(tls=server_context, implicit=security == "tls")
        with Relay(script) as server, pytest.raises(RelayUnavailable, match=reason):
            opened(server, security=security, tls_context=trusted)
        assert "EHLO" not in verbs(server)[1:]

    fails(tls, None, "not signed by an authority")
    fails(expired, late, "has expired")
    fails(named, other, "is for another name")
    with Relay(Script(tls=tls, implicit=security == "tls")) as server:
        assert "PIPELINING" in opened(server, security=security, tls_context=trust)


def test_a_port_without_implicit_tls_suggests_starttls():
    with Relay() as server, pytest.raises(RelayUnavailable, match="security = starttls"):
        opened(server, security="tls")


def test_opportunistic_accepts_any_certificate_and_falls_back_to_clear(certified):
    _, tls = certified("relay.example.org", days=-1)
    with Relay(Script(tls=tls)) as server:
        opened(server, security="opportunistic")
        assert verbs(server) == ["EHLO", "STARTTLS", "EHLO"] and server.connections == 1
    with Relay() as server:
        opened(server, security="opportunistic")
        assert verbs(server) == ["EHLO"]
    with Relay(Script(tls=tls, starttls="454 4.7.0 no key at hand")) as server:
        opened(server, security="opportunistic")
        assert verbs(server) == ["EHLO", "STARTTLS"] and server.connections == 1
        with pytest.raises(RelayUnavailable, match="no key at hand"):
            opened(server, security="starttls")
    with Relay(Script(tls=tls, behind_starttls=b"this is no handshake")) as server:
        opened(server, security="opportunistic")
        assert verbs(server) == ["EHLO", "STARTTLS", "EHLO"] and server.connections == 2


def test_a_server_without_ehlo_is_greeted_by_helo():
    with Relay(Script(ehlo="502 what?")) as server:
        assert opened(server) == {}
        assert verbs(server) == ["EHLO", "HELO"]


@pytest.mark.parametrize("ends", ["in order", "by an error"])
def test_a_reply_that_comes_with_the_end_of_the_encryption_is_read(certified, ends):
    trust, tls = certified()

    async def run():
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop, seen = asyncio.get_running_loop(), []
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = tls.wrap_bio(incoming, outgoing, server_side=True)
        _, transport = await loop.create_connection(lambda: SmtpTransport(trust, "localhost"), sock=ours)
        transport.listener = lambda replies: seen.append([reply.code for reply in replies])
        done = False
        while not done:
            incoming.write(await loop.sock_recv(theirs, 1 << 16))
            with contextlib.suppress(ssl.SSLWantReadError):
                server.do_handshake()
                done = True
            await loop.sock_sendall(theirs, outgoing.read())
        await transport.finish_handshake(60)
        server.write(b"250 2.0.0 accepted\r\n")
        if ends == "in order":
            with contextlib.suppress(ssl.SSLWantReadError):
                server.unwrap()
        else:
            # No record of TLS.
            outgoing.write(b"421 in clear\r\n")
        await loop.sock_sendall(theirs, outgoing.read())
        async with asyncio.timeout(60):
            while not seen or seen[-1]:
                await asyncio.sleep(0)
        await transport.close()
        theirs.close()
        return seen

    assert asyncio.run(run())[0] == [250]
