"""Listens to subscribers' signals: unsubscribed, erased, merged, data export."""
