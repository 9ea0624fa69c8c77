"""The signed-in person and the roles granted to them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flask import current_app
from flask_login import UserMixin, current_user

from tracker.ledger.events import Actor
from tracker.vocabulary import CentreTerms, Role, SecondStepMethod, SigningTwoStep, use_terms
from tracker.web.permissions import ROLES_NEEDING_SECOND_FACTOR


class SignInStep(StrEnum):
    """A step of signing in that follows the password."""

    PROVE_SECOND_FACTOR = "confirm_sign_in"
    """They have a second factor and have not proven it in this session."""
    SET_UP_SECOND_FACTOR = "set_up_second_factor"
    """They have a role that needs a second factor, and have none."""


@dataclass(frozen=True)
class SecondStep:
    """When and how the second step of two-step verification was last done in a session."""

    at: datetime
    method: SecondStepMethod


@dataclass(frozen=True)
class CurrentGrant:
    """A role granted to this person at a centre now."""

    id: int
    role: Role
    centre_id: int
    centre_name: str
    terms: CentreTerms
    """The terms that the centre uses for verification."""
    ends_at: datetime | None
    candidates_need_two_step: bool | None
    """Whether the centre's candidates need two-step verification."""
    signing_two_step: SigningTwoStep | None
    """Whom the centre asks for two-step verification when they sign; None if it has not chosen."""
    has_countersigning: bool | None = None
    """Whether decisions of the centre's assessors without an award are countersigned."""

    @property
    def needs_second_factor(self) -> bool:
        """Whether the role needs two-step verification: all but the candidates' do; there the centre decides."""
        return self.role in ROLES_NEEDING_SECOND_FACTOR or bool(self.candidates_need_two_step)


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """The person behind this request: plain values, read in a short transaction before the request's own."""

    person_id: int
    name: str
    email: str
    password_hash: str
    session_id: int
    session_ref: str
    grants: tuple[CurrentGrant, ...]
    chosen: CurrentGrant | None
    has_second_factor: bool
    is_proven: bool
    """Whether a second factor was proven in this session."""
    second_step: SecondStep | None = None
    """When and how it was last proven; None in sessions of earlier releases, which do not say how."""

    @property
    def needs_second_factor(self) -> bool:
        """Return whether one of this person's roles needs two-step verification."""
        return not current_app.config["DEMO"] and any(grant.needs_second_factor for grant in self.grants)

    @property
    def missing_step(self) -> SignInStep | None:
        """Return the step of signing in that is still to do, or None."""
        if self.is_proven:
            return None
        if self.has_second_factor:
            return SignInStep.PROVE_SECOND_FACTOR
        return SignInStep.SET_UP_SECOND_FACTOR if self.needs_second_factor else None

    @property
    def is_authenticated(self) -> bool:
        """Return whether signing in is complete; until then every page treats the person as signed out."""
        return self.missing_step is None

    def get_id(self) -> str:
        """Return the session's id, which Flask-Login asks for."""
        return str(self.session_id)

    def find_grant(self, role: Role, centre_id: int | None = None) -> CurrentGrant | None:
        """Return the live grant of this role (at this centre), the chosen one first."""
        own = (self.chosen, *self.grants) if self.chosen else self.grants
        return next((g for g in own if g.role is role and centre_id in {None, g.centre_id}), None)

    @property
    def centre_ids(self) -> tuple[int, ...]:
        """Return the ids of the centres at which this person has a role now."""
        return tuple(dict.fromkeys(grant.centre_id for grant in self.grants))

    def has_countersigning(self, role: Role) -> bool:
        """Return whether a centre at which this person has a role has decisions countersigned."""
        return any(grant.role is role and grant.has_countersigning for grant in self.grants)

    def as_actor(self, grant: CurrentGrant | None) -> Actor:
        """Return the actor whom events name: this person, the grant they act under, and the session."""
        return Actor(self.person_id, grant.id if grant else None, self.session_ref)


def me() -> SignedIn:
    """Return the signed-in person; only for views behind `requires`, `signed_in` or `during_sign_in`."""
    person: SignedIn = current_user._get_current_object()  # noqa: SLF001 - the proxy's documented way out
    return person


def in_terms(text: str, terms: CentreTerms | None = None) -> str:
    """Return a text in the terms of a centre; of the chosen role's centre unless others are given.

    Args:
        text: written in the terms of Scotland, such as `Internal verifier`.
        terms: the terms of the centre that the text is about.
    """
    if terms is None:
        chosen = current_user.chosen if isinstance(current_user, SignedIn) else None
        terms = chosen.terms if chosen else CentreTerms.SCOTLAND
    return use_terms(text, terms)
