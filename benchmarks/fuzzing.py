"""Gives every parser of capture hostile inputs, and looks for failures, slow inputs and growth.

    python -m benchmarks.fuzzing [--inputs 1000000] [--targets NAME…] [--engine both] [--seed 1] [--out FILE]

Method. `tests/fuzz` names the targets; each takes one input (a message, or a sequence that makes a session,
a stream or a call) and may refuse it by its own error only. Half of a target's inputs come from our mutator:
flips, cuts, splices and words of the grammar over good inputs, from one seed. The other half come from
Atheris (libFuzzer), led by what code an input reaches, where it is installed (`pip install atheris`); the
mutator takes them over where it is not. Each target runs in a process of its own.

* `crashes`: inputs that raised anything else than the part's own error; one of each place is kept in the
  folder of `--findings`. Put it into `tests/fuzz/corpus/<target>/` and correct the parser.
* `slowest_ms`: the longest time of a processor that one input took, the least of five runs, for the machine
  may do other things at the same time; `limit_ms` is what may not be reached.
* `memory_mib`: resident memory after a tenth of the mutator's inputs, and after all.

The command ends with 1 when anything was found.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from koemori.server.bench.environment import environment

RESULTS = Path(__file__).parent / "results" / "fuzzing.json"
COSTS = {"siprec-call": 0.25, "receiver": 0.5}
"""Share of the inputs that others get: these take a whole session each."""
_LOOKS = 5
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_GROWTH_MIB = 16.0


@dataclass(slots=True)
class Found:
    """What came of one engine on one target."""

    target: str
    engine: str
    inputs: int = 0
    crashes: dict[str, int] = field(default_factory=dict)
    slow: int = 0
    slowest_ms: float = 0.0
    seconds: float = 0.0
    memory_mib: tuple[float, float] | None = None


class Trial:
    """Gives inputs to one target and notes what comes of it."""

    def __init__(self, target: str, engine: str, findings: Path) -> None:
        from tests.fuzz.targets import LIMIT_MS
        from tests.fuzz.test_hostile_input import TARGETS

        self.target = TARGETS[target]
        self.found = Found(target, engine)
        self._limit_ms = LIMIT_MS
        self._findings = findings
        self._began_s = time.monotonic()

    def give(self, content: bytes) -> None:
        self.found.inputs += 1
        taken_ms = self._run(content)
        if taken_ms <= self.found.slowest_ms:
            return
        taken_ms = min(taken_ms, *(self._run(content) for _ in range(_LOOKS - 1)))
        self.found.slowest_ms = max(self.found.slowest_ms, taken_ms)
        if taken_ms >= self._limit_ms:
            self.found.slow += 1
            self._keep(content, f"slow-{round(taken_ms)}")

    def done(self) -> dict[str, Any]:
        self.found.seconds = round(time.monotonic() - self._began_s, 1)
        self.found.slowest_ms = round(self.found.slowest_ms, 2)
        return asdict(self.found)

    def _run(self, content: bytes) -> float:
        begun_s = time.thread_time()
        try:
            self.target(content)
        except Exception as error:
            self._crashed(content, error)
        return (time.thread_time() - begun_s) * 1000

    def _crashed(self, content: bytes, error: Exception) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__}-{Path(frame.filename).name}-{frame.lineno}"
        self.found.crashes[place] = self.found.crashes.get(place, 0) + 1
        if self.found.crashes[place] == 1:
            self._keep(content, place)

    def _keep(self, content: bytes, name: str) -> None:
        folder = self._findings / self.found.target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.bin").write_bytes(content)


def memory_mib() -> float:
    gc.collect()
    return round(int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MIB, 1)


def mutate(trial: Trial, inputs: int, seed: int) -> dict[str, Any]:
    from tests.fuzz.mutation import Mutator
    from tests.fuzz.targets import MOST_BYTES

    mutator = Mutator(trial.target.seeds, trial.target.words, MOST_BYTES, seed)
    before = memory_mib()
    for number in range(inputs):
        trial.give(mutator.next())
        if number == inputs // 10:
            before = memory_mib()
    trial.found.memory_mib = (before, memory_mib())
    return trial.done()


def lead(
    target: str, inputs: int, seed: int, findings: Path, finish: Callable[[dict[str, Any]], None]
) -> None:
    """Run Atheris, which does not come back: the result is told before the last input returns."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(
        include=["koemori.audio", "koemori.server.cti", "koemori.server.capture"]
    ):
        trial = Trial(target, "atheris", findings)

    def give(content: bytes) -> None:
        trial.give(content)
        if trial.found.inputs >= inputs:
            finish(trial.done())
            sys.stdout.flush()
            os._exit(0)

    from tests.fuzz.targets import MOST_BYTES

    with TemporaryDirectory() as folder:
        for number, content in enumerate(trial.target.seeds):
            (Path(folder) / str(number)).write_bytes(content)
        words = Path(folder).with_suffix(".dict")
        words.write_text("".join(f'"{escaped(word)}"\n' for word in trial.target.words if len(word) <= 64))
        options = [
            f"-seed={seed}",
            f"-max_len={MOST_BYTES}",
            f"-dict={words}",
            "-verbosity=0",
            "-print_final_stats=0",
        ]
        atheris.Setup([sys.argv[0], *options, "-timeout=0", "-rss_limit_mb=0", folder], give)
        atheris.Fuzz()


def escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def child(arguments: argparse.Namespace) -> int:
    (target,), out = arguments.targets, arguments.out

    def finish(result: dict[str, Any]) -> None:
        out.write_text(json.dumps(result))

    if arguments.engine == "atheris":
        lead(target, arguments.inputs, arguments.seed, arguments.findings, finish)
    finish(mutate(Trial(target, "mutation", arguments.findings), arguments.inputs, arguments.seed))
    return 0


def run_child(target: str, engine: str, inputs: int, arguments: argparse.Namespace) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.fuzzing", "--child", "--engine", engine]
        command += ["--inputs", str(inputs), "--seed", str(arguments.seed), "--out", str(out)]
        command += ["--findings", str(arguments.findings), "--targets", target]
        ended = subprocess.run(command, capture_output=True, check=False)
        if not out.exists():
            said = ended.stderr.decode(errors="replace")[-800:]
            return asdict(Found(target, engine, crashes={f"process-{ended.returncode}": 1})) | {"said": said}
        found: dict[str, Any] = json.loads(out.read_text())
        return found


def shares(names: list[str], inputs: int) -> dict[str, int]:
    """How many inputs each target gets; together `inputs`."""
    whole = sum(COSTS.get(name, 1.0) for name in names)
    given = {name: int(inputs * COSTS.get(name, 1.0) / whole) for name in names}
    given[names[0]] += inputs - sum(given.values())
    return given


def has_findings(row: dict[str, Any]) -> bool:
    memory = row["memory_mib"]
    grown = bool(memory) and memory[1] - memory[0] > _GROWTH_MIB
    return bool(row["crashes"] or row["slow"] or grown)


def main(arguments: argparse.Namespace) -> int:
    from tests.fuzz.targets import LIMIT_MS
    from tests.fuzz.test_hostile_input import TARGETS

    names = arguments.targets or list(TARGETS)
    has_atheris = find_spec("atheris") is not None and arguments.engine != "mutation"
    rows = []
    for name, inputs in shares(names, arguments.inputs).items():
        halves = (
            {"atheris": inputs // 2, "mutation": inputs - inputs // 2}
            if has_atheris
            else {"mutation": inputs}
        )
        for engine, count in halves.items():
            rows.append(run_child(name, engine, count, arguments))
            print(json.dumps(rows[-1]), flush=True)
    result = {
        **environment(),
        "command": f"python -m benchmarks.fuzzing --inputs {arguments.inputs} --seed {arguments.seed}",
        "inputs": sum(row["inputs"] for row in rows),
        "limit_ms": LIMIT_MS,
        "slowest_ms": max(row["slowest_ms"] for row in rows),
        "crashes": sum(sum(row["crashes"].values()) for row in rows),
        "slow": sum(row["slow"] for row in rows),
        "targets": rows,
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if any(has_findings(row) for row in rows) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hostile inputs for every parser of capture.")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--targets", nargs="*", default=[])
    parser.add_argument("--engine", choices=("both", "atheris", "mutation"), default="both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("build/fuzzing"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    sys.exit(child(chosen) if chosen.child else main(chosen))
