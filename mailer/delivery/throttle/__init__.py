"""How fast mail may be sent: limits, backoff, warm-up, sending windows and the circuit breaker."""
