"""Reading people's past: posts from a Mastodon export, an ActivityStreams outbox or JSON Lines."""
