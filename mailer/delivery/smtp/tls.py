"""TLS: certificate contexts for a connection to a server, and what a certificate error means."""

from __future__ import annotations

import ipaddress
import ssl

_EXPIRED = "has expired; the server's operator must renew it"
_WRONG_NAME = "is for another name; host must be a name in the certificate"
_UNKNOWN = (
    "is not signed by an authority that this machine trusts; add the authority to the system's certificates"
)
# By OpenSSL's error numbers.
_CERTIFICATE_ERRORS = {
    9: "is not valid yet; check this machine's clock",
    10: _EXPIRED,
    **dict.fromkeys((18, 19, 20, 21), _UNKNOWN),
    **dict.fromkeys((62, 64), _WRONG_NAME),
}


def explain_certificate_error(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with the certificate and how to fix it: a predicate for "its certificate"."""
    return _CERTIFICATE_ERRORS.get(error.verify_code, f"cannot be trusted: {error.verify_message}")


def unverified_context() -> ssl.SSLContext:
    """Encrypts without checking the certificate: protects against passive eavesdropping only (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
