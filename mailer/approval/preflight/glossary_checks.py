"""Checks of names: translations that leave a term of the newsletter's glossary out, and forms it forbids."""

from __future__ import annotations

from collections.abc import Iterator

from mailer.approval.preflight.check_input import Description, Place
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.editions import glossary_matching
from subscribers.translate_stored_texts import stored

# What is translated as a whole: a story, a block, the subject line with its preview text.
_Whole = dict[str, tuple[Place, glossary_matching.Words]]


def terms_left_out(description: Description) -> Iterator[Found]:
    """Translations without a form of a name that their source has."""
    for whole in _wholes(description) if description.glossary else ():
        source = _source(description, whole)
        for term in description.glossary:
            if not glossary_matching.mentions_any(whole[source][1], term.forms(source), source):
                continue
            for language, (place, text) in whole.items():
                forms = term.forms(language)
                if language != source and forms and not glossary_matching.mentions_any(text, forms, language):
                    expected = stored(
                        "“%(term)s” is missing; the glossary expects “%(name)s”",
                        term=term.forms(source)[0],
                        name="” / “".join(forms),
                    )
                    yield Found(place, expected)


def forbidden_names(description: Description) -> Iterator[Found]:
    """Forms of a name that the glossary does not allow."""
    for whole in _wholes(description) if description.glossary else ():
        for language, (place, text) in whole.items():
            for term in description.glossary:
                if form := glossary_matching.forbidden_in(text, term, language):
                    names = term.forms(language)
                    yield Found(
                        place,
                        stored("Instead of “%(form)s”, write “%(name)s”", form=form, name=names[0])
                        if names
                        else form,
                    )


def _wholes(description: Description) -> Iterator[_Whole]:
    """The texts of each story, block and subject by language, with the first place of each."""
    found: dict[tuple[str, str], dict[str, tuple[Place, str]]] = {}
    for text in description.texts:
        place = text.place
        # A description of a picture says what is seen, and need not name anybody.
        if place.kind in ("story", "block", "subject") and text.field not in ("picture_alt", "alt"):
            whole = found.setdefault((place.kind, place.key), {})
            first, before = whole.get(text.language, (place, ""))
            whole[text.language] = first, f"{before}\n{text.plain}"
    for one in found.values():
        yield {language: (place, glossary_matching.Words(text)) for language, (place, text) in one.items()}


def _source(description: Description, whole: _Whole) -> str:
    """The language that the others were translated from: the story's own, else the newsletter's first."""
    place = next(iter(whole.values()))[0]
    own = dict(description.source_languages).get(place.key, "") if place.kind == "story" else ""
    wanted = (own, *description.content.masthead.languages)
    return next((code for code in wanted if code in whole), next(iter(whole)))
