"""Alembic's scripts: ``env.py`` and one file per step in ``versions/``. Steps are never edited after a release."""
