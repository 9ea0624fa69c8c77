"""The fixtures of the portfolio's tests: files are uploaded by Alice, to a draft of hers."""

from tests.portfolio.conftest import alice, complaint, store

__all__ = ["alice", "complaint", "store"]
