"""The shared password of the demo's invented people, shown on the sign-in page in demo mode."""

DEMO_PASSWORD = "practice makes perfect"  # noqa: S105 - not a secret: demo mode shows it to everybody
