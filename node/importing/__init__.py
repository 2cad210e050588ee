"""Bringing a person's past in from an archive, over the road."""
