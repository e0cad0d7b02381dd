import { Button, Popover } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { clock } from "../i18n/format";
import { useProblemText } from "../ui/Notice";
import classes from "./Masking.module.css";
import deskClasses from "./Desk.module.css";
import type { Masking } from "./useMasking";

const REASONS = ["card-asked", "card-spoken", "key-run", "keys", "payment"] as const;

export function MaskingButton({ masking }: { masking: Masking }) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  return (
    <Popover opened={masking.error !== null} withArrow>
      <Popover.Target>
        <Button
          size="compact-md"
          variant="default"
          loading={masking.busy}
          onClick={masking.start}
          data-testid="mask"
        >
          {t("masking.start")}
          <kbd className={deskClasses.kbdOn}>F4</kbd>
        </Button>
      </Popover.Target>
      <Popover.Dropdown role="alert">{masking.error !== null && problemText(masking.error)}</Popover.Dropdown>
    </Popover>
  );
}

/** Says calmly that nothing is kept now, why, and when that ends; the agent may end it or let it last. */
export function MaskingBanner({ masking, callMs }: { masking: Masking; callMs: number }) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  if (!masking.isOn) return null;
  const reason = REASONS.find((known) => known === masking.reason);
  const leftMs = masking.untilMs === null ? null : Math.max(0, masking.untilMs - callMs);
  return (
    <div className={classes.banner} data-testid="masking-banner">
      <p className={classes.words} role="status">
        <strong>{t("masking.on")}</strong>
        {reason !== undefined && <span>{t(`masking.because.${reason}`)}</span>}
        <span>{t("masking.kept_out")}</span>
      </p>
      {leftMs !== null && (
        <span className={classes.left} role="timer" data-testid="masking-left">
          {t("masking.left", { time: clock(leftMs) })}
        </span>
      )}
      <Button size="compact-sm" variant="default" onClick={masking.start} data-testid="mask-extend">
        {t("masking.extend")}
      </Button>
      <Button size="compact-sm" loading={masking.busy} onClick={masking.stop} data-testid="mask-stop">
        {t("masking.stop")}
        <kbd className={deskClasses.kbdOn}>F4</kbd>
      </Button>
      {masking.error !== null && <span role="alert">{problemText(masking.error)}</span>}
    </div>
  );
}
