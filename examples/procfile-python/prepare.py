"""Runs once for each release, before it gets traffic."""

print("Nothing has to be prepared.")
