"""Turns returned mail into plain records: kind, recipients, reason and class. It uses no database."""
