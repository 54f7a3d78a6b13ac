"""Whether this process has the key that the database's address hashes were made with.

With another key no suppressed address would be recognised, and all could join again. So the database keeps
the hash of a fixed text, made at its first migration, and a process that computes another must not start.
"""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, connection

from subscribers.addresses import address_hash
from subscribers.models import KeyCanary, Subscriber, Suppression

# Not an address, so that no stored hash equals its hash.
_CANARY_TEXT = "canary of the address-hash key"


_WRONG_KEY = (
    "is not the keys file of this database: suppressed addresses would not be "
    "recognised. Restore the right one from the backup."
)


class WrongAddressHashKey(Exception):  # noqa: N818
    """The address hashes in the database were made with another key."""


def verify_address_hash_key() -> None:
    """Raises WrongAddressHashKey. A database without tables is not checked."""
    try:
        found = KeyCanary.objects.first()
    except DatabaseError:
        return
    if found is None:
        raise WrongAddressHashKey("cannot be compared with the database; run: mailer migrate")
    if bytes(found.fingerprint) != address_hash(_CANARY_TEXT):
        raise WrongAddressHashKey(_WRONG_KEY)


def create_and_verify_key_canary(**_: Any) -> None:
    """Store the hash, after a migration. Raises WrongAddressHashKey, also where stored addresses show it."""
    if KeyCanary._meta.db_table not in connection.introspection.table_names():
        return
    if not KeyCanary.objects.exists():
        _verify_by_stored_addresses()
        KeyCanary.objects.create(fingerprint=address_hash(_CANARY_TEXT))
    verify_address_hash_key()


def _verify_by_stored_addresses() -> None:
    for rows in (Subscriber.objects.all(), Suppression.objects.exclude(email="")):
        stored = rows.order_by("-pk").values_list("email", "address_hash").first()
        if stored is not None and address_hash(stored[0]) != bytes(stored[1]):
            raise WrongAddressHashKey(_WRONG_KEY)
