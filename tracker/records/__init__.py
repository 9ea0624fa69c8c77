"""Records of assessment: evidence that an assessor writes, and what its candidate and a verifier answer to it."""
