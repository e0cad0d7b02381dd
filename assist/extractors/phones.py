"""Phone numbers, as spoken: in groups, in parts over several turns, read back, corrected."""

from __future__ import annotations

from koemori.assist.context import CallView
from koemori.assist.numerals import digit_runs
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard


class PhoneExtractor:
    """Reads `phone`."""

    name = "phones"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        pass

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for a whole number in the newest utterance."""
        found = []
        for run in digit_runs(heard.text):
            if run.digits.startswith("0") and len(run.digits) in (10, 11):
                found.append(FieldProposal("phone", "-".join(run.groups), 0.8, (heard.utterance_id,)))
        return found
