"""The ledger: planned deliveries, claims, recorded outcomes and recovery after a crash."""
