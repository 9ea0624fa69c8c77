"""The parts of the code that scripts/mutate changes, each with the tests that it tries."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Part:
    """The modules to mutate, as files or folders of tracker/, and the tests that are tried on each mutant."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def list_modules(self) -> list[str]:
        """Return the names of the modules."""
        paths = [
            path
            for name in self.modules
            for path in (
                [ROOT / f"tracker/{name}.py"]
                if (ROOT / f"tracker/{name}.py").exists()
                else sorted((ROOT / "tracker" / name).glob("*.py"))
            )
        ]
        names = [
            ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths if path.name != "__init__.py"
        ]
        return [name for name in names if name.removeprefix("tracker.") not in self.left_out]


PARTS = {
    "access": Part(
        (
            "web/authorise",
            "web/route_rules",
            "web/current_user",
            "accounts/sessions",
            "accounts/password_confirmation",
        ),
        (
            "tests/web/test_authorise.py",
            "tests/web/test_current_user.py",
            "tests/web/test_route_rules.py",
            "tests/accounts/test_sessions.py",
            "tests/accounts/test_password_confirmation.py",
            "tests/accounts/test_sign_in.py",
            "tests/accounts/test_sign_out.py",
            "tests/accounts/test_two_step_sign_in.py",
            "tests/accounts/test_choose_role.py",
            "tests/accounts/test_passkeys.py",
            "tests/proof/test_sessions.py",
            "tests/verification/test_visit.py",
        ),
    ),
    "ledger": Part(
        ("ledger",),
        (
            "tests/ledger",
            "tests/hosts/test_checkpoints.py",
            "tests/integrity/test_permitted_writes.py",
            "tests/integrity/test_checkpoints.py",
            "tests/integrity/test_checkpoint_copies.py",
            "tests/integrity/test_trust_anchor.py",
        ),
    ),
    "integrity": Part(
        ("integrity",),
        ("tests/integrity", "tests/proof/test_tampering.py"),
        ("integrity.commands", "integrity.key_commands", "integrity.views"),
    ),
    "signing": Part(
        (
            "assessment/services/signing",
            "assessment/services/sign_off_checks",
            "verification/services/signing",
            "verification/services/sampling",
            "verification/services/returning",
            "verification/services/checks",
            "recording_forms/snapshot",
            "recording_forms/codes",
            "recording_forms/issuing",
            "recording_forms/pdf_seals",
            "recording_forms/form_verification",
        ),
        (
            *(
                f"tests/assessment/test_{name}.py"
                for name in (
                    "signing",
                    "sign_unit",
                    "confirm_unit",
                    "dispute_unit",
                    "retract_signature",
                    "sign_over_warnings",
                    "two_step_signing",
                    "unconfirmed_signers",
                )
            ),
            *(
                f"tests/verification/test_{name}.py"
                for name in (
                    "verification_records",
                    "sample_unit",
                    "disagree",
                    "return_and_reopen",
                    "reopening_emails",
                    "sign_verification",
                )
            ),
            *(
                f"tests/recording_forms/test_{name}.py"
                for name in (
                    "codes",
                    "form_verification",
                    "issue_form",
                    "issuing",
                    "pdf_seals",
                    "unconfirmed_addresses",
                )
            ),
        ),
    ),
}
