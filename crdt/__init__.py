"""Signed changes, shared documents and sync: pure, without IO."""
