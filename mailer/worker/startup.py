"""What every process does before it serves or sends: private files, and the right address-hash key."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from mailer.config import ConfigError, file_modes
from subscribers import suppression


def make_files_private() -> None:
    """Close our files to other users of the machine: those that exist, and those that will be created."""
    os.umask(file_modes.UMASK)
    file_modes.tighten(Path(os.environ.get("MAILER_CONFIG", "config.toml")), settings.CONFIG)


def check_address_hash_key() -> None:
    """Raises ConfigError where the database's address hashes were made with another key."""
    try:
        suppression.verify_address_hash_key()
    except suppression.WrongAddressHashKey as error:
        raise as_config_error(error) from error


def as_config_error(error: suppression.WrongAddressHashKey) -> ConfigError:
    """The error with the file that it is about."""
    return ConfigError(f"{settings.CONFIG.path(settings.CONFIG.keys.file)}: {error}")
