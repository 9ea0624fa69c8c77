"""docs/asvs.md: every requirement of levels 1 and 2 once, with tests that exist, and the same counts in docs/security.md."""

import re
from collections import Counter
from pathlib import Path

from tracker.accounts.passwords import CONTEXT_WORDS

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
