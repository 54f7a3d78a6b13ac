"""Imports in the desk."""
