import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type RefObject } from "react";
import { useTranslation } from "react-i18next";
import { openAudio } from "../api/endpoints";
import { clock } from "../i18n/format";
import { useProblemText } from "../ui/Notice";
import classes from "./Player.module.css";

interface Props {
  recordingId: string;
  inputRef: RefObject<HTMLInputElement | null>;
  /** Where playing will begin, when a word or a hit was chosen. */
  startMs: number | null;
  onOpened: (purpose: string, audioUrl: string) => void;
}

/** Nobody listens without saying why; the answer is kept before the first byte of audio leaves the service. */
export function PurposeForm({ recordingId, inputRef, startMs, onOpened }: Props) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  const [purpose, setPurpose] = useState("");
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => openAudio(recordingId, purpose.trim()),
    onSuccess: (grant) => onOpened(purpose.trim(), grant.audio_url),
  });
  return (
    <form
      className={classes.purpose}
      data-testid="purpose-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (purpose.trim() !== "") mutate();
      }}
    >
      <label htmlFor="purpose">
        <strong>{t("recordings.purpose")}</strong>
        <small>{t("recordings.purpose_why")}</small>
      </label>
      <div className={classes.purposeRow}>
        <input
          ref={inputRef}
          id="purpose"
          name="purpose"
          required
          maxLength={200}
          autoComplete="off"
          list="purposes"
          placeholder={t("recordings.purpose_placeholder")}
          value={purpose}
          onChange={(event) => setPurpose(event.currentTarget.value)}
        />
        <datalist id="purposes">
          {t("recordings.purpose_examples")
            .split("|")
            .map((example) => (
              <option key={example} value={example} />
            ))}
        </datalist>
        <Button
          type="submit"
          loading={isPending}
          disabled={purpose.trim() === ""}
          data-testid="purpose-submit"
        >
          {t("recordings.purpose_submit")}
          {startMs !== null && ` ▶ ${clock(startMs)}`}
        </Button>
      </div>
      {error !== null && <p role="alert">{problemText(error)}</p>}
    </form>
  );
}
