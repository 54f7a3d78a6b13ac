"""`mailer second-factor`: the way back for an account that lost its second factors and recovery codes."""

from __future__ import annotations

from typing import Annotated

import typer
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from wagtail.log_actions import log

from mailer.cli.lookup import operator
from mailer.cli.output import command_group, fail, print_text

app = command_group()


@app.command()
def second_factor(username: Annotated[str, typer.Argument(help="The account.")]) -> None:
    """Remove an account's passkeys, app and codes; its owner and all approvers get an email about it."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        fail(f"there is no active account “{username}”.")
    removed, _ = Authenticator.objects.filter(user=user).delete()
    log(instance=user, action="accounts.factors_removed", data={"by": operator()})
    print_text(f"{removed} removed. {username} signs in with the password, and sets up new ones.")
