"""One call of an Asterisk: its audio by AudioSocket, what it is by the manager, joined by a UUID."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anyio.from_thread import start_blocking_portal
from koemori.server.capture.audiosocket import AudioSocketListener
from koemori.server.db.tables import CallRow, EventRow
from sqlalchemy import select

from tests.fakes.asterisk_manager import FakeManager, block
from tests.fakes.audiosocket import UUID, audio, frame, named
from tests.fakes.light import light_service
from tests.support.sockets import recorded_ms, sealed, until

pytestmark = pytest.mark.integration

LINKED = {"Uniqueid": "1795301882.4", "Linkedid": "1795301882.4", "Channel": "PJSIP/trunk-00000004"}
MEMBER = {"Queue": "claims", "Interface": "PJSIP/1001"}


def test_queue_agent_number_and_hold_of_a_call_come_from_the_manager(tmp_path: Path) -> None:
    manager = FakeManager()
    with start_blocking_portal() as pbx, pbx.wrap_async_context_manager(manager):
        secret = tmp_path / "ami.secret"
        secret.write_text(manager.secret, encoding="utf-8")
        asterisk = {"port": manager.port, "password_file": str(secret)}
        cti = {"ami": {"main": asterisk}, "agents": {"1001": "tanaka"}}
        trunks = {"pbx": {"kind": "audiosocket", "port": 0, "role": "customer"}}
        with light_service(tmp_path, trunks=trunks, cti=cti) as client:
            services = client.app.state.services  # type: ignore[attr-defined]
            listener = services.trunks.listeners["pbx"]
            assert isinstance(listener, AudioSocketListener)
            pbx.call(manager.until, "logins")
            joined: dict[str, Any] = {"CallerIDNum": "0312345678", "Position": "1", "Queue": "claims"}
            pbx.call(manager.send, block(Event="QueueCallerJoin", **joined, **LINKED))
            with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as line:
                line.sendall(named() + audio(np.ones(160, dtype=np.int16)))
                until(lambda: recorded_ms(client) > 0)
                told = block(Event="UserEvent", UserEvent="KoemoriLeg", Uuid=UUID, **LINKED)
                connected = block(Event="AgentConnect", HoldTime="8", RingTime="3", **MEMBER, **LINKED)
                pbx.call(manager.send, told, connected, block(Event="Hold", **LINKED))
                until(lambda: any(known.held for known in services.live.known().values()))
                line.sendall(audio(np.ones(160, dtype=np.int16)) + frame(0x00))
                time.sleep(0.05)
            ((_, manifest),) = sealed(tmp_path)
            until(lambda: services.bus.waiting == 0)
            with services.database.read() as session:
                (call,) = session.scalars(select(CallRow))
                events = [row.body for row in session.scalars(select(EventRow).order_by(EventRow.seq))]
    assert (call.agent_id, call.queue, call.customer_number) == ("tanaka", "claims", "0312345678")
    kinds = [one["kind"] for one in events if one["type"] == "call_updated"]
    assert kinds[-1] == "held"
    assert "held" in [fact["what"] for fact in manifest["told"]["facts"]]
    assert "0312345678" not in str(manifest)
    assert "0312345678" not in str(events)
