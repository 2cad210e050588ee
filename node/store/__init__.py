"""SQLite: the only SQL."""
