"""The one road: what is mine is submitted, what is theirs is received, and both are stored and folded alike."""
