"""The shared parts of pages, drawn by themselves: what is labelled, what is described, what is said."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask, render_template_string
from flask_wtf import CSRFProtect, FlaskForm
from wtforms import PasswordField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired

from tracker.vocabulary import AttemptState, CriterionState, Outcome
from tracker.web import filters

ROOT = Path(__file__).parents[2]
SCREENS = sorted(  # paper is drawn by the PDF renderer, which has a rule of its own
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
def face() -> Flask:
    app = Flask("face", template_folder=str(ROOT / "templates"))
    app.config.update(SECRET_KEY="test", WTF_CSRF_ENABLED=False)
    CSRFProtect(app)
    filters.init_app(app)
    return app


def draw(app: Flask, source: str, **context: object) -> str:
    with app.test_request_context("/", method="POST"):
        form = EvidenceForm()
        form.validate()
        return render_template_string(IMPORTS + source, form=form, **context)


class TestFields:
    def test_hint_and_error_are_read_out_with_the_field(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.field(form.title) }}")
        assert 'aria-describedby="title-hint title-error"' in drawn
        assert 'id="title-hint">A few words.' in drawn
        assert re.search(r'id="title-error">.*Say what it is\.', drawn)
        assert 'aria-invalid="true"' in drawn

    def test_the_summary_links_to_the_first_choice_of_a_list(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.error_summary(form) }}{{ forms.field(form.method) }}")
        assert "2 things need changing" in drawn
        assert '<a href="#method-0">Choose.</a>' in drawn
        assert 'id="method-0"' in drawn

    def test_the_summary_says_what_belongs_to_no_field(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.error_summary([], also=['The link has expired.']) }}")
        assert "One thing needs changing" in drawn
        assert "The link has expired." in drawn

    def test_each_error_of_a_field_is_counted_and_listed(self, face: Flask) -> None:
        drawn = draw(
            face, "{% set _ = form.title.errors.append('Use fewer words.') %}{{ forms.error_summary(form) }}"
        )
        assert "3 things need changing" in drawn
        assert '<a href="#title">Use fewer words.</a>' in drawn

    def test_no_summary_without_errors(self, face: Flask) -> None:
        assert draw(face, "{{ forms.error_summary([]) }}").strip() == ""

    def test_a_choice_has_its_line_of_help(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.field(form.method, help={'observation': 'Somebody watched.'}) }}")
        assert 'aria-describedby="method-0-help"' in drawn
        assert 'id="method-0-help">Somebody watched.' in drawn

    def test_further_attributes_reach_the_input(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.field(form.password, autocomplete='current-password') }}")
        assert 'autocomplete="current-password"' in drawn
        assert "data-show-password" in drawn

    def test_two_forms_on_a_page_share_no_id(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.post_button('/a', 'A') }}{{ forms.post_button('/b', 'B', about='item 7') }}")
        assert drawn.count('name="csrf_token"') == 2
        assert " id=" not in drawn
        assert '<span class="visually-hidden">: item 7</span>' in drawn


class TestPlainControls:
    """Controls that no WTForms field stands for."""

    def test_an_attribute_reaches_the_box(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.checkbox('claim', 'Claim it', '3', autocomplete='off') }}")
        assert '<input type="checkbox" class="form-check-input" id="claim" name="claim" value="3"' in drawn
        assert 'autocomplete="off"' in drawn
        assert '<label for="claim">Claim it</label>' in drawn

    def test_a_label_may_be_the_body_of_a_call(self, face: Flask) -> None:
        drawn = draw(face, "{% call forms.checkbox('claim', checked=true) %}<b>1</b> <i>&</i>{% endcall %}")
        assert '<label for="claim"><b>1</b> <i>&</i></label>' in drawn
        assert " checked>" in drawn

    def test_what_is_typed_is_escaped_in_every_control(self, face: Flask) -> None:
        drawn = draw(
            face,
            "{{ forms.text_field('a', it, it) }}{{ forms.textarea_field('b', it, it) }}{{ forms.hidden_field('c', it) }}"
            "{% call forms.select_field('d', it) %}{{ forms.option(it, it) }}{% endcall %}{{ forms.radio('e', it, it) }}",
            it='"><script>',
        )
        assert "<script>" not in drawn

    def test_a_hint_is_read_out_with_the_control(self, face: Flask) -> None:
        drawn = draw(face, "{{ forms.textarea_field('feedback', 'Feedback', hint='Say why.') }}")
        assert 'id="feedback-hint">Say why.' in drawn
        assert 'aria-describedby="feedback-hint"' in drawn


class TestStates:
    @pytest.mark.parametrize("state", list(CriterionState))
    def test_a_criterion_has_sign_and_word(self, face: Flask, state: CriterionState) -> None:
        drawn = draw(face, "{{ states.criterion_state(state) }}", state=state)
        assert f'aria-hidden="true">{state.sign}</span> {state.label}' in drawn

    @pytest.mark.parametrize("state", list(AttemptState))
    def test_an_attempt_says_its_state_in_words(self, face: Flask, state: AttemptState) -> None:
        assert state.label in draw(face, "{{ states.attempt_state(state) }}", state=state)

    def test_every_outcome_has_a_sign_of_its_own_and_green_only_the_tick(self, face: Flask) -> None:
        drawn = [draw(face, "{{ states.outcome(it) }}", it=it) for it in (*Outcome, None)]
        assert [re.findall(r'"true">(.)<', one)[0] for one in drawn] == ["✓", "◐", "–", "○"]
        assert ["state-met" in one for one in drawn] == [True, False, False, False]

    def test_an_item_says_its_state_in_each_unit(self, face: Flask) -> None:
        badges = [("CFACC15", "accepted"), ("INSCC004", "returned"), ("", "draft")]
        drawn = draw(face, "{{ states.evidence_badges(badges) }}", badges=badges)
        assert "Accepted in CFACC15" in drawn
        assert "Returned in INSCC004" in drawn
        assert "Draft" in drawn


class TestProgress:
    def test_two_lengths_and_the_same_in_words(self, face: Flask) -> None:
        drawn = draw(face, "{{ progress.progress(15, 20, 24) }}")
        assert "<b>15</b> of 24 met" in drawn
        assert "<b>20</b> claimed" in drawn
        assert '<rect class="bar-claimed" width="20"' in drawn
        assert '<rect class="bar-met" width="15"' in drawn

    def test_a_unit_without_criteria_does_not_divide_by_nothing(self, face: Flask) -> None:
        assert 'viewBox="0 0 1 1"' in draw(face, "{{ progress.bar(0, 0, 0) }}")


class TestCriteria:
    criterion = SimpleNamespace(label="5", text="Deal with <customer> problems.")

    def test_the_full_text_is_the_label_of_the_box(self, face: Flask) -> None:
        drawn = draw(face, "{{ criterion.claim_row(it, 'claim', '3-45', also=[2, 5]) }}", it=self.criterion)
        assert re.search(r'<label class="criterion-words" for="c-3-45">.*Deal with &lt;customer&gt; problems', drawn)
        assert 'aria-describedby="c-3-45-also"' in drawn
        assert "also claimed by evidence 2, 5" in drawn

    def test_one_that_needs_evidence_is_marked_as_a_gap(self, face: Flask) -> None:
        row = "{{ criterion.claim_row(it, 'claim', '3-45', also=[2], gap=true, needs_more=true) }}"
        drawn = draw(face, row, it=self.criterion)
        assert "data-gap" in drawn
        assert "Needs more" in drawn

    def test_a_decided_one_has_no_box(self, face: Flask) -> None:
        drawn = draw(
            face,
            "{{ criterion.claim_row(it, 'claim', '3-45', fixed=met) }}",
            it=self.criterion,
            met=CriterionState.MET,
        )
        assert "<input" not in drawn
        assert "Met" in drawn


class TestContentSecurity:
    """What the policy would block, or a browser would fetch from elsewhere, is not written at all."""

    @pytest.mark.parametrize("path", SCREENS, ids=lambda path: path.name)
    def test_templates(self, path: Path) -> None:
        text = path.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=\"|javascript:", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
        assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)

    @pytest.mark.parametrize("path", sorted((ROOT / "static").rglob("*.[cj]s*")), ids=lambda p: p.name)
    def test_static_files_name_no_foreign_place(self, path: Path) -> None:
        places = re.findall(r"(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+", path.read_text())
        assert set(places) <= {"http://www.w3.org"}  # the name of SVG, never fetched
