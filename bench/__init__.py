"""Benchmarks: each claim about speed, scale or accuracy has its program here."""
