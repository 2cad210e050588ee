"""A space taken along: a signed archive of it, written here and read on another node."""
