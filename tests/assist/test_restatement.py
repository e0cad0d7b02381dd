"""What the agent reads back."""

from __future__ import annotations

import pytest
from koemori.assist.restatement import restated

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "matter"),
    [
        ("小野寺様、昨日からつながらないということでございますね。", "昨日からつながらない"),
        ("古賀様、先月分のご自宅の電気料金についてのお問い合わせですね。", "先月分のご自宅の電気料金"),
        ("先月の国道交差点での事故の査定についてでございましょうか。", "先月の国道交差点での事故の査定"),
        ("お名前とお電話番号をお伺いできますか。", None),
        ("どのような対応をご希望でしょうか。", None),
        ("それは完全にうちの欠陥ですね。", None),
        ("通話は録音しております。", None),
    ],
)  # fmt: skip
def test_only_a_read_back_is_read_back(said: str, matter: str | None) -> None:
    assert restated(said) == matter
