"""Why an edition cannot move on, each in words for the person who asked."""

from __future__ import annotations


class ApprovalError(Exception):
    """The edition cannot take this step."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class NotPermitted(ApprovalError):  # noqa: N818
    """Your account may not do this; an admin can give it the permission."""


class WrongState(ApprovalError):  # noqa: N818
    """The edition is not in a state from which this step is possible."""


class PreflightFailed(ApprovalError):  # noqa: N818
    """Something must be mended before this edition can be submitted."""


class AuthorMayNotApprove(ApprovalError):  # noqa: N818
    """You wrote part of this edition; somebody who did not must approve it."""


class WrongHash(ApprovalError):  # noqa: N818
    """The hash is not that of the submitted copy: look at the copy again before approving it."""


class SnapshotChanged(ApprovalError):  # noqa: N818
    """What was approved is not what stands there now; submit the edition again."""


class OutsideWindow(ApprovalError):  # noqa: N818
    """The moment lies outside the window in which this copy may leave."""
