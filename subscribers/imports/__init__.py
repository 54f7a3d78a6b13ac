"""Imports subscribers from files: read, compared, shown as a dry run, applied, and undone.

Serves the desk and the command line.
"""
