"""Settings of a centre."""

from tracker.ledger.events import Actor, record
from tracker.models import Centre
from tracker.vocabulary import CentreTerms


def change_centre_terms(centre: Centre, terms: CentreTerms, actor: Actor) -> None:
    """Change whose terms for verification a centre uses; nothing is recorded where they stay the same."""
    if centre.terms is terms:
        return
    centre.terms = terms
    record("centre_terms_changed", centre, actor, terms=terms.value)
