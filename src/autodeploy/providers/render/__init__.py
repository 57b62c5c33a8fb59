"""Render: where apps and PostgreSQL databases are hosted for accounts that people connect."""
