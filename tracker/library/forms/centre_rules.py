"""Form for a centre's rule of evidence guidance."""

from wtforms import (
    BooleanField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, ValidationError

from tracker.library.services.centre_rules import WrittenRule
from tracker.units.documents import UnitDocument
from tracker.units.evidence_rule_schema import MAX_TEXT
from tracker.units.evidence_rules import EvidenceRule, EvidenceRuleKind, label_criteria
from tracker.vocabulary import CriterionKind, Method
from tracker.web.forms import PageForm

WHOLE, CHOSEN = "unit", "criteria"
HEADING = "heading"
CHOSEN_LABEL = "The criteria ticked below"


class CentreRuleForm(PageForm):
    """A rule of evidence guidance."""

    kind = RadioField(
        "What the rule counts",
        [DataRequired("Choose what the rule counts.")],
        choices={each.value: each.label for each in EvidenceRuleKind},
    )
    number = StringField("How many", [Length(max=4, message="Use at most 4 digits.")])
    methods = SelectMultipleField(
        "Methods", choices={each.value: each.label for each in Method}, validate_choice=False
    )
    scope = SelectField("Criteria", default=WHOLE, validate_choice=False)
    criteria = SelectMultipleField("These criteria", validate_choice=False)
    each_criterion = BooleanField("Apply to each criterion separately")
    text = TextAreaField(
        "What the assessor checks, or a note",
        [Length(max=MAX_TEXT, message=f"Use at most {MAX_TEXT:,} characters.")],
    )

    def validate_scope(self, field: SelectField) -> None:
        """Refuse a part or heading that is not offered."""
        if field.data not in (self.scope.choices or {}):
            raise ValidationError("Choose one of the entries in the list.")

    def validate_criteria(self, field: SelectMultipleField) -> None:
        """Refuse ticked criteria that the rule would not be of, and none where they are chosen."""
        is_chosen = self.scope.data == CHOSEN
        if field.data and not is_chosen:
            raise ValidationError(f"Choose “{CHOSEN_LABEL}” under “{self.scope.label.text}”, or untick the criteria.")
        if is_chosen and not field.data:
            raise ValidationError("Tick at least one criterion.")

    def offer(self, document: UnitDocument) -> None:
        """Offer the headings and criteria of a unit; the form refuses any other."""
        assessable = document.assessable
        headings = dict.fromkeys((each.kind, each.heading) for each in assessable if each.heading)
        parts = {each.value: each.label for each in CriterionKind if any(c.kind is each for c in assessable)}
        under = {f"{HEADING}:{kind.value}:{heading}": f"Under “{heading}”" for kind, heading in headings}
        labels = label_criteria(assessable)
        self.scope.choices = {WHOLE: "The whole unit", **parts, **under, CHOSEN: CHOSEN_LABEL}
        self.criteria.choices = {
            f"#{each.position}": f"{labels[f'#{each.position}']} {each.text}" for each in assessable
        }

    def fill(self, rule: EvidenceRule) -> None:
        """Fill in a rule that is to be changed."""
        self.kind.data = rule.kind.value
        number = rule.at_most if rule.kind is EvidenceRuleKind.AT_MOST else rule.at_least
        self.number.data = "" if number is None else str(number)
        self.methods.data = [each.value for each in rule.methods]
        self.each_criterion.data, self.text.data = rule.each_criterion, rule.text or ""
        self.criteria.data = list(rule.criteria)
        self.scope.data = CHOSEN if rule.criteria else (rule.part.value if rule.part else WHOLE)
        if rule.heading:
            part = rule.part or CriterionKind.PERFORMANCE
            self.scope.data = f"{HEADING}:{part.value}:{rule.heading}"

    def read(self) -> WrittenRule:
        """Return what was entered and chosen."""
        scope, part, heading = self.scope.data or WHOLE, None, None
        if scope.startswith(f"{HEADING}:"):
            _, part, heading = scope.split(":", 2)
        elif scope not in {WHOLE, CHOSEN}:
            part = scope
        return WrittenRule(
            kind=self.kind.data or "",
            number=(self.number.data or "").strip(),
            methods=self.methods.data or [],
            part=part,
            heading=heading,
            criteria=self.criteria.data or [],
            each_criterion=bool(self.each_criterion.data),
            text=self.text.data or "",
        )
