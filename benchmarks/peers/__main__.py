"""Command line of the comparison.

    python -m benchmarks.peers install
    python -m benchmarks.peers run --systems koemori,whisperlive,whisperlivekit --streams 1,2,4,8,0 \
        --calls c01,c05,c07,c21 --seconds 50 --rounds 1 --out benchmarks/results/peers.json

README.md beside this says what is measured and how. A run that the file already holds is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from koemori.models.catalog import ensure_model

from benchmarks.peers import environments
from benchmarks.peers.comparison import Plan, all_systems, run_plan
from benchmarks.peers.processes import PeerError
from benchmarks.peers.systems import THREADS

RESULTS = Path(__file__).parents[1] / "results" / "peers.json"


def main() -> int:
    arguments = _parser().parse_args()
    try:
        if arguments.command == "install":
            for environment in environments.ALL:
                print(f"{environment.package} → {environment.directory}", flush=True)
                environment.install()
            return 0
        plan = _plan(arguments)
        result = run_plan(plan, arguments.out, _head(), THREADS)
    except PeerError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result["summary"], ensure_ascii=False, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="make the peers' environments under var/peers")
    run = commands.add_parser("run", help="do the runs that the result file does not hold yet")
    run.add_argument("--systems", default="koemori,whisperlive,whisperlivekit")
    run.add_argument(
        "--streams", default="1,2,4,8,0", help="numbers of streams; 0 is a minute without speech"
    )
    run.add_argument("--calls", default="c01,c05,c07,c21")
    run.add_argument("--seconds", type=float, default=50.0, help="how much of each call")
    run.add_argument("--rounds", type=int, default=1)
    run.add_argument("--out", type=Path, default=RESULTS)
    return parser


def _plan(arguments: argparse.Namespace) -> Plan:
    systems = tuple(arguments.systems.split(","))
    unknown = set(systems) - set(all_systems())
    if unknown:
        raise PeerError(f"expected systems of {sorted(all_systems())}; got {sorted(unknown)}")
    streams = tuple(int(count) for count in arguments.streams.split(","))
    calls = tuple(arguments.calls.split(","))
    return Plan(systems, streams, calls, arguments.rounds, arguments.seconds)


def _head() -> dict[str, object]:
    return {
        "bench": "peers",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks.peers", *sys.argv[1:]]),
        "model_id": f"{ensure_model('base').name} int8",
        "machine": {
            "processor": _processor(),
            "cores": THREADS,
            "cores_of_the_machine": os.cpu_count(),
            "system": platform.platform(),
            "load_before": [round(value, 2) for value in os.getloadavg()],
        },
        "versions": {"python": platform.python_version(), **all_systems()["koemori"].versions()},
        "definitions": "benchmarks/peers/README.md",
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    raise SystemExit(main())
