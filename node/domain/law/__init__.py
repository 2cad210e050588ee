"""The ordered fold: who may do what."""
