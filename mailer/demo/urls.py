"""URLs under /demo/."""

from __future__ import annotations

from django.urls import path

from mailer.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.start, name="start"),
    path("progress/", views.progress, name="progress"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("inbox/", views.inboxes, name="inboxes"),
    path("inbox/<int:number>/", views.inbox, name="inbox"),
    path("inbox/<int:number>/<int:mail_number>/", views.mail, name="mail"),
    path("inbox/<int:number>/<int:mail_number>/html/", views.mail_html, name="mail_html"),
    path("inbox/<int:number>/<int:mail_number>/source/", views.mail_source, name="mail_source"),
]
