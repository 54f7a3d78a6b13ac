"""The newsletter system: stories become editions, are approved, sent and accounted for."""
