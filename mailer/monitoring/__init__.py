"""What an operator watches: probes of the web process and metrics."""
