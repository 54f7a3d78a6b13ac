"""Rate limits of the sign-up form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SignUp:
    # Confirmation emails an hour. From half of it on, the form asks a question that people can answer.
    emails_per_hour: int = 300
    # Sign-ups an hour from one network (/24 or /48), and to addresses of one domain.
    per_network_per_hour: int = 20
    per_domain_per_hour: int = 100
    # Emails to one address in 30 days.
    per_address_per_month: int = 3
