"""Assessment: the queue, assessing evidence, sign-off, disputes and version moves."""
