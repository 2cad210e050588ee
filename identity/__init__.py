"""Keys, sealing and tickets: who is who."""
