"""What the pages of assessment read: the queue, one item to judge, one unit to sign."""
