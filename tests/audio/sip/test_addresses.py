"""Addresses as controllers write them."""

from __future__ import annotations

import pytest
from koemori.audio.errors import SipError
from koemori.audio.sip.fields import parse_address

pytestmark = pytest.mark.unit


def test_an_address_in_brackets_keeps_its_own_parameters() -> None:
    address = parse_address('"Desk, 4" <sip:80@192.0.2.1:5060;transport=tcp>;+sip.src;tag=a1')
    assert (address.uri, address.display) == ("sip:80@192.0.2.1:5060;transport=tcp", "Desk, 4")
    assert dict(address.parameters) == {"+sip.src": "", "tag": "a1"}


def test_a_contact_that_does_not_close_its_bracket_is_read_to_its_end() -> None:
    address = parse_address("<sip:80@192.0.2.1:5060;+sip.src")
    assert address.uri == "sip:80@192.0.2.1:5060;+sip.src"
    assert not address.parameters


@pytest.mark.parametrize("value", ["", "<", "<>", "< >;tag=1", "<sip:a b>", "sip:a b"])
def test_no_address_is_refused(value: str) -> None:
    with pytest.raises(SipError):
        parse_address(value)
