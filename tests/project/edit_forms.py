"""The forms of a page as a browser sends them: names with values, and what a person can type into."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

# Inputs that hold no value of a person.
_NO_VALUE = {"hidden", "submit", "button", "reset", "image", "file", "password", "search"}
_TYPED = {"text", "textarea"}


@dataclass
class Form:
    """A form that is sent by POST."""

    # Where to; empty: to the page itself.
    action: str = ""
    # Name and value of each control that a browser would send.
    sent: list[tuple[str, str]] = field(default_factory=list)
    # Names of controls that a person types into, and of checkboxes with their values.
    typed: list[str] = field(default_factory=list)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    # Names of controls that a person changes, and which hold something.
    filled: set[str] = field(default_factory=set)

    def values(self, name: str) -> list[str]:
        return [value for one, value in self.sent if one == name]

    def changed(self, name: str, value: str) -> dict[str, list[str]]:
        """What is sent when `value` is typed into a control."""
        found: dict[str, list[str]] = {}
        for one, sent in self.sent:
            found.setdefault(one, []).append(sent)
        return {**found, name: [value]}

    def toggled(self, name: str, value: str) -> dict[str, list[str]]:
        """What is sent when a checkbox is pressed."""
        found = self.changed("", "")
        del found[""]
        now = self.values(name)
        return {**found, name: [one for one in now if one != value] if value in now else [*now, value]}


class _Forms(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = self._area = ""
        self._chosen: list[str] | None = None
        self._options: list[str] = []
        self._text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", "")) if given.get("method", "").lower() == "post" else None
            if self._form is not None:
                self.forms.append(self._form)
        form, name = self._form, given.get("name", "")
        if form is None or "disabled" in given or (tag != "option" and not name):
            return
        if tag == "input":
            self._input(form, name, given)
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._select, self._chosen, self._options = name, None, []
            self._chosen = [] if "multiple" in given else None
        elif tag == "option" and self._select:
            self._options.append(given.get("value", ""))
            if "selected" in given:
                self._chosen = [*(self._chosen or []), given.get("value", "")]

    def _input(self, form: Form, name: str, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text") or "text", given.get("value", "")
        if kind in ("checkbox", "radio"):
            value = given.get("value", "on")
            if kind == "checkbox":
                form.boxes.append((name, value))
            if "checked" not in given:
                return
        elif kind in ("submit", "button", "reset", "image", "file"):
            return
        form.sent.append((name, value))
        if kind in _TYPED:
            form.typed.append(name)
        if kind not in _NO_VALUE and value and name != "csrfmiddlewaretoken":
            form.filled.add(name)

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        form = self._form
        if form is None:
            return
        if tag == "form":
            self._form = None
        elif tag == "textarea" and self._area:
            text = self._text.removeprefix("\n")
            form.sent.append((self._area, text))
            form.typed.append(self._area)
            if text:
                form.filled.add(self._area)
            self._area = ""
        elif tag == "select" and self._select:
            chosen = self._options[:1] if self._chosen is None else self._chosen
            form.sent += [(self._select, value) for value in chosen]
            if any(chosen):
                form.filled.add(self._select)
            self._select = ""


def forms_of(html: str) -> list[Form]:
    """The page's forms that are sent by POST."""
    return _Forms(html).forms
