"""Importing people from files: read, compared, shown, and only then applied, at a person's word."""
