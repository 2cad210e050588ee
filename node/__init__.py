"""The node: store, network, domain, and the road between them."""
