"""Where good records go, and where the rejects of the others are written."""
