"""Finding what is wrong with a folder, and mending what can be mended."""
