"""Acts on people: inviting, granting, signing in, links to set a password."""
