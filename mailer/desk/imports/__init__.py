"""Imports of subscribers from files: upload, column mapping, dry run, import and undo."""
