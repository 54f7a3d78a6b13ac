"""Benchmarks, each in processes of its own and, where there is one, beside a known program."""
