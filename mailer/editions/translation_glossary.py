"""The glossary of names in the database: the terms of a newsletter, and their file (CSV, RFC 4180)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from mailer.editions.glossary_matching import Term, terms_in
from mailer.editions.models import GlossaryTerm, Newsletter
from subscribers import csv_cells

# Forms of one language in a cell.
_SEPARATOR = "|"
_FORBIDDEN, _NOTE, _SCOPE, _ALL = "-forbidden", "note", "newsletter", "*"
LONGEST_FORM = 200
MOST_FORMS = 10
MOST_TERMS = 2_000
_MAX_BYTES = 2_000_000
Names = dict[str, list[str]]


@dataclass(frozen=True)
class InvalidTerms(ValueError):  # noqa: N818  (a verdict on input)
    """A file that cannot be read as a glossary."""

    # "not_csv", "no_language", "no_name", "too_long", "too_many" or "other_newsletter".
    code: str
    # From 1; 0: the whole file.
    line: int = 0


def newsletter_and_shared_terms(newsletter: Newsletter) -> list[GlossaryTerm]:
    """The newsletter's terms and those of every newsletter, by their names."""
    return sorted(_listed(newsletter), key=lambda one: str(one).casefold())


def _listed(newsletter: Newsletter) -> QuerySet[GlossaryTerm]:
    return GlossaryTerm.objects.filter(Q(newsletter=newsletter) | Q(newsletter=None))


def glossary_terms_of_one_or_all(newsletter: Newsletter | None) -> tuple[Term, ...]:
    """The same as plain records; None: the terms of all newsletters."""
    rows = _listed(newsletter) if newsletter else GlossaryTerm.objects.all()
    stored = rows.annotate(
        names_json=Cast("names", TextField()), forbidden_json=Cast("forbidden", TextField())
    )
    return _parsed(tuple(stored.values_list("names_json", "forbidden_json", "note")), newsletter is not None)


# A page of an edition needs some hundred terms, which seldom change.
@lru_cache(maxsize=16)
def _parsed(rows: tuple[tuple[str, str, str], ...], by_name: bool) -> tuple[Term, ...]:
    read = [(json.loads(names), json.loads(forbidden), note) for names, forbidden, note in rows]
    if by_name:
        read.sort(key=lambda row: next((forms[0] for forms in row[0].values() if forms), "").casefold())
    return tuple(Term(_tuples(names), _tuples(forbidden), note) for names, forbidden, note in read)


def terms_with_forms_in(
    texts: Mapping[str, str], terms: Sequence[Term], languages: Sequence[tuple[str, str]]
) -> list[tuple[Term, list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]]]:
    """What a writer should know of the names in texts (by language): each with its forms in these languages.

    `languages`: (code, name). Forms: (code, name of the language, allowed forms, forbidden forms).
    """
    return [
        (
            term,
            [
                (code, name, term.forms(code), term.forbidden_forms(code))
                for code, name in languages
                if term.forms(code) or term.forbidden_forms(code)
            ],
        )
        for term in terms_in(texts, terms)
    ]


def _tuples(names: Mapping[str, Sequence[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((code, tuple(forms)) for code, forms in sorted(names.items()) if forms)


def parse_forms(text: str, separator: str = "\n") -> list[str]:
    """The forms of a cell or of a form's field, cleaned, each once. Raises InvalidTerms."""
    found = [" ".join(one.split()) for one in text.split(separator)]
    forms = list(dict.fromkeys(one for one in found if one))
    if len(forms) > MOST_FORMS or any(len(one) > LONGEST_FORM for one in forms):
        raise InvalidTerms("too_long")
    return forms


def as_csv(newsletter: Newsletter, languages: Sequence[str]) -> str:
    """The terms as CSV with a heading: one column of names and one of forbidden forms for each language."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([*_columns(languages), _NOTE, _SCOPE])
    for row in newsletter_and_shared_terms(newsletter):
        cells = [
            f" {_SEPARATOR} ".join(forms.get(code, ()))
            for code in languages
            for forms in (row.names, row.forbidden)
        ]
        scope = newsletter.slug if row.newsletter_id else _ALL
        writer.writerow([csv_cells.escape(cell) for cell in (*cells, row.note, scope)])
    return written.getvalue()


def _columns(languages: Iterable[str]) -> Iterator[str]:
    for code in languages:
        yield code
        yield f"{code}{_FORBIDDEN}"


def import_csv(newsletter: Newsletter, data: bytes, languages: Sequence[str]) -> tuple[int, int]:
    """Add the terms of a file, and change those that are there; (added, changed). Raises InvalidTerms.

    A term is one that is there when it shares a preferred name with it. Languages without a column keep
    their names. All of the file is taken over, or nothing.
    """
    given = list(_read(newsletter, data, languages))
    added = changed = 0
    with transaction.atomic():
        known = {
            (code, forms[0].casefold()): row
            for row in newsletter_and_shared_terms(newsletter)
            for code, forms in row.names.items()
            if forms
        }
        for one in given:
            keys = [(code, forms[0].casefold()) for code, forms in one.names.items()]
            row = next((known[key] for key in keys if key in known), None)
            if row is None:
                one.save()
                added += 1
                known |= dict.fromkeys(keys, one)
                continue
            before = (row.names, row.forbidden, row.note, row.newsletter_id)
            row.names, row.forbidden = {**row.names, **one.names}, {**row.forbidden, **one.forbidden}
            row.note, row.newsletter = one.note or row.note, one.newsletter
            if before != (row.names, row.forbidden, row.note, row.newsletter_id):
                row.save()
                changed += 1
    return added, changed


def _read(newsletter: Newsletter, data: bytes, languages: Sequence[str]) -> Iterator[GlossaryTerm]:
    if len(data) > _MAX_BYTES:
        raise InvalidTerms("too_many")
    try:
        text = data.decode("utf-8-sig")
        delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidTerms("not_csv") from error
    heading = [cell.strip().casefold() for cell in rows[0]] if rows else []
    if not set(heading) & set(languages):
        raise InvalidTerms("no_language")
    if len(rows) > MOST_TERMS:
        raise InvalidTerms("too_many")
    for line, cells in enumerate(rows[1:], start=2):
        row = {name: csv_cells.unescape(cell) for name, cell in zip(heading, cells, strict=False)}
        if any(cell.strip() for cell in row.values()):
            yield _term(newsletter, row, languages, line)


def _term(
    newsletter: Newsletter, row: Mapping[str, str], languages: Sequence[str], line: int
) -> GlossaryTerm:
    try:
        names = {code: parse_forms(row.get(code, ""), _SEPARATOR) for code in languages}
        forbidden = {code: parse_forms(row.get(f"{code}{_FORBIDDEN}", ""), _SEPARATOR) for code in languages}
    except InvalidTerms as error:
        raise InvalidTerms(error.code, line) from error
    if not any(names.values()):
        raise InvalidTerms("no_name", line)
    scope = row.get(_SCOPE, "").strip()
    if scope not in ("", _ALL, newsletter.slug):
        raise InvalidTerms("other_newsletter", line)
    note = " ".join(row.get(_NOTE, "").split())
    if len(note) > LONGEST_FORM:
        raise InvalidTerms("too_long", line)
    return GlossaryTerm(
        newsletter=None if scope == _ALL else newsletter,
        names={code: forms for code, forms in names.items() if forms},
        forbidden={code: forms for code, forms in forbidden.items() if forms},
        note=note,
    )
