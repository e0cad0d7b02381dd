import { useEffect, useEffectEvent } from "react";

export interface KeyBinding {
  /** As `KeyboardEvent.key`, with `Ctrl+` in front where Ctrl (or ⌘) is held. Letters in lower case. */
  key: string;
  run: () => void;
  /** Also while a text field has the focus. */
  whileTyping?: boolean;
}

/** Keys of a whole page. Nothing fires while an input method is composing, or while Alt is held. */
export function useKeys(bindings: readonly KeyBinding[]): void {
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.isComposing || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const pressed = event.ctrlKey || event.metaKey ? `Ctrl+${name}` : name;
    const binding = bindings.find((candidate) => candidate.key === pressed);
    if (binding === undefined || (isTyping(event.target) && binding.whileTyping !== true)) return;
    event.preventDefault();
    if (!event.repeat) binding.run();
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event);
    window.addEventListener("keydown", listener);
    return () => window.removeEventListener("keydown", listener);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}
