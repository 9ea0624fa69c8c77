"""Settings of a centre."""

from tracker.errors import Invalid
from tracker.ledger.events import Actor, record
from tracker.models import Centre
from tracker.vocabulary import CentreTerms, SigningTwoStep

MAX_UNSAMPLED_REASONS, MAX_REASON_LENGTH = 20, 200
MAX_EVIDENCE_AGE_MONTHS = 600


def change_centre_terms(centre: Centre, terms: CentreTerms, actor: Actor) -> None:
    """Change whose terms for verification a centre uses; nothing is recorded where they stay the same."""
    if centre.terms is terms:
        return
    centre.terms = terms
    record("centre_terms_changed", centre, actor, terms=terms.value)


def change_unsampled_reasons(centre: Centre, reasons: list[str], actor: Actor) -> None:
    """Change the reasons that a centre's verifiers may choose from when they release a unit without sampling.

    Nothing is recorded where the list stays the same.

    Raises:
        Invalid: there are too many reasons, or one is too long.
    """
    reasons = list(dict.fromkeys(reason.strip() for reason in reasons if reason.strip()))
    if len(reasons) > MAX_UNSAMPLED_REASONS:
        raise Invalid(f"Enter at most {MAX_UNSAMPLED_REASONS} reasons. Nothing was saved.", "unsampled_reasons")
    if any(len(reason) > MAX_REASON_LENGTH for reason in reasons):
        raise Invalid(
            f"A reason can have at most {MAX_REASON_LENGTH} characters. Nothing was saved.", "unsampled_reasons"
        )
    if reasons == centre.offered_unsampled_reasons:
        return
    centre.unsampled_reasons = reasons
    record("unsampled_reasons_changed", centre, actor, texts={"reasons": "\n".join(reasons)})


def change_evidence_age_limit(centre: Centre, months: int, actor: Actor) -> None:
    """Change the age over which evidence is warned about (docs/rules.md, Warnings, rule 2).

    Nothing is recorded where the limit stays the same.

    Args:
        centre: the centre.
        months: the age in months.
        actor: its administrator.

    Raises:
        Invalid: the limit is not from 1 to `MAX_EVIDENCE_AGE_MONTHS`.
    """
    if not 1 <= months <= MAX_EVIDENCE_AGE_MONTHS:
        raise Invalid(
            f"Enter a number of months from 1 to {MAX_EVIDENCE_AGE_MONTHS}. Nothing was saved.", "evidence_age_limit"
        )
    if months == centre.evidence_age_months:
        return
    centre.evidence_age_limit = months
    record("evidence_age_limit_changed", centre, actor, months=months)


def change_candidate_two_step(centre: Centre, actor: Actor, *, is_needed: bool) -> None:
    """Change whether the centre's candidates need two-step verification (docs/rules.md, Sign-in, rule 11).

    Nothing is recorded where it stays the same.
    """
    if is_needed is bool(centre.candidates_need_two_step):
        return
    centre.candidates_need_two_step = is_needed
    record("candidate_two_step_changed", centre, actor, is_needed=is_needed)


def change_signing_two_step(centre: Centre, asked: SigningTwoStep, actor: Actor) -> None:
    """Change whom the centre asks for two-step verification when they sign (docs/rules.md, Signing, rule 16).

    Nothing is recorded where it stays the same.
    """
    if asked is centre.signers_needing_two_step:
        return
    centre.signing_two_step = asked
    record("signing_two_step_changed", centre, actor, asked=asked.value)


def change_form_annex(centre: Centre, actor: Actor, *, is_printed: bool) -> None:
    """Change whether the centre's recording forms have an annex (docs/rules.md, Signing, rule 13).

    Nothing is recorded where it stays the same. Forms already issued keep theirs.
    """
    if is_printed is centre.prints_annex:
        return
    centre.has_form_annex = is_printed
    record("form_annex_changed", centre, actor, is_printed=is_printed)
