"""The URL below /accounts/approval/ of the page for external approvers."""

from __future__ import annotations

from django.urls import path

from mailer.desk.approval.by_link import ApprovalLinkPage

urlpatterns = [path("<token>/", ApprovalLinkPage.as_view(), name="approval_by_link")]
