"""The worker process for queued jobs: Huey's consumer with changed signal handling."""

import signal

from huey.consumer import Consumer


class JobWorker(Consumer):
    """Huey's consumer, which finishes the job it is doing on Ctrl-C as it does on SIGTERM."""

    def _set_signal_handlers(self) -> None:
        super()._set_signal_handlers()
        signal.signal(signal.SIGINT, self._handle_graceful_signal)
