"""Wagtail's search in the database, for texts that people type and for many rows.

On SQLite the search puts each word between quotation marks, and one inside a word is an error of the query.
It also searches the full-text index anew for each row that is found; here it is searched once, and results
keep the order of the list.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from modelsearch.backends import database
from modelsearch.query import MatchAll, Not


def SearchBackend(params: dict[str, Any]) -> Any:  # noqa: N802  (the name that Wagtail looks for)
    """The search backend of the default database, with `params` of WAGTAILSEARCH_BACKENDS."""
    backend: Any = type(database.SearchBackend(params))
    if connection.vendor == "sqlite":
        backend = _searched_once(backend)

    class WithoutQuotes(backend):
        def search(self, query: Any, *arguments: Any, **options: Any) -> Any:
            return super().search(_without_quotes(query), *arguments, **options)

        def autocomplete(self, query: Any, *arguments: Any, **options: Any) -> Any:
            return super().autocomplete(_without_quotes(query), *arguments, **options)

    return WithoutQuotes(params)


def _searched_once(backend: Any) -> Any:
    """The SQLite backend with compilers that search the index once for a query."""
    # It can be imported with SQLite only.
    from modelsearch.backends.database.sqlite import sqlite

    class Once:
        def search(self: Any, config: Any, start: Any, stop: Any, score_field: Any = None) -> Any:
            query = sqlite.normalize(self.query)
            if isinstance(query, MatchAll | Not) or score_field is not None:
                return super().search(config, start, stop, score_field)  # type: ignore[misc]
            fields = self.fields or self.FTS_TABLE_FIELDS
            match = sqlite.MatchExpression(fields, self.build_search_query(query, config=config))
            types = sqlite.get_descendants_content_types_pks(self.queryset.model)
            # The join with the entries in one query would be made the other way round.
            rows = sqlite.SQLiteFTSIndexEntry.objects.filter(match).values("pk")
            entries = rows.model._meta.get_field("index_entry").related_model.objects.filter(
                pk__in=rows, content_type__in=types
            )
            return self.queryset.filter(pk__in=entries.values("object_id"))[start:stop]

    compilers = {
        name: type(name, (Once, getattr(backend, name)), {})
        for name in ("query_compiler_class", "autocomplete_query_compiler_class")
    }
    return type("SearchedOnce", (backend,), compilers)


def _without_quotes(query: Any) -> Any:
    return query.replace('"', "'") if isinstance(query, str) else query
