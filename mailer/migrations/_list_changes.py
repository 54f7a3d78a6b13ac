"""Senders and welcome texts of lists: changed only to what a second person approved."""

from __future__ import annotations

from subscribers.migrations._triggers import Trigger


def _differs(*columns: str) -> str:
    return " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)


_TEXTS = "CAST(NEW.welcome_texts AS TEXT) IS DISTINCT FROM CAST(OLD.welcome_texts AS TEXT)"
_NOT_BY_SECOND_PERSON = (
    "NEW.state = 'approved' AND (NEW.decided_by_id IS NULL OR NEW.decided_by_id = NEW.proposed_by_id"
    " OR EXISTS (SELECT 1 FROM mailer_accountinfluence i"
    " WHERE i.user_id = NEW.decided_by_id AND i.author_id = NEW.proposed_by_id))"
)
_BY_CREATOR_OF_AUTHOR = (
    "NEW.state = 'approved' AND EXISTS (SELECT 1 FROM mailer_accountcontrol i"
    " WHERE i.author_id = NEW.decided_by_id AND i.user_id = NEW.proposed_by_id)"
)
_PROPOSAL = ("mailing_list_id", "sender_name", "sender_email", "proposed_by_id", "proposed_at")
_NOT_APPROVED = (
    "NOT EXISTS (SELECT 1 FROM mailer_listchange k WHERE k.mailing_list_id = NEW.id AND k.state = 'approved'"
    " AND k.sender_name = NEW.sender_name AND k.sender_email = NEW.sender_email"
    " AND CAST(k.welcome_texts AS TEXT) = CAST(NEW.welcome_texts AS TEXT))"
)

TRIGGERS = [
    Trigger(
        "list_change_proposed_first",
        "INSERT",
        "mailer_listchange",
        "NEW.state <> 'proposed'",
        "a change of a list is proposed first",
    ),
    Trigger(
        "list_change_by_second_person",
        "UPDATE",
        "mailer_listchange",
        _NOT_BY_SECOND_PERSON,
        "a second person approves a change of a list",
    ),
    Trigger(
        "list_change_not_by_creator_of_author",
        "UPDATE",
        "mailer_listchange",
        _BY_CREATOR_OF_AUTHOR,
        "who approves a change of a list did not create the account of who proposed it",
    ),
    Trigger(
        "list_change_unchanged",
        "UPDATE",
        "mailer_listchange",
        f"OLD.state <> 'proposed' OR {_differs(*_PROPOSAL)} OR {_TEXTS}",
        "a proposed change of a list is never changed",
    ),
    Trigger(
        "list_emails_approved",
        "UPDATE",
        "subscribers_mailinglist",
        f"({_differs('sender_name', 'sender_email')} OR {_TEXTS}) AND {_NOT_APPROVED}",
        "a second person approves the sender and welcome texts of a list",
    ),
]
