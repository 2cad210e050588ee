"""The commons itself: commands, rules and rows; pure."""
