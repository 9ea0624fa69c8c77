"""Long jobs that people start and follow on a page: steps, progress, cancelling, retrying and results."""
