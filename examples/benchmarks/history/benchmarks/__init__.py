"""Benchmarks that airspeed velocity runs at each commit."""
