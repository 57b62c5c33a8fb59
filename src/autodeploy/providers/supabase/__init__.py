"""Supabase: projects that are PostgreSQL databases, with an API of their own beside them."""
