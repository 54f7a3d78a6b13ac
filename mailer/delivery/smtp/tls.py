"""Whether a server is what it says, and what to do about a certificate that is wrong."""

from __future__ import annotations

import ipaddress
import ssl

_EXPIRED = "has expired; whoever runs the server must renew it"
_WRONG_NAME = "is for another name; host must be a name that stands in it"
_UNKNOWN = "is signed by nobody whom this machine trusts; add the signer to the system's certificates"
# By OpenSSL's numbers.
_CERTIFICATE = {
    9: "is not valid yet; is this machine's clock right?",
    10: _EXPIRED,
    **dict.fromkeys((18, 19, 20, 21), _UNKNOWN),
    **dict.fromkeys((62, 64), _WRONG_NAME),
}


def wrong(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with the certificate, and what to do: words that follow "its certificate"."""
    return _CERTIFICATE.get(error.verify_code, f"cannot be trusted: {error.verify_message}")


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
