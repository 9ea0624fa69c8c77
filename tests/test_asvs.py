"""docs/asvs.md: every requirement of levels 1 and 2 once, with tests that exist, and the same counts in docs/security.md."""

import re
from collections import Counter
from pathlib import Path

from tracker.accounts.passwords import CONTEXT_WORDS, MIN_LENGTH
from tracker.accounts.services.account_links import MAX_PASSWORD_LENGTH
from tracker.assessment.services import assessments, signing
from tracker.library.services import qualifications
from tracker.portfolio.services import evidence
from tracker.portfolio.views.claims import MAX_LOCATOR_LENGTH
from tracker.verification.services import action_points, sampling
from tracker.web.lists import MAX_SEARCH_LENGTH

ROOT = Path(__file__).parent.parent
HIGHEST = {
    "1": (2, 9, 11, 3, 2),
    "2": (3, 3, 4, 1),
    "3": (0, 2, 4, 6, 5, 0, 2),
    "4": (3, 1, 2, 4),
    "5": (1, 3, 2, 3),
    "6": (3, 12, 4, 4, 5, 3, 0, 4),
    "7": (3, 4, 2, 5, 2, 2),
    "8": (2, 3, 1, 1),
    "9": (3, 4),
    "10": (2, 2, 4, 11, 5, 2, 3),
    "11": (2, 3, 3, 4, 1, 1),
    "12": (3, 2, 4),
    "13": (1, 5, 2, 5),
    "14": (2, 4, 3),
    "15": (3, 3, 7),
    "16": (1, 5, 4, 3, 3),
    "17": (1, 4, 2),
}
"""By chapter, the highest number of levels 1 and 2 in each section: in ASVS 5.0.0 those of level 3 come after them."""
STATES = ("met", "not applicable", "not met")
ROW = re.compile(r"^\| (V[\d.]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
CITED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def list_ids() -> list[str]:
    return [
        f"V{chapter}.{section}.{number}"
        for chapter, sections in HIGHEST.items()
        for section, highest in enumerate(sections, 1)
        for number in range(1, highest + 1)
    ]


def read_rows() -> list[tuple[str, ...]]:
    return ROW.findall((ROOT / "docs/asvs.md").read_text())


def read_section() -> str:
    return (ROOT / "docs/security.md").read_text().partition("## OWASP ASVS 5, level 2")[2].partition("\n## ")[0]


def test_every_requirement_of_levels_1_and_2_is_there_once_in_order() -> None:
    assert len(list_ids()) == 253
    assert [row[0] for row in read_rows()] == list_ids()
    assert {row[2] for row in read_rows()} == set(STATES)


def test_what_is_met_names_a_test_the_code_or_a_page_and_what_is_not_met_says_what_is_needed() -> None:
    rows = read_rows()
    assert [id_ for id_, _, state, why in rows if state == "met" and not re.search(r"`[\w./]+/|\]\(", why)] == []
    assert [id_ for id_, _, state, why in rows if state == "not met" and "Needed: " not in why] == []


def test_every_test_that_is_named_exists() -> None:
    cited = CITED_TEST.findall((ROOT / "docs/asvs.md").read_text())
    assert len(cited) > 200
    missing = [
        (path, name)
        for path, name in cited
        if not (ROOT / path).exists() or f"def {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []


def test_the_counts_and_the_list_in_the_page_on_security_agree() -> None:
    counts = Counter((row[0].partition(".")[0], row[2]) for row in read_rows())
    counted = {chapter: tuple(counts[f"V{chapter}", state] for state in STATES) for chapter in HIGHEST}
    told = re.findall(r"^\| V(\d+) [^|]+ \| (\d+) \| (\d+) \| (\d+) \|$", read_section(), re.MULTILINE)
    assert {chapter: tuple(map(int, numbers)) for chapter, *numbers in told} == counted
    totals = " | ".join(str(sum(row[2] == state for row in read_rows())) for state in STATES)
    assert f"| all | {totals} |" in read_section()
    listed = re.findall(r"\b\d+\.\d+\.\d+\b", read_section().partition("Not met:")[2])
    assert [f"V{id_}" for id_ in listed] == [row[0] for row in read_rows() if row[2] == "not met"]


def test_the_words_that_passwords_may_not_consist_of_are_documented() -> None:
    assert ", ".join(CONTEXT_WORDS) in " ".join((ROOT / "docs/rules.md").read_text().split())


def test_the_lengths_of_typed_input_are_documented() -> None:
    """Each row begins with what is typed; the numbers are those of the code."""
    section = (ROOT / "docs/formats.md").read_text().partition("## Typed input")[2]
    told = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section, re.MULTILINE))
    evidence_fields = {evidence.MAX_LENGTH[name] for name in evidence.MAX_LENGTH.keys() - {"narrative", "response"}}
    expected = {
        "passwords": (MIN_LENGTH, MAX_PASSWORD_LENGTH),
        "evidence: title, occasion, customers, workplace and witness fields": tuple(evidence_fields),
        "evidence: written account, answer to feedback": (
            evidence.MAX_LENGTH["narrative"],
            evidence.MAX_LENGTH["response"],
        ),
        "where to look": (MAX_LOCATOR_LENGTH,),
        "decisions: comment, feedback, reason for accepting over a warning": (
            assessments.MAX_COMMENT_LENGTH,
            assessments.MAX_FEEDBACK_LENGTH,
            assessments.MIN_REASON_LENGTH,
            assessments.MAX_REASON_LENGTH,
        ),
        "sign-off: notes and reasons, closing comment": (signing.MAX_NOTE_LENGTH, signing.MAX_COMMENT_LENGTH),
        "verification: comments, action required, own reason for not sampling": (
            sampling.MAX_COMMENT_LENGTH,
            action_points.MAX_ACTION_LENGTH,
        ),
        "qualifications": (qualifications.MAX_LENGTH,),
        "searches": (MAX_SEARCH_LENGTH,),
    }
    missing = [
        (name, number) for name, numbers in expected.items() for number in numbers if f"{number:,}" not in told[name]
    ]
    assert missing == []
