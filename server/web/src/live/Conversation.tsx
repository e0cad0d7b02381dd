import { Button } from "@mantine/core";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { CallState } from "./callState";
import classes from "./Conversation.module.css";
import { GapRow, PartialRow, QuarantinedRow, UtteranceRow, type Repeat } from "./ConversationRows";
import { conversation, type ConversationItem } from "./transcript";

interface Props {
  call: CallState;
  /** An utterance to bring into view; `nonce` tells two requests for the same one apart. */
  focus: { utteranceId: string; nonce: number } | null;
  /** Raised to go to the newest text (a key was pressed). */
  toLatest: number;
  /** What stands under the newest words. */
  children?: ReactNode;
}

/** How near to the end, in pixels, still counts as reading along. */
const NEAR_END = 48;

/** Both sides of the call, newest at the bottom; it stays where the reader scrolled to until asked to go on. */
export function Conversation({ call, focus, toLatest, children }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const [seen, setSeen] = useState(0);
  const { utterances, speakers, quarantined, gaps, alerts, repetitions, started } = call;
  const items = useMemo(
    () => conversation({ utterances, quarantined, gaps, alerts }),
    [utterances, quarantined, gaps, alerts],
  );
  const repeats = useMemo(() => {
    const marks = new Map<string, Repeat>();
    for (const { utterance_ids: ids, count, earlier_call_ids: earlier } of repetitions) {
      const newest = ids.at(-1);
      if (newest === undefined) continue;
      const before = marks.get(newest) ?? { count: 1, earlierCalls: 0 };
      marks.set(newest, {
        count: Math.max(before.count, count),
        earlierCalls: Math.max(before.earlierCalls, earlier.length),
      });
    }
    return marks;
  }, [repetitions]);

  const [asked, setAsked] = useState({ focus, toLatest });
  if (asked.focus !== focus || asked.toLatest !== toLatest) {
    setAsked({ focus, toLatest });
    setFollowing(asked.toLatest !== toLatest);
  }
  const goToEnd = () => setFollowing(true);
  useLayoutEffect(() => {
    if (following && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [following, items, repeats, call.speakers, call.reviews, call.partials, call.ended, call.assistance]);
  useEffect(() => {
    if (focus === null) return;
    const row = box.current?.querySelector(`[data-utterance-id="${CSS.escape(focus.utteranceId)}"]`);
    if (!(row instanceof HTMLElement)) return;
    row.scrollIntoView({ block: "center" });
    row.setAttribute("data-flash", "true");
    const timer = setTimeout(() => row.removeAttribute("data-flash"), 1500);
    return () => clearTimeout(timer);
  }, [focus]);

  const onScroll = () => {
    const element = box.current;
    if (element === null) return;
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END;
    if (near !== following) {
      setFollowing(near);
      setSeen(items.length);
    }
  };
  const unread = following ? 0 : Math.max(0, items.length - seen);

  return (
    <section className={classes.column} aria-label={t("desk.conversation.title")} id="content">
      <div className={classes.words}>
        <div
          ref={box}
          className={classes.scroll}
          onScroll={onScroll}
          tabIndex={0}
          role="log"
          aria-live="off"
          data-testid="conversation"
        >
          {items.length === 0 && call.partials.length === 0 && (
            <p className={classes.empty}>{t("desk.conversation.empty")}</p>
          )}
          {items.map((item) => (
            <Row
              key={item.key}
              item={item}
              speakers={speakers}
              reviews={call.reviews}
              startedAt={started?.started_at ?? null}
              repeats={repeats}
            />
          ))}
          {call.partials.map((partial) => (
            <PartialRow key={partial.utterance_id} partial={partial} />
          ))}
          {call.ended !== null && (
            <p className={classes.divider} data-testid="call-ended">
              <span>{t("desk.conversation.ended")}</span>
            </p>
          )}
        </div>
        {!following && (
          <Button
            className={classes.latest ?? ""}
            size="compact-md"
            onClick={goToEnd}
            data-testid="to-latest"
          >
            {unread > 0
              ? t("desk.conversation.latest_new", { count: unread })
              : t("desk.conversation.latest")}{" "}
            ↓
          </Button>
        )}
      </div>
      {children}
    </section>
  );
}

interface RowProps {
  item: ConversationItem;
  speakers: CallState["speakers"];
  reviews: CallState["reviews"];
  startedAt: string | null;
  repeats: ReadonlyMap<string, Repeat>;
}

function Row({ item, speakers, reviews, startedAt, repeats }: RowProps) {
  switch (item.kind) {
    case "utterance":
      return (
        <UtteranceRow
          utterance={item.utterance}
          found={speakers[item.utterance.utterance_id] ?? null}
          alerts={item.alerts}
          reviews={reviews}
          startedAt={startedAt}
          repeat={repeats.get(item.utterance.utterance_id) ?? null}
        />
      );
    case "quarantined":
      return <QuarantinedRow quarantined={item.quarantined} />;
    case "gap":
      return <GapRow gap={item.gap} />;
  }
}
