"""Clicks and opens: recording, bot detection and aggregation, for the reports, segments and data exports.

Counts are kept for many subscribers together; by name only with consent. The links of a message are rewritten
in `mailer.link_tracking`, a lower layer, because delivery needs it.
"""
