"""Errors of submitting, approving and scheduling; each docstring is the default message for staff."""

from __future__ import annotations


class ApprovalError(Exception):
    """This step is not possible."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class NotPermitted(ApprovalError):  # noqa: N818
    """Your account does not have this permission; an admin can grant it."""


class WrongState(ApprovalError):  # noqa: N818
    """This step is not possible in the edition's current state."""


class PreflightFailed(ApprovalError):  # noqa: N818
    """Fix these problems first: the edition cannot be submitted yet."""


class AuthorMayNotApprove(ApprovalError):  # noqa: N818
    """You wrote part of this edition; a colleague who did not must approve it."""


class WrongHash(ApprovalError):  # noqa: N818
    """The hash is not that of the submitted snapshot; review the edition again before approving it."""


class SnapshotChanged(ApprovalError):  # noqa: N818
    """The edition has changed since it was approved; submit it again."""


class OutsideWindow(ApprovalError):  # noqa: N818
    """The time is outside the approved sending window."""
