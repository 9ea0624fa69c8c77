"""The awarding body's candidate recording forms: content, rendering, issuing and verification."""
