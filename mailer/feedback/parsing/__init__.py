"""Reads returned mail: bounces, complaints and replies become plain records. No database."""
