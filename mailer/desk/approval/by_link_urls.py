"""The URLs below /accounts/approval/: the page for external approvers, and the pictures on it."""

from __future__ import annotations

from django.urls import path

from mailer.desk.approval.by_link import ApprovalLinkPage, approval_picture

urlpatterns = [
    path("<token>/", ApprovalLinkPage.as_view(), name="approval_by_link"),
    path("<token>/media/<path:path>", approval_picture, name="approval_by_link_picture"),
]
