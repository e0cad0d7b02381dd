import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { AlertReview } from "../api/events";
import classes from "./ReviewMark.module.css";

/** What a third opinion thinks of an alert: an estimate beside it, which takes nothing away. */
export function ReviewMark({ review }: { review: AlertReview | null }) {
  const { t } = useTranslation();
  if (review === null) return null;
  const supports = review.verdict === "harassment";
  const reason = review.reason === "" ? t("review.no_reason") : review.reason;
  const label = t(supports ? "review.supported_by" : "review.doubted_by", { model: review.model, reason });
  return (
    <Tooltip label={label} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
      <span
        className={classes.mark}
        tabIndex={0}
        aria-label={label}
        data-testid="alert-review"
        data-verdict={review.verdict}
      >
        {t(supports ? "review.supported" : "review.doubted")}
      </span>
    </Tooltip>
  );
}
