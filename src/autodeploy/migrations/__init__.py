"""The one history of the schema, run by the owner of the database.

``HEAD`` is known without importing Alembic, so that a start whose schema is current is quick; a
test holds it equal to the newest revision.
"""

HEAD = "0033"
