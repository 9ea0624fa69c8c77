"""Records of assessment: evidence that an assessor or a witness writes, and what others answer to it."""
