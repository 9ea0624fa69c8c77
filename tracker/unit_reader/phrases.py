"""Phrases by which published units name their parts, introduce statements and write codes."""

import re
from enum import StrEnum
from functools import lru_cache

cache_lines = lru_cache(maxsize=64)
"""Each line is matched several times in succession."""


class Part(StrEnum):
    """Part of a unit that a section of a document holds."""

    PERFORMANCE = "performance"
    KNOWLEDGE = "knowledge"
    OUTCOMES = "outcomes"
    OVERVIEW = "overview"
    SCOPE = "scope"
    VALUES = "values"
    BEHAVIOURS = "behaviours"
    SKILLS = "skills"
    GLOSSARY = "glossary"
    LINKS = "links"
    EXTERNAL_LINKS = "external_links"
    REQUIREMENTS = "evidence_requirements"
    RULES = "assessor_rules"
    FORM = "form"
    """The awarding body's recording form, at the end of a unit."""
    NOTES = "notes"
    """Support notes, delivery guidance, references: about the unit, and not part of it."""
    CONCEPTS = "key_concepts"
    TIPS = "tips"
    MISCONCEPTIONS = "misconceptions"
    MARKING = "marking_points"
    SYNOPSIS = "synopsis"


CRITERIA = frozenset({Part.PERFORMANCE, Part.KNOWLEDGE, Part.OUTCOMES})
GUIDANCE = frozenset({Part.CONCEPTS, Part.TIPS, Part.MISCONCEPTIONS, Part.MARKING, Part.SYNOPSIS})

HEADINGS: dict[Part, list[str]] = {
    Part.PERFORMANCE: [
        r"performance (?:criteri(?:a|on)|standards?|statements?|requirements?|objectives?|outcomes?)(?: and range)?",
        r"what you (?:must|need to|should|have to) (?:be able to )?do",
        r"what you must be able to do",
        r"practical skills(?: (?:and|&) (?:techniques|activities))?",
    ],
    Part.KNOWLEDGE: [
        (
            r"(?:(?:essential|underpinning|required|relevant|technical|unit|supporting) )?knowledge"
            r"(?: (?:and|&|and/or) (?:understanding|skills))?"
            r"(?: (?:requirements?|criteria|statements?|required|specification))?"
        ),
        r"what you (?:must|need to|should|have to) know(?: and understand)?",
        r"understanding",
    ],
    Part.OUTCOMES: [
        (
            r"(?:unit )?learning outcomes?(?:(?: (?:and|&)| ?/)? ?assessment criteri(?:a|on))?"
            r"(?:\W{0,3}the learner will)?(?:\W{0,3}assessment criteri(?:a|on))?(?:\W{0,3}the learner can)?"
        ),
        r"assessment criteri(?:a|on)(?:\W{0,3}the learner can)?",
        r"outcomes? and (?:performance|assessment) criteria",
    ],
    Part.OVERVIEW: [
        r"(?:unit |standard )?overview",
        r"(?:unit )?summary",
        r"about (?:this|the) (?:unit|standard)",
        r"what this (?:standard|unit) is about",
        r"who this (?:standard|unit) is (?:for|about)",
        r"(?:unit )?(?:aims?|purpose|introduction)(?: (?:and|&) (?:aims?|purpose))?(?:\(s\))?",
        r"unit description",
        r"general information",
    ],
    Part.SCOPE: [
        r"scope(?:/| / | and | or )?(?:range)?(?: statements?)?(?: (?:relating|related) to .{3,60})?",
        r"(?:unit )?range(?: statements?)?",
        r"scope (?:performance|knowledge)",
        r"(?:performance|knowledge) (?:scope|range)",
        r"what you must cover",
    ],
    Part.VALUES: [r"values(?: and attitudes)?"],
    Part.BEHAVIOURS: [r"behaviours?(?: (?:which|that) underpin.{0,40})?", r"behaviours? underpinning.{0,40}"],
    Part.SKILLS: [r"(?:generic |key |core |personal |underpinning )?skills"],
    Part.GLOSSARY: [r"glossary(?: of terms)?", r"definitions?", r"key (?:words|terms) and phrases", r"key terms"],
    Part.LINKS: [
        r"links? (?:to|with) other (?:nos|standards?|units?|national occupational standards?)",
        r"related (?:units|nos|standards)",
        (
            r"(?:details of the )?(?:relationship|links?) (?:between|to|with) (?:the unit and )?(?:other )?"
            r"(?:relevant )?(?:nos|(?:national )?occupational standards?)"
            r"(?: or (?:other )?professional standards or curricula)?"
        ),
    ],
    Part.EXTERNAL_LINKS: [r"external links?"],
    Part.REQUIREMENTS: [
        r"(?:unit )?evidence requirements?(?: for (?:this|the) unit)?",
        r"(?:performance |knowledge )?evidence (?:required|you must provide|to be provided)",
        r"what (?:evidence )?you must (?:provide|show)",
        r"what evidence (?:must you|is) (?:provide|required|needed)",
    ],
    Part.RULES: [
        (
            r"(?:unit )?assessment (?:guidance|requirements?(?: and guidance)?|strategy|methods?|rules)"
            r"(?: for (?:this|the) unit)?"
        ),
        r"(?:guidance|rules|notes) (?:for|to) (?:the )?assessors?",
        r"assessors?['’]?s?['’]? (?:guidance|rules|notes)",
        r"additional information(?: about (?:the|this) unit)?",
        r"forms? of evidence",
        r"assessment requirements or guidance specified by .{3,60}",
    ],
    Part.FORM: [
        r"candidate (?:recording form|assessment record)",
        r"(?:unit )?(?:recording|achievement) form",
        r"(?:unit|element) (?:progress|achievement|evidence) record",
        r"evidence (?:record|matrix|index)",
        r"supplementary evidence",
        r"assessor['’]?s? (?:feedback|comments?)(?: on .{3,60})?",
    ],
    Part.NOTES: [
        r"support notes",
        r"(?:notes? (?:for|on) guidance|guidance notes?)",
        r"support for the unit from .{3,80}",
        r"(?:location of the unit within|name of the organisation submitting) .{3,60}",
        r"elements? of competence",
        r"(?:unit )?(?:delivery|teaching) (?:guidance|notes)",
        r"(?:suggested |essential |recommended )?(?:resources|reading)",
        r"references",
        r"bibliography",
        r"progression",
        r"(?:recommended )?entry(?: requirements?)?(?: to .{3,40})?",
        r"core skills",
        r"(?:indicative|unit|taught) content",
        r"amplification",
        r"equality and inclusion",
        r"observations",
        r"additional details",
        r"achieving (?:the )?(?:observation|range|(?:learning )?outcomes?|knowledge).{0,40}",
        r"context(?: for delivery)?",
    ],
    Part.CONCEPTS: [r"key (?:concepts|ideas)(?: (?:and|&) (?:core )?principles)?"],
    Part.TIPS: [
        r"(?:exam(?:ination)? |study |assessment |learning )?tips(?: (?:and|&) (?:revision )?strateg(?:y|ies))?"
    ],
    Part.MISCONCEPTIONS: [r"(?:common )?(?:misconceptions|mistakes)(?: (?:and|&) mistakes)?(?: to avoid)?"],
    Part.MARKING: [r"(?:(?:examiner|assessor)(?:['’]?s)? )?marking (?:points|guidance|scheme)"],
    Part.SYNOPSIS: [r"(?:topic|lesson|course|module) (?:synopsis|overview|summary)", r"synopsis"],
}
_PREFIX = r"(?:(?:section|part)\s+\w{1,3}\s*[:.–-]?\s*|\d{1,2}[.)]\s+)?"
_ANY_HEADING = re.compile(
    _PREFIX
    + "(?:"
    + "|".join(f"(?P<{part.value}>{'|'.join(names)})" for part, names in HEADINGS.items())
    + r")\s*(?:\([^()]{0,60}\))?\s*[:.–-]?",
    re.IGNORECASE,
)
"""One pattern with a group for each part, because a document of 50,000 lines is matched line by line."""

_LEARNER = (
    r"(?:you|learners|candidates|(?:the )?(?:learner|candidate|individual|person|user|trainee|apprentice|student)s?"
    r"|(?:an?|the) (?:competent )?(?:person|individual|practitioner|operative))"
)
_OBLIGATION = r"(?:(?:must|will|should|can)(?: (?:also|need to|have to))?|needs? to|ha(?:s|ve) to|(?:is|are) able to)"
_OPENING = (
    r"(?:to (?:achieve|meet|perform to|be competent in) (?:this|the) [\w ]{3,40},? )?"
    r"(?:(?:in|on|after|upon|by) [\w' ]{3,60},? )?"
)
_ENDING = r"(?:(?: do)?(?: all of)? the following| that(?: (?:you|they)(?: can)?)?)?\s*[:;,.…-]*"
_DEMONSTRATE = r"(?:be able to|demonstrate|show|prove|consistently|that (?:you|they)(?: can| are able to)?)"
_PERFORMANCE_INTRODUCTION = re.compile(
    rf"{_OPENING}{_LEARNER} {_OBLIGATION}(?: {_DEMONSTRATE}){{0,4}}{_ENDING}", re.IGNORECASE
)
_KNOWING = r"(?:knowledge|understanding|know(?: about)?|understand|explain|demonstrate)"
_KNOWLEDGE_INTRODUCTION = re.compile(
    rf"{_OPENING}{_LEARNER} {_OBLIGATION}(?: {_DEMONSTRATE}){{0,4}} (?:(?:have |show )?(?:a |an )?(?:\w+ )?{_KNOWING}"
    rf"(?:(?: of)? ?(?:and/or|and|&|or|,)? ?(?:of )?(?:{_KNOWING}|describe)?)*(?: of| about)?){_ENDING}",
    re.IGNORECASE,
)
_LIST_INTRODUCTION = re.compile(rf"{_OPENING}{_LEARNER} {_OBLIGATION}\b.{{0,100}}[:…]", re.IGNORECASE)
_LEARNER_WILL = re.compile(r"(?:the )?learners? will(?: be able to)?\s*[:…-]*", re.IGNORECASE)
_LEARNER_CAN = re.compile(r"(?:the )?learners? can\s*[:…-]*", re.IGNORECASE)

MAX_HEADING_LENGTH = 160
MAX_INTRODUCTION_LENGTH = 160

CODE = re.compile(
    r"\b[A-Z]{1,2}\d?[A-Z0-9]{2,3} \d{2}\b|\b[A-Z]/\d{3}/\d{4}\b"
    r"|\b(?=[A-Z0-9&/.-]*\d)(?=[A-Z0-9&/.-]*[A-Z])[A-Z][A-Z0-9&]{2,}(?:[./-]?[A-Z0-9]+)*\b"
)
SQA_CODE = re.compile(r"[A-Z]{1,2}\d?[A-Z0-9]{2,3} \d{2}\b")
_ITEM = re.compile(
    r"(?:[•·◦▪■●○‣➢►◆♦✓✔§–—*-]|\uf0b7|\uf0a7|o)\s"
    r"|\(?(?:(?:PC?|K&?U?|KS|KP|S|AC|LO)?\d{1,3}(?:\.\d{1,2})*|[a-z]|[ivx]{1,5})(?:[.):]|(?<=\d)\s)"
)

OUTCOME = re.compile(
    r"(?:learning outcome|outcome|element|lo)\s*(?:no\.?\s*)?([A-Z]?\d{1,2}(?:\.\d{1,2})?)\s*[:.)–—-]*\s*(.*)",
    re.IGNORECASE,
)
"""`Outcome 1: Prepare the site`, or the number alone."""
OUTCOME_OF_KNOWLEDGE = re.compile(
    r"(?:(?:you|the learner|learners?|candidates?)? ?(?:will|must|should)? ?(?:be able to )?)?"
    r"(?:know(?:ledge)?|understand(?:ing|s)?)\b"
    r"|(?:(?:you|the learner|learners?) (?:will|must) )?be able to (?:explain|describe)\b",
    re.IGNORECASE,
)
SELECTION = re.compile(
    r"\b(?:(?:at least|a minimum of|any) )?(?:one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2})"
    r"(?: \(?\d{1,2}\)?)?(?: types?| kinds?| forms?| methods?)?"
    r" (?:out )?of (?:(?:the|these)(?: \w+)? following|these)\b",
    re.IGNORECASE,
)
SIMULATION_FORBIDDEN = re.compile(
    r"simulation (?:is|are|must|may|can|will|should)?\s?(?:not|never)\b|no simulation\b|simulation is (?:un|im)\w+"
    r"|evidence must be based on your performance at work|simulated? (?:evidence|activit\w+) (?:is|are) not\b",
    re.IGNORECASE,
)
SIMULATION_FOR_SOME = re.compile(
    r"simulat\w+ (?:is|are|may be|can be) (?:only )?(?:allowed|permitted|acceptable|used) (?:only )?(?:for|in|with)\b"
    r"([^.;]{1,200})",
    re.IGNORECASE,
)
"""The text after it may name criteria."""
ASSESSOR_RULE = re.compile(
    r"(?:the |your )?assessors? (?:must|may|should|will|can)\b.*"
    r"|there (?:must|should) be (?:\w+ )?evidence\b.*"
    r"|(?:[a-z]+ )?(?:evidence|pcs?|criteria|statements?)\b.{0,60}\b(?:must|may|should|can) (?:only )?be "
    r"(?:assessed|observed|evidenced|gathered|covered|generated|inferred)\b.*"
    r"|for (?:those|the) (?:knowledge|performance) (?:statements|criteria)\b.*\bassessors?\b.*",
    re.IGNORECASE,
)
"""What is said to the assessor among the statements, and is no statement."""
READ_MORE = re.compile(
    r"[\[(]?\s*(?:read|show|see|view|load) (?:more|less|all|the full (?:text|document))\s*[\])]?\s*[.…»›→]*",
    re.IGNORECASE,
)
"""A link with which a web page unfolds its text."""
LABEL_COLUMN = re.compile(
    r"(?:ref(?:erence)?|no|number|item|code|criteri(?:on|a)|pc|statement)\.?(?: (?:no|number|ref|code)\.?)?|#|№",
    re.IGNORECASE,
)
"""The name of a table's column that holds labels."""
FORM_COLUMN = re.compile(
    r"(?:evidence|portfolio|assess(?:or|ment) (?:method|decision|initials)|method|page|date|signature|signed|initials"
    r"|achieved|comments?|tick|met|y/n|pass)\b.{0,40}",
    re.IGNORECASE,
)
"""The name of a table's column that is filled in by hand."""
CODES_ONLY = re.compile(
    rf"(?:(?:see|as|links? to|covered (?:by|in)|units?|unit)\s+)*"
    rf"(?:(?:{CODE.pattern})[\s,;/&]*(?:and\s+)?)+(?:\([^)]*\))?[.;]?"
)


@cache_lines
def match_heading(text: str) -> Part | None:
    """Return the part that a heading names, or None if the whole line is not a known heading."""
    match = _ANY_HEADING.fullmatch(text) if len(text) <= MAX_HEADING_LENGTH else None
    return Part(match.lastgroup) if match and match.lastgroup else None


@cache_lines
def match_introduction(text: str) -> Part | None:
    """Return the part that an introduction opens.

    `You must be able to:` opens performance, `You need to know and understand:` knowledge.
    """
    if len(text) > MAX_INTRODUCTION_LENGTH:
        return None
    if _LEARNER_WILL.fullmatch(text) or _LEARNER_CAN.fullmatch(text):
        return Part.OUTCOMES
    if _PERFORMANCE_INTRODUCTION.fullmatch(text):
        return Part.PERFORMANCE
    return Part.KNOWLEDGE if _KNOWLEDGE_INTRODUCTION.fullmatch(text) else None


def is_assessor_rule(text: str) -> bool:
    """Return whether a line without a marker tells the assessor how the statements are assessed."""
    return not starts_item(text) and bool(ASSESSOR_RULE.fullmatch(text))


def is_introduction(text: str) -> bool:
    """Return whether the line introduces a list of criteria."""
    return match_introduction(text) is not None


def is_list_introduction(text: str) -> bool:
    """Return whether the line introduces what follows in words of its own: `You must, each time you serve:`."""
    return len(text) <= MAX_INTRODUCTION_LENGTH and _LIST_INTRODUCTION.fullmatch(text) is not None


def is_form_column(text: str) -> bool:
    """Return whether the text names a column that is filled in by hand."""
    return FORM_COLUMN.fullmatch(text) is not None


def starts_item(text: str) -> bool:
    """Return whether the line starts as items of lists do."""
    return bool(_ITEM.match(text)) and not SQA_CODE.match(text)


def is_course_introduction(text: str) -> bool:
    """Return whether the line introduces what is taught, which is never what is assessed.

    `By the end of this course you will be able to:` is such a line.
    """
    return bool(
        re.search(
            r"\b(?:course|session|module|programme|workshop|lesson|training)\b|\bwill be able to\b",
            text,
            re.IGNORECASE,
        )
    )
