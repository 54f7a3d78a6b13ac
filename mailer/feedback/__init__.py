"""Receives, parses and applies bounces, complaints and unsubscribes, by mail and by services' webhooks.

It serves the worker, the desk and the reports.
"""
