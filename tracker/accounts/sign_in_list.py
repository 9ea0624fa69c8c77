"""The list of a person's own recent sign-ins, successful or not."""

from sqlalchemy import select

from tracker.models import SignIn
from tracker.vocabulary import SignInOutcome
from tracker.web.formatting import moment
from tracker.web.list_pages import load_page
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words

SIGN_INS = ListDefinition[SignIn](
    "my-sign-ins",
    (
        Column("Time", lambda row: moment(row.at), can_sort=True, largest_first=True),
        Column("Result", lambda row: row.outcome.label, can_sort=True),
        Column("Browser", lambda row: row.browser, can_sort=True),
        Column("IP address", lambda row: row.address, can_sort=True),
    ),
    default_sort="-time",
)
RESULTS = Filter("result", "Result", "All results", {each.value: each.label for each in SignInOutcome})


def list_own_sign_ins(person_id: int, query: ListQuery) -> ListPage[SignIn]:
    """List a page of a person's sign-ins that are kept, newest first unless sorted. Runs two SQL statements."""
    statement = select(SignIn).where(
        SignIn.person_id == person_id, contains_words(query, SignIn.browser, SignIn.address)
    )
    if result := query.get("result"):
        statement = statement.where(SignIn.outcome == SignInOutcome(result))
    return load_page(
        SIGN_INS,
        query,
        statement,
        lambda row: row.SignIn,
        key=SignIn.id,
        order_by={
            "time": [SignIn.at],
            "result": [SignIn.outcome],
            "browser": [SignIn.browser],
            "ip-address": [SignIn.address],
        },
    )
