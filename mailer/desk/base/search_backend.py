"""Wagtail's search in the database, for texts that people type: a quotation mark is no syntax.

On SQLite the search puts each word between quotation marks, and one inside a word is an error of the query.
"""

from __future__ import annotations

from typing import Any

from modelsearch.backends import database


def SearchBackend(params: dict[str, Any]) -> Any:  # noqa: N802  (the name that Wagtail looks for)
    """The search backend of the default database, with `params` of WAGTAILSEARCH_BACKENDS."""
    backend: Any = type(database.SearchBackend(params))

    class WithoutQuotes(backend):
        def search(self, query: Any, *arguments: Any, **options: Any) -> Any:
            return super().search(_without_quotes(query), *arguments, **options)

        def autocomplete(self, query: Any, *arguments: Any, **options: Any) -> Any:
            return super().autocomplete(_without_quotes(query), *arguments, **options)

    return WithoutQuotes(params)


def _without_quotes(query: Any) -> Any:
    return query.replace('"', "'") if isinstance(query, str) else query
