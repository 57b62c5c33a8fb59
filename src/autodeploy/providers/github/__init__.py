"""GitHub: where people sign in, and where sources are."""
