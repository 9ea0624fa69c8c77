"""Acts on accounts: invite people, grant roles, sign in, set passwords, two-step verification."""
