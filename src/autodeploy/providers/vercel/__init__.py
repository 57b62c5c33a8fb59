"""Vercel: where accounts are connected, to deploy there."""
