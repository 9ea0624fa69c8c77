"""Guidance as its own pages list and show it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import Guidance, GuidanceUnit


@dataclass(frozen=True)
class GuidanceRow:
    """A page of guidance with the codes of the units it is attached to."""

    guidance: Guidance
    unit_codes: tuple[str, ...]


def list_all_guidance(centre_ids: Collection[int]) -> list[GuidanceRow]:
    """List guidance of the installation and these centres, with its units, in two SQL statements."""
    query = select(Guidance).where(_is_visible_at(centre_ids)).order_by(Guidance.title, Guidance.id)
    pages = list(db.session.scalars(query))
    codes: dict[int, set[str]] = {}
    attachments = select(GuidanceUnit.guidance_id, GuidanceUnit.unit_code).where(_is_attached_at(centre_ids))
    for guidance_id, code in db.session.execute(attachments):
        codes.setdefault(guidance_id, set()).add(code)
    return [GuidanceRow(guidance, tuple(sorted(codes.get(guidance.id, ())))) for guidance in pages]


def find_guidance(slug: str, centre_ids: Collection[int]) -> Guidance | None:
    """Find guidance by its address, if these centres can see it."""
    query = select(Guidance).where(Guidance.slug == slug, _is_visible_at(centre_ids))
    return db.session.scalars(query).one_or_none()


def list_attachments(guidance: Guidance, centre_ids: Collection[int]) -> list[GuidanceUnit]:
    """List the units that the guidance is shown with at these centres, the installation's attachments first."""
    query = (
        select(GuidanceUnit)
        .where(GuidanceUnit.guidance_id == guidance.id, _is_attached_at(centre_ids))
        .options(joinedload(GuidanceUnit.attached_by))
        .order_by(GuidanceUnit.centre_id.is_not(None), GuidanceUnit.unit_code)
    )
    return list(db.session.scalars(query))


def find_attachment(guidance: Guidance, attached_id: int, centre_id: int) -> GuidanceUnit | None:
    """Find an attachment that a centre made; those of the installation are changed in its files."""
    query = select(GuidanceUnit).where(
        GuidanceUnit.id == attached_id, GuidanceUnit.guidance_id == guidance.id, GuidanceUnit.centre_id == centre_id
    )
    return db.session.scalars(query).one_or_none()


def load_guidance_document(guidance: Guidance) -> dict[str, Any]:
    """Return the document of the guidance."""
    document: dict[str, Any] = json.loads(guidance.document)
    return document


def _is_visible_at(centre_ids: Collection[int]) -> Any:
    return or_(Guidance.owner_centre_id.is_(None), Guidance.owner_centre_id.in_(centre_ids))


def _is_attached_at(centre_ids: Collection[int]) -> Any:
    return or_(GuidanceUnit.centre_id.is_(None), GuidanceUnit.centre_id.in_(centre_ids))
