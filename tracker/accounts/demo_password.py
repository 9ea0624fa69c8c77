"""The one password of the invented people, shown on the sign-in page of the demonstration."""

DEMO_PASSWORD = "practice makes perfect"  # noqa: S105 - no secret: demo mode shows it to everybody
