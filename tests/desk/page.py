"""Reads the structure of a page, so that tests do not depend on its wording."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """Ids, links, form actions and form controls of a response, and its text."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.status: int = response.status_code
        self.response = response
        self.html: str = response.content.decode()
        self.ids: set[str] = set()
        # Paths without their query.
        self.links: set[str] = set()
        self.form_actions: set[str] = set()
        # (name, value) of inputs and buttons; ("", "") parts where an attribute is missing.
        self.controls: set[tuple[str, str]] = set()
        self.classes: set[str] = set()
        self._text: list[str] = []
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.add(found["id"])
        self.classes.update(found.get("class", "").split())
        if tag == "a":
            self.links.add(found.get("href", "").partition("?")[0].partition("#")[0])
        if tag == "form":
            self.form_actions.add(found.get("action", ""))
        if tag in ("input", "button", "select", "textarea"):
            self.controls.add((found.get("name", ""), found.get("value", "")))

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        """The text of the page with runs of whitespace as one space."""
        return " ".join(" ".join(self._text).split())

    @property
    def names(self) -> set[str]:
        """Names of the form controls."""
        return {name for name, _ in self.controls}

    @property
    def messages(self) -> list[str]:
        """Levels of the messages that the page shows: "success", "error" and so on."""
        return [message.level_tag for message in self.response.context["messages"]]
