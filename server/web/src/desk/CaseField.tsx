import { Textarea, TextInput } from "@mantine/core";
import { useEffect, useState, type FocusEvent, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import type { CaseField as FieldName } from "../api/events";
import type { FieldView } from "../live/caseEdits";
import classes from "./Case.module.css";

interface Props {
  field: FieldName;
  view: FieldView;
  onType: (text: string) => void;
  onSave: () => void;
  onDiscard: () => void;
  /** The field the pointer or the focus is on; null when it left. */
  onPoint: (field: FieldName | null) => void;
}

const LONG: ReadonlySet<FieldName> = new Set(["about_what", "demand", "conclusion", "promises"]);
const FRESH_MS = 2_500;

export function CaseField({ field, view, onType, onSave, onDiscard, onPoint }: Props) {
  const { t } = useTranslation();
  // A value that changes under the cursor would be written over while it is being read.
  const [held, setHeld] = useState<string | null>(null);
  const fresh = useFresh(view.text, view.status === "proposed");
  const isServices = view.status === "proposed" || view.status === "empty";
  const text = isServices ? (held ?? view.text) : view.text;
  const id = `case-${field}`;

  const onFocus = () => {
    setHeld(view.text);
    onPoint(field);
  };
  const onBlur = (event: FocusEvent<HTMLElement>) => {
    setHeld(null);
    // Leaving the window blurs as well; half a word is not yet what the agent wants to say.
    if (document.hasFocus() && event.relatedTarget !== null && view.status === "typing") onSave();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      setHeld(null);
      onDiscard();
      event.currentTarget.blur();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !LONG.has(field)) {
      event.preventDefault();
      if (text.trim() === "") return;
      if (view.status === "proposed") onType(text);
      onSave();
    }
  };
  const props = {
    id,
    name: field,
    value: text,
    autoComplete: "off",
    maxLength: 2000,
    size: "xs" as const,
    onChange: (event: { currentTarget: { value: string } }) => onType(event.currentTarget.value),
    onFocus,
    onBlur,
    onKeyDown,
    classNames: { input: classes.input ?? "" },
  };
  return (
    <div
      className={classes.field}
      data-testid="case-field"
      data-field={field}
      data-status={view.status}
      data-fresh={fresh}
      onMouseEnter={() => onPoint(field)}
      onMouseLeave={() => onPoint(null)}
    >
      <label htmlFor={id} className={classes.label} title={t(`desk.case.field.${field}`)}>
        {t(`desk.case.field.${field}`)}
      </label>
      {LONG.has(field) ? <Textarea {...props} autosize minRows={1} maxRows={3} /> : <TextInput {...props} />}
      <FieldMark view={view} />
    </div>
  );
}

function FieldMark({ view }: { view: FieldView }) {
  const { t } = useTranslation();
  switch (view.status) {
    case "empty":
      return <span className={classes.mark} />;
    case "proposed": {
      const label = t("desk.case.confidence", { percent: Math.round(view.confidence * 100) });
      return (
        <span className={classes.mark} title={label} role="img" aria-label={label}>
          <span className={classes.dot} data-level={level(view.confidence)} />
        </span>
      );
    }
    case "confirmed":
      return <span className={classes.mark}>{t("desk.case.confirmed")}</span>;
    case "typing":
      return (
        <span
          className={classes.mark}
          data-unsaved="true"
          role="img"
          aria-label={t("desk.case.typing")}
          title={t("desk.case.typing")}
        >
          ●
        </span>
      );
    case "saving":
      return (
        <span
          className={classes.mark}
          role="img"
          aria-label={t("desk.case.saving")}
          title={t("desk.case.saving")}
        >
          …
        </span>
      );
    case "refused":
      return (
        <span
          className={classes.mark}
          data-unsaved="true"
          role="img"
          aria-label={t("desk.case.refused")}
          title={t("desk.case.refused")}
        >
          ✕
        </span>
      );
  }
}

function level(confidence: number): "low" | "middle" | "high" {
  if (confidence >= 0.8) return "high";
  return confidence >= 0.5 ? "middle" : "low";
}

/** Right after a page opens, everything is new and nothing is news. */
const OPENING_MS = 1_500;

/** True for a short while after the service has put a new value in. */
function useFresh(text: string, isProposed: boolean): boolean {
  const [opening, setOpening] = useState(true);
  const [shown, setShown] = useState({ text, fresh: false });
  if (shown.text !== text) setShown({ text, fresh: !opening && isProposed && text !== "" });
  useEffect(() => {
    const timer = setTimeout(() => setOpening(false), OPENING_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (!shown.fresh) return;
    const timer = setTimeout(() => setShown({ text: shown.text, fresh: false }), FRESH_MS);
    return () => clearTimeout(timer);
  }, [shown]);
  return shown.fresh;
}
