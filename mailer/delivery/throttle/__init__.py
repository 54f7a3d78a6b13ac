"""How fast mail may be sent: rate limits, sending hours, warm-up, backoff, provider shares, breakers."""
