"""Pages, JSON API and command line."""
