"""The invented evidence of the demonstration. The people, cases and organisations do not exist."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tracker.demo import files
from tracker.vocabulary import Method, Outcome

NEEDS_MORE, NOT_MET = Outcome.NEEDS_MORE, Outcome.NOT_MET


@dataclass(frozen=True)
class DemoItem:
    """One item of evidence, the criteria it is claimed for, and how it is assessed. Knowledge item a is `k:a`."""

    title: str
    method: Method
    days_ago: int
    occasion: str
    customers: str
    narrative: str
    claims: dict[str, str]
    """Unit code → labels, separated by spaces."""
    file: tuple[str, Callable[[], bytes]] | None = None
    """The file's name, and a function that returns its content."""
    workplace: tuple[str, str, str] | None = None
    """Evidence kept at work: the place, the person who keeps it and the people who have seen it."""
    witness: tuple[str, str] | None = None
    """Who gave the testimony, and their job."""
    locators: dict[str, str] = field(default_factory=dict)
    outcome: str = "accepted"
    """`accepted`, `returned`, `submitted` or `draft`."""
    feedback: str = ""
    exceptions: dict[str, tuple[Outcome, str]] = field(default_factory=dict)
    """Criteria whose outcome is not `met`, by label, with outcome and comment."""
    assessed_in: tuple[str, ...] = ("CFACC15",)


# Alice is half-way through CFACC15; many of her items are claimed for INSCC004 too.
ALICES_ITEMS: list[DemoItem] = [
    DemoItem(
        "Call with a customer who failed security",
        Method.OBSERVATION,
        68,
        "Live call, morning shift",
        "D.P., case ID-4471",
        "Bob sat beside me and listened. The caller could not give the memorable word and was getting upset. I "
        "explained why we ask, offered the two other checks our procedure allows, and took him through them slowly. "
        "He passed on the second. I noted the case so that the next adviser would not start again from nothing.",
        {"CFACC15": "1 k:d k:e", "INSCC004": "3 k:3"},
        (
            "observation-notes.txt",
            lambda: files.make_text(
                "Observation by Bob Archer",
                "Caller could not give the memorable word.",
                "Alternative checks offered in the right order, reasons given.",
                "Customer thanked her at the end.",
            ),
        ),
        locators={"1": "lines 2–3"},
        assessed_in=("CFACC15", "INSCC004"),
    ),
    DemoItem(
        "Escalation log, four weeks",
        Method.WORK_PRODUCT,
        55,
        "Four weeks as the escalation point",
        "19 cases, numbers in the log",
        "Every call an adviser passed to me in four weeks, with why it was passed, what I did and how it ended. Most "
        "were refunds above the adviser's limit. Two were outside mine as well, and I took those to the operations "
        "manager the same day.",
        {"CFACC15": "2 5 k:f k:g", "INSCC004": "3 4 k:3 k:4"},
        (
            "escalation-log.xlsx",
            lambda: files.make_xlsx(
                [
                    ["Week", "Case", "Why passed on", "What I did"],
                    ["1", "CH-1980", "Refund above £50", "Agreed £72 within my limit"],
                    ["2", "CH-2044", "Threat to leave", "Called back, tariff reviewed"],
                    ["4", "CH-2102", "Outside my limit", "To the operations manager"],
                ]
            ),
        ),
        locators={"2": "rows 2–12", "5": "row 14"},
        assessed_in=("CFACC15", "INSCC004"),
    ),
    DemoItem(
        "Bundle enquiry settled with the back office",
        Method.WORK_PRODUCT,
        50,
        "Email and two calls",
        "M.O., case BN-310",
        "The customer wanted to keep an old television package and add broadband, which our screens do not allow. I "
        "asked the back office, found that it can be done by hand, and explained to her what she would gain and what "
        "she would lose. It took three contacts over four days and I rang when I had said I would.",
        {"CFACC15": "3 6 k:a k:c"},
        (
            "email-thread.pdf",
            lambda: files.make_pdf(
                "Bundle enquiry BN-310",
                [
                    "Request to the back office: can the legacy package be kept with broadband added by hand?",
                    "Answer: yes, with the manual order form.",
                    "Confirmation to the customer. Names removed.",
                ],
            ),
        ),
        locators={"3": "p. 1"},
    ),
    DemoItem(
        "Complaint CH-2231, three contacts",
        Method.REFLECTIVE_ACCOUNT,
        45,
        "Late shift, then two call-backs",
        "Case CH-2231",
        "The engineer had missed two appointments. I let the customer finish, said sorry once and meant it, and told "
        "him exactly what I could offer: a fixed slot and a goodwill credit of £40, which is my limit. When the third "
        "slot was at risk I saw it on the board and rang him before he rang us. Afterwards I reported that slots "
        "booked after six do not reach the depot, because four complaints that month had the same cause.",
        {"CFACC15": "5 6 7 k:g k:h", "INSCC004": "4 5 k:5"},
        locators={"7": "last paragraph"},
    ),
    DemoItem(
        "Operations manager on my support for new starters",
        Method.WITNESS_TESTIMONY,
        40,
        "Induction of six advisers",
        "",
        "Testimony of the operations manager, who saw me sit with the new advisers in their first two weeks, take "
        "over calls they could not finish and go through each one with them afterwards.",
        {"CFACC15": "4 k:d k:f", "INSCC004": "6 k:6"},
        (
            "witness-testimony.docx",
            lambda: files.make_docx(
                "Witness testimony",
                [
                    "I am the operations manager of the Leeds site and saw the events described.",
                    "She took over eleven calls from new starters in their first fortnight and explained each one afterwards.",
                    "Signed on paper; the original is kept in the training office.",
                ],
            ),
        ),
        workplace=("Training office, Leeds, folder 12", "Training coordinator", "Bob Archer"),
        witness=("Helen Marsh", "operations manager"),
    ),
    DemoItem(
        "Report: calls sent to the wrong queue",
        Method.WORK_PRODUCT,
        36,
        "Team meeting",
        "31 cases, counted",
        "In one week 31 people reached us who had chosen “moving home”. I counted them, found that option 3 and "
        "option 4 had been swapped in the update, and sent the report with the times to the telephony team. It was "
        "put right the next morning.",
        {"CFACC15": "7 k:h", "INSCC004": "5 k:5"},
        (
            "tally.jpg",
            lambda: files.make_jpeg(
                "Wrong queue: one week",
                [
                    "Mon  IIII I",
                    "Tue  IIII IIII",
                    "Wed  IIII",
                    "Thu  IIII II",
                    "Fri  IIII",
                    "Option 3 and 4 swapped?",
                ],
            ),
        ),
        locators={"7": "the tally"},
        assessed_in=("CFACC15", "INSCC004"),
    ),
    DemoItem(
        "What we measure, and why",
        Method.WORK_PRODUCT,
        30,
        "Quarterly planning",
        "",
        "A sheet for the team: five measures, what each tells us, what it hides, and the target we agreed. I took "
        "average handling time off the wall and put first-contact resolution in its place, with the reasons.",
        {"CFACC15": "8 k:i", "INSCC004": "8 k:7"},
        (
            "measures.pdf",
            lambda: files.make_pdf(
                "What we measure, and why",
                [
                    "First-contact resolution: did the customer need to come back within seven days?",
                    "Quality score: ten points, listened to by two people.",
                    "Satisfaction: one question after the call.",
                    "Abandoned calls: who gave up, and when.",
                    "Adherence: were we there when we said we would be?",
                ],
            ),
        ),
        locators={"8": "all of it"},
    ),
    DemoItem(
        "Monitoring plan and ten scorecards",
        Method.WORK_PRODUCT,
        21,
        "Monthly monitoring round",
        "10 calls, numbered",
        "The plan says which calls I pick and why, so that nobody is assessed on one bad morning. Ten scorecards from "
        "the first round are attached, with what I told each adviser.",
        {"CFACC15": "9 12 k:b k:i", "INSCC004": "7 9 k:6a k:8"},
        (
            "scorecards.xlsx",
            lambda: files.make_xlsx(
                [
                    ["Call", "Security", "Listening", "Right answer", "Recorded"],
                    ["1", "10", "8", "9", "10"],
                    ["2", "10", "9", "10", "6"],
                    ["3", "8", "7", "9", "9"],
                ]
            ),
        ),
        outcome="returned",
        feedback="A clear plan, and fair to the advisers. The scorecards show quality, but not yet how you checked "
        "the calls against the regulations: add the compliance column you told me about, and say what you did about "
        "call 2. Then this will carry 12 as well.",
        exceptions={
            "12": (NEEDS_MORE, "I can see quality here, not compliance yet."),
            "k:b": (NOT_MET, "Which requirements did you check against?"),
        },
    ),
    DemoItem(
        "Quality scores held against the satisfaction survey",
        Method.WORK_PRODUCT,
        16,
        "Month end",
        "",
        "I compared our quality scores with what customers said after the same calls. For two advisers they did not "
        "agree, so I listened again with a colleague. We had been marking politeness twice. The corrected sheet is "
        "attached.",
        {"CFACC15": "10 k:k", "INSCC004": "10 k:9"},
        (
            "comparison.xlsx",
            lambda: files.make_xlsx(
                [
                    ["Adviser", "Quality", "Satisfaction", "After listening again"],
                    ["A", "86", "4.4", "85"],
                    ["B", "91", "3.2", "78"],
                    ["C", "79", "4.1", "80"],
                ]
            ),
        ),
        outcome="submitted",
    ),
    DemoItem(
        "Checklist for handling personal information",
        Method.ASSIGNMENT,
        6,
        "Set by the centre",
        "",
        "A page an adviser can use on the phone: what to ask, what never to write down, what to do when somebody "
        "calls for a relative. Each line says which rule it comes from. Our data protection lead read it and asked "
        "for one change, which is in.",
        {"CFACC15": "12 k:b", "INSCC004": "11 13 k:10 k:11"},
        (
            "checklist.docx",
            lambda: files.make_docx(
                "Handling personal information",
                [
                    "Ask only for what the procedure lists.",
                    "Never write a card number down, on paper or on screen.",
                    "Somebody calls for a relative: check the authority on the account first.",
                ],
            ),
        ),
        outcome="submitted",
    ),
    DemoItem(
        "Team briefing on last month's results",
        Method.WORK_PRODUCT,
        2,
        "Team briefing",
        "",
        "The slides and the notes I spoke from: what went well, the one thing to change, and the two actions the "
        "team chose, with names and dates.",
        {"CFACC15": "13", "INSCC004": "12 k:12"},
        (
            "briefing-notes.txt",
            lambda: files.make_text(
                "Last month",
                "First-contact resolution 74 %, up from 69 %.",
                "Recording of contacts is our weak point.",
                "Action 1: wrap-up template, by the 20th.",
                "Action 2: buddy listening, one call a week each.",
            ),
        ),
        outcome="submitted",
    ),
    DemoItem(
        "Three ways of asking customers what they thought",
        Method.REFLECTIVE_ACCOUNT,
        1,
        "",
        "",
        "Text message, email and the question at the end of the call. I have used all three and",
        {},
        outcome="draft",
    ),
]


# Chloe has six items, which cover every criterion of CFACC15.
CHLOES_ITEMS: list[DemoItem] = [
    DemoItem(
        "Complex contacts, recorded and discussed",
        Method.PROFESSIONAL_DISCUSSION,
        120,
        "Discussion after four recorded calls",
        "Cases CX-101, CX-118, CX-131, CX-140",
        "We listened to four of my calls and I said what I was doing and why: two security failures, one bundle "
        "enquiry and one call passed to me by a new adviser.",
        {"CFACC15": "1 2 3 k:a k:d k:e"},
        (
            "discussion-notes.txt",
            lambda: files.make_text(
                "Professional discussion, 42 minutes",
                "02:10 security failure, alternatives offered",
                "14:30 bundle enquiry",
                "27:00 call taken over from a new adviser",
            ),
        ),
        locators={"1": "02:10", "3": "14:30", "2": "27:00"},
    ),
    DemoItem(
        "Supporting colleagues on the late shift",
        Method.WITNESS_TESTIMONY,
        110,
        "Six late shifts",
        "",
        "My team leader describes how I support the late shift, and where I stop and ask.",
        {"CFACC15": "4 5 k:f k:g"},
        workplace=("Personnel office, cabinet 3", "Team leader, late shift", "Bob Archer"),
        witness=("Martin Oduya", "team leader, late shift"),
    ),
    DemoItem(
        "Complaint followed through to the end",
        Method.WORK_PRODUCT,
        100,
        "Five weeks, seven contacts",
        "Case CX-205",
        "The whole file of one complaint, from the first angry call to the card that came afterwards, and the report "
        "I wrote about the cause.",
        {"CFACC15": "5 6 7 k:c k:h"},
        (
            "case-file.pdf",
            lambda: files.make_pdf(
                "Case CX-205",
                [
                    "Seven contacts in five weeks, names removed.",
                    "Cause: the address file is copied once a week only.",
                    "Report to the systems team and their answer.",
                ],
            ),
        ),
        locators={"6": "p. 1", "7": "last page"},
    ),
    DemoItem(
        "Measures and monitoring for the chat team",
        Method.WORK_PRODUCT,
        90,
        "New chat team, first quarter",
        "",
        "I chose the measures for a team that did not exist before, tried them for a quarter and changed two.",
        {"CFACC15": "8 9 10 k:i k:k"},
        (
            "chat-measures.xlsx",
            lambda: files.make_xlsx(
                [
                    ["Measure", "First target", "After a quarter"],
                    ["Answered in 60 s", "80 %", "85 %"],
                    ["Solved in one chat", "60 %", "70 %"],
                ]
            ),
        ),
    ),
    DemoItem(
        "Compliance review with the data protection lead",
        Method.QUESTIONING,
        82,
        "Questions and answers",
        "",
        "Written answers to twelve questions about the rules we work under and how I check that we keep to them.",
        {"CFACC15": "11 12 k:b"},
        (
            "answers.docx",
            lambda: files.make_docx(
                "Questions and answers",
                [
                    "1. Which rules apply to recording a call?",
                    "2. What do you check each month, and what do you do with what you find?",
                ],
            ),
        ),
    ),
    DemoItem(
        "Monthly briefing, four months",
        Method.WORK_PRODUCT,
        75,
        "Four briefings",
        "",
        "The notes of four briefings, with the actions and what became of each.",
        {"CFACC15": "13 k:j"},
        (
            "briefings.txt",
            lambda: files.make_text(
                "First month: template for wrap-up",
                "Second: done; buddy listening begins",
                "Third: first results",
                "Fourth: kept, with one change",
            ),
        ),
    ),
]


# Ben has one draft.
BENS_ITEMS: list[DemoItem] = [
    DemoItem(
        "My first week on the phones",
        Method.REFLECTIVE_ACCOUNT,
        1,
        "First week",
        "",
        "I listened to Alice for two days and took my first calls on Wednesday.",
        {},
        outcome="draft",
    )
]
