import { useTranslation } from "react-i18next";
import type { LedgerChannel } from "../api/events";
import { speakerWord } from "../ui/words";
import { ledgerBar } from "./ledger";
import classes from "./Proof.module.css";

/** One bar per speaker whose parts add up to the call's length. */
export function LedgerBars({ channels }: { channels: readonly LedgerChannel[] }) {
  const { t, i18n } = useTranslation();
  const amount = (ms: number) => `${ms.toLocaleString(i18n.language)} ms`;
  return channels.map(ledgerBar).map((bar) => (
    <div key={bar.index} className={classes.ledger} data-testid="ledger-channel" data-balanced={bar.balanced}>
      <span className={classes.ledgerName}>{speakerWord(t, bar.role)}</span>
      <div>
        <div className={classes.bar} aria-hidden="true">
          {bar.parts.map((part) => (
            <span key={part.cause} data-cause={part.cause} style={{ width: `${100 * part.share}%` }} />
          ))}
        </div>
        <p className={classes.legend}>
          {bar.parts
            .filter((part) => part.ms > 0 || part.cause === "captured" || part.cause === "lost")
            .map((part) => (
              <span key={part.cause}>
                <i data-cause={part.cause} aria-hidden="true" />
                {t(`recordings.ledger.${part.cause}`)} {amount(part.ms)}
              </span>
            ))}
          <span>= {amount(bar.durationMs)}</span>
          {!bar.balanced && <strong role="alert">{t("recordings.ledger.mismatch")}</strong>}
        </p>
      </div>
    </div>
  ));
}
