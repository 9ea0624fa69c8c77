"""What several hosts of one installation share for a while, in Redis: never the record."""
