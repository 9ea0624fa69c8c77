"""Acts of assessment: assessing and releasing, adding and removing claims, sign-off, disputes, version moves."""
