"""A small standards folder, and changes of its text."""

from pathlib import Path

UNIT = """\
code: LOCAL7
slug: local7
title: "Answer difficult calls"
document_type: nos
version: "1"
revision: 1
identifiers:
  - scheme: URN
    value: LOCAL7
simulation: per_criterion
overview:
  - "Calls that do not go as planned."
  - text: "They are:"
    points:
      - "rare"
performance:
  - heading: "Before the call"
    items:
      - label: "1"
        text: "find out what was promised last time"
        simulation_allowed: true
      - label: "2"
        text: "agree with a colleague:"
        selection: "one of the following"
        items:
          - label: "a"
            text: "who may be told"
          - label: "b"
            text: "who must not"
      - label: "3"
        text: "write down:"
        points:
          - "what was said"
          - "what was promised"
  - heading: "After the call"
    items:
      - label: "1"
        text: "thank the colleague"
knowledge:
  - items:
      - label: "1.10"
        text: "why customers ring twice"
evidence_requirements:
  - label: "1"
    text: "Do it twice."
provenance:
  source: "local7.pdf"
  read: "Copied by hand."
"""

GUIDANCE = """\
slug: calls
title: "Calls"
synopsis: "About calls."
tips:
  - "Listen."
units:
  - code: LOCAL7
provenance:
  source: "calls.pdf"
  read: "Copied by hand."
"""


def write_standards_folder(folder: Path, unit: str = UNIT, guidance: str = GUIDANCE) -> Path:
    """Write a standards folder with one unit and one page of guidance."""
    for name, text in (("units/local7.yaml", unit), ("guidance/calls.yaml", guidance)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def replace_once(old: str, new: str, text: str = UNIT) -> str:
    """Return the text with the first `old` replaced; fail where it is not in the text."""
    assert old in text, f"not in the text: {old}"
    return text.replace(old, new, 1)
