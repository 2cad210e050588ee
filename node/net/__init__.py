"""The only sockets between nodes."""
