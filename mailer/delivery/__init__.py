"""Sends approved mailings and transactional email, and keeps a ledger of every delivery."""
