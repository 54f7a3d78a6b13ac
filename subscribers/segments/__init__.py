"""Grouping people: tags and custom fields, rules over them, and segments, which are rules with a name."""
