"""Webhooks of the ESPs at /hooks/: bounces, complaints and unsubscribes of mail that an ESP sent for us.

The web process verifies a request, stores it as it is, and answers 200 (`views`, `verification`, `sns`). The
worker parses and applies it later (`process_payloads`, `event_parser`, `esp_parsers`), by the same decisions
as for bounces that arrive by mail.
"""
