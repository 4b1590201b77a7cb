"""Tables of any supported format: found out, read piece by piece, and written. Knows nothing of moderation."""
