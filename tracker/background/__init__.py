"""Work done after a request: the job queue and emails."""
