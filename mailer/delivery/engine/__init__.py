"""Sends what is due: the send loop between ledger, throttle and the configured transport."""
