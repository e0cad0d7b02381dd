"""What child processes use is counted while they live and after they have ended."""

import subprocess
import sys

import pytest
from koemori.server.bench import process_tree

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not process_tree.HAS_PROC, reason="children can be seen only where there is /proc"),
]

WORK = """
import sys, time
kept = bytearray(b"x" * 60_000_000)
while time.process_time() < 0.4:
    pass
print(flush=True)
sys.stdin.readline()
"""


def test_children_count_while_they_live_and_when_they_are_gone() -> None:
    cpu_s, memory = process_tree.cpu_s(), process_tree.memory()
    with subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        assert process_tree.cpu_s() - cpu_s >= 0.35
        assert process_tree.memory().own_mib - memory.own_mib > 50
        assert process_tree.memory().resident_mib - memory.resident_mib > 50
        child.stdin.write("\n")
    assert process_tree.cpu_s() - cpu_s >= 0.35
    assert process_tree.memory().own_mib - memory.own_mib < 50
