"""The pages: what a person sees and does in the browser, each area in its own file."""
