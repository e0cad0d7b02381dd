import { useEffect, useState } from "react";

/** Audio of a shared tab or screen, in place of a device. */
export const SHARED = "shared";
/** No second side: only the microphone is recorded. */
export const NONE = "none";

/** Audio inputs, as far as the browser names them; names come once a microphone has been allowed. */
export function useInputs(allowed: boolean): MediaDeviceInfo[] {
  const [inputs, setInputs] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    const media = navigator.mediaDevices as MediaDevices | undefined;
    if (media === undefined) return;
    let gone = false;
    const look = () => {
      void media.enumerateDevices().then((devices) => {
        if (!gone) setInputs(devices.filter((device) => device.kind === "audioinput"));
      });
    };
    look();
    media.addEventListener("devicechange", look);
    return () => {
      gone = true;
      media.removeEventListener("devicechange", look);
    };
  }, [allowed]);
  return inputs;
}

/**
 * The track of a choice.
 *
 * The other side's audio has passed through a telephone already: nothing may be "improved" in it, for it is evidence.
 *
 * @throws {DOMException} the person or the system refused
 */
export async function openInput(choice: string, side: "agent" | "customer"): Promise<MediaStreamTrack> {
  if (choice === SHARED) return openShared();
  const own = side === "agent";
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: {
      ...(choice === "" ? {} : { deviceId: { exact: choice } }),
      echoCancellation: own,
      noiseSuppression: false,
      autoGainControl: false,
    },
  });
  return first(stream);
}

async function openShared(): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getDisplayMedia({ audio: true, video: true });
  for (const track of stream.getVideoTracks()) track.stop();
  return first(stream);
}

function first(stream: MediaStream): MediaStreamTrack {
  const track = stream.getAudioTracks()[0];
  if (track === undefined) throw new DOMException("no audio was shared", "NotFoundError");
  return track;
}
