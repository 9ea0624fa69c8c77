"""The template components, rendered by themselves: labels, descriptions, states and escaping."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask_wtf import CSRFProtect, FlaskForm
from wtforms import PasswordField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired

from tracker.portfolio.queries.claims import CriterionChoice
from tracker.vocabulary import AttemptState, CriterionKind, CriterionState, Outcome
from tracker.web import filters

ROOT = Path(__file__).parents[2]
SCREENS = sorted(  # the PDF renderer has its own rule for paper
    path
    for path in (ROOT / "templates").rglob("*.html")
    if "recording_forms" not in path.parts and path.name != "print.html"
)
IMPORTS = "".join(
    f'{{% import "components/{name}.html" as {name} %}}'
    for name in ("forms", "states", "progress", "criterion", "empty", "nav", "tables")
)


class EvidenceForm(FlaskForm):
    title = StringField("What is it?", validators=[InputRequired("Say what it is.")], description="A few words.")
    method = RadioField("How?", choices={"observation": "Observation"}, validators=[InputRequired("Choose.")])
    story = TextAreaField("What did you do?")
    password = PasswordField("Password")


@pytest.fixture
def template_app() -> Flask:
    app = Flask("templates", template_folder=str(ROOT / "templates"))
    app.config.update(SECRET_KEY="test", WTF_CSRF_ENABLED=False)
    CSRFProtect(app)
    filters.init_app(app)
    return app


def render(app: Flask, source: str, **context: object) -> str:
    with app.test_request_context("/", method="POST"):
        form = EvidenceForm()
        form.validate()
        return render_template_string(IMPORTS + source, form=form, **context)


class TestFields:
    def test_hint_and_error_are_read_out_with_the_field(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ forms.field(form.title) }}")
        assert 'aria-describedby="title-hint title-error"' in markup
        assert 'id="title-hint">A few words.' in markup
        assert re.search(r'id="title-error">.*Say what it is\.', markup)
        assert 'aria-invalid="true"' in markup

    def test_the_summary_links_to_the_first_choice_of_a_list(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ forms.error_summary(form) }}{{ forms.field(form.method) }}")
        assert "2 things need changing" in markup
        assert '<a href="#method-0">Choose.</a>' in markup
        assert 'id="method-0"' in markup

    def test_the_summary_lists_errors_that_belong_to_no_field(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ forms.error_summary([], other_errors=['The link has expired.']) }}")
        assert "One thing needs changing" in markup
        assert "The link has expired." in markup

    def test_each_error_of_a_field_is_counted_and_listed(self, template_app: Flask) -> None:
        markup = render(
            template_app, "{% set _ = form.title.errors.append('Use fewer words.') %}{{ forms.error_summary(form) }}"
        )
        assert "3 things need changing" in markup
        assert '<a href="#title">Use fewer words.</a>' in markup

    def test_no_summary_without_errors(self, template_app: Flask) -> None:
        assert render(template_app, "{{ forms.error_summary([]) }}").strip() == ""

    def test_a_choice_has_its_line_of_help(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ forms.field(form.method, help={'observation': 'Somebody watched.'}) }}")
        assert 'aria-describedby="method-0-help"' in markup
        assert 'id="method-0-help">Somebody watched.' in markup

    def test_further_attributes_reach_the_input(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ forms.field(form.password, autocomplete='current-password') }}")
        assert 'autocomplete="current-password"' in markup
        assert "data-show-password" in markup

    def test_two_forms_on_a_page_share_no_id(self, template_app: Flask) -> None:
        markup = render(
            template_app, "{{ forms.post_button('/a', 'A') }}{{ forms.post_button('/b', 'B', about='item 7') }}"
        )
        assert markup.count('name="csrf_token"') == 2
        assert " id=" not in markup
        assert '<span class="visually-hidden">: item 7</span>' in markup


class TestPlainControls:
    """Controls without a WTForms field."""

    def test_an_attribute_reaches_the_box(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ forms.checkbox('claim', 'Claim it', '3', autocomplete='off') }}")
        assert '<input type="checkbox" class="form-check-input" id="claim" name="claim" value="3"' in markup
        assert 'autocomplete="off"' in markup
        assert '<label for="claim">Claim it</label>' in markup

    def test_a_label_may_be_the_body_of_a_call(self, template_app: Flask) -> None:
        markup = render(
            template_app, "{% call forms.checkbox('claim', checked=true) %}<b>1</b> <i>&</i>{% endcall %}"
        )
        assert '<label for="claim"><b>1</b> <i>&</i></label>' in markup
        assert " checked>" in markup

    def test_values_are_escaped_in_every_control(self, template_app: Flask) -> None:
        markup = render(
            template_app,
            "{{ forms.text_field('a', it, it) }}{{ forms.textarea_field('b', it, it) }}{{ forms.hidden_field('c', it) }}"
            "{% call forms.select_field('d', it) %}{{ forms.option(it, it) }}{% endcall %}{{ forms.radio('e', it, it) }}",
            it='"><script>',
        )
        assert "<script>" not in markup

    def test_a_hint_is_read_out_with_the_control(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ forms.textarea_field('feedback', 'Feedback', hint='Say why.') }}")
        assert 'id="feedback-hint">Say why.' in markup
        assert 'aria-describedby="feedback-hint"' in markup


class TestStates:
    @pytest.mark.parametrize("state", list(CriterionState))
    def test_a_criterion_has_sign_and_word(self, template_app: Flask, state: CriterionState) -> None:
        markup = render(template_app, "{{ states.criterion_state(state) }}", state=state)
        assert f'aria-hidden="true">{state.sign}</span> {state.label}' in markup

    @pytest.mark.parametrize("state", list(AttemptState))
    def test_an_attempt_says_its_state_in_words(self, template_app: Flask, state: AttemptState) -> None:
        assert state.label in render(template_app, "{{ states.attempt_state(state) }}", state=state)

    @pytest.mark.parametrize("state", list(AttemptState))
    def test_no_state_of_a_unit_has_the_sign_of_needs_more(self, template_app: Flask, state: AttemptState) -> None:
        assert CriterionState.NEEDS_MORE.sign not in render(
            template_app, "{{ states.attempt_state(state) }}", state=state
        )

    def test_every_outcome_has_its_own_sign_and_only_met_is_green(self, template_app: Flask) -> None:
        badges = [render(template_app, "{{ states.outcome(it) }}", it=it) for it in (*Outcome, None)]
        assert [re.findall(r'"true">(.)<', markup)[0] for markup in badges] == ["✓", "◐", "–", "○"]
        assert ["state-met" in markup for markup in badges] == [True, False, False, False]

    def test_an_item_says_its_state_in_each_unit(self, template_app: Flask) -> None:
        badges = [("CFACC15", "accepted"), ("INSCC004", "returned"), ("", "draft")]
        markup = render(template_app, "{{ states.evidence_badges(badges) }}", badges=badges)
        assert "Accepted in CFACC15" in markup
        assert "Returned in INSCC004" in markup
        assert "Draft" in markup


class TestProgress:
    def test_progress_is_shown_as_a_bar_and_in_words(self, template_app: Flask) -> None:
        markup = render(template_app, "{{ progress.progress(15, 20, 24) }}")
        assert "<b>15</b> of 24 met" in markup
        assert "<b>20</b> claimed" in markup
        assert '<rect class="bar-claimed" width="20"' in markup
        assert '<rect class="bar-met" width="15"' in markup

    def test_a_unit_without_criteria_has_an_empty_bar(self, template_app: Flask) -> None:
        assert 'viewBox="0 0 1 1"' in render(template_app, "{{ progress.bar(0, 0, 0) }}")


class TestCriteria:
    """A criterion to claim with an item."""

    ROW = "{{ criterion.claim_row(choice, '3-45') }}"
    choice = CriterionChoice(
        criterion_id=45,
        kind=CriterionKind.PERFORMANCE,
        heading=None,
        label="5",
        text="Deal with <customer> problems.",
        ticked=False,
        locator="",
        decided_state=None,
        other_items=(),
    )

    def test_the_full_text_is_the_label_of_the_box(self, template_app: Flask) -> None:
        markup = render(template_app, self.ROW, choice=replace(self.choice, other_items=("2", "5")))
        assert re.search(r'<label class="criterion-words" for="c-3-45">.*Deal with &lt;customer&gt; problems', markup)
        assert 'aria-describedby="c-3-45-also"' in markup
        assert "also claimed by evidence 2, 5" in markup

    def test_a_criterion_that_needs_evidence_is_marked_as_a_gap(self, template_app: Flask) -> None:
        markup = render(template_app, self.ROW, choice=replace(self.choice, other_items=("2",), needs_more=True))
        assert "data-gap" in markup
        assert "Needs more" in markup

    def test_a_decided_criterion_has_no_box(self, template_app: Flask) -> None:
        markup = render(template_app, self.ROW, choice=replace(self.choice, decided_state=CriterionState.MET))
        assert "<input" not in markup
        assert "Met" in markup


class TestContentSecurity:
    """Templates and static files contain nothing that the policy blocks or that is fetched from another site."""

    @pytest.mark.parametrize("path", SCREENS, ids=lambda path: path.name)
    def test_templates(self, path: Path) -> None:
        text = path.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=\"|javascript:", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
        assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)

    @pytest.mark.parametrize("path", sorted((ROOT / "static").rglob("*.[cj]s*")), ids=lambda p: p.name)
    def test_static_files_refer_to_no_other_site(self, path: Path) -> None:
        hosts = re.findall(r"(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+", path.read_text())
        assert set(hosts) <= {"http://www.w3.org"}  # the namespace of SVG, never fetched
