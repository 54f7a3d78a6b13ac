"""Erasure, data export, retention and redaction."""
