"""Findings about a configuration, and the examinations that make them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from logging import getLogger

from tracker.config import Settings

logger = getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """A sentence about the configuration, and whether it makes serving unsafe or impossible."""

    sentence: str
    is_fault: bool = True


Examination = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings, examinations: tuple[Examination, ...]) -> Iterator[Finding]:
    """Yield what the examinations find. One that fails is a finding itself; the log has its error."""
    for examination in examinations:
        try:
            yield from examination(settings)
        except Exception:
            logger.exception("The examination %s failed", examination.__name__)
            yield Finding(f"The configuration could not be examined for {describe(examination)}.")


def describe(examination: Examination) -> str:
    """Return what an examination is about, from its name."""
    return examination.__name__.removeprefix("examine_").replace("_", " ")
