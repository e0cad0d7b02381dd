import { ApiProblem, Unreachable } from "../api/client";
import { takeTicket } from "../api/endpoints";

/** How long the connection may take before the person is told. */
const CONNECT_MS = 15_000;

export interface Offer {
  trunk: string;
  /** Sent in this order: the agent's side, then the customer's. */
  tracks: readonly MediaStreamTrack[];
  number: string;
}

/** A call offered to the service by WHIP (RFC 9725). */
export class WhipCall {
  private constructor(
    private readonly peer: RTCPeerConnection,
    private readonly address: string,
  ) {}

  /**
   * Offer the tracks and wait until the service hears them.
   *
   * @throws {ApiProblem} the service refused
   * @throws {Unreachable} no answer, or no path for the audio
   */
  static async begin({ trunk, tracks, number }: Offer, onLost: () => void): Promise<WhipCall> {
    const peer = new RTCPeerConnection();
    try {
      for (const track of tracks) peer.addTransceiver(track, { direction: "sendonly" });
      await peer.setLocalDescription();
      await gathered(peer);
      const ticket = await takeTicket();
      const query = number === "" ? "" : `?number=${encodeURIComponent(number)}`;
      const answer = await send(`/ingest/${encodeURIComponent(trunk)}/whip${query}`, "POST", {
        headers: { Authorization: `Bearer ${ticket}`, "Content-Type": "application/sdp" },
        body: peer.localDescription?.sdp ?? "",
      });
      const call = new WhipCall(peer, answer.headers.get("Location") ?? "");
      await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
      await connected(peer);
      peer.addEventListener("connectionstatechange", () => {
        if (peer.connectionState !== "failed") return;
        peer.close();
        onLost();
      });
      return call;
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  async hold(held: boolean): Promise<void> {
    await send(`${this.address}/hold`, held ? "PUT" : "DELETE");
  }

  async end(): Promise<void> {
    try {
      await send(this.address, "DELETE");
    } finally {
      this.peer.close();
    }
  }
}

async function send(url: string, method: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, method, credentials: "omit" });
  } catch {
    throw new Unreachable();
  }
  if (!response.ok) throw new ApiProblem(response.status, `whip-${response.status}`, "");
  return response;
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  return until(peer, "icegatheringstatechange", () => peer.iceGatheringState === "complete");
}

function connected(peer: RTCPeerConnection): Promise<void> {
  return until(peer, "connectionstatechange", () => peer.connectionState === "connected");
}

/** Wait until it holds; an unreachable service when it does not in time, or when the connection fails. */
function until(peer: RTCPeerConnection, event: string, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (then: () => void) => {
      clearTimeout(timer);
      peer.removeEventListener(event, look);
      then();
    };
    const look = () => {
      if (holds()) finish(resolve);
      else if (peer.connectionState === "failed") finish(() => reject(new Unreachable()));
    };
    const timer = setTimeout(() => finish(() => reject(new Unreachable())), CONNECT_MS);
    peer.addEventListener(event, look);
    look();
  });
}
