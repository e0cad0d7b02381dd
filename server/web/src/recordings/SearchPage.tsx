import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { searchRecordings, type RecordingQuery } from "../api/endpoints";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { Loading, Problem } from "../ui/Notice";
import { TopBar } from "../ui/TopBar";
import { useKeys } from "../ui/useKeys";
import { ResultRow } from "./ResultRow";
import classes from "./Search.module.css";

const FIELDS = ["person", "number", "from", "to", "words"] as const;

/** Finds recordings. The search is in the address, so that it can be gone back to and shared. */
export function SearchPage() {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const query = readQuery(params);
  const key = FIELDS.map((field) => query[field]).join("\n");
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  useKeys([{ key: "/", run: () => first.current?.focus() }]);
  const { data, error, isPending, isFetching, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ["recordings", key],
    queryFn: ({ pageParam }) => searchRecordings(query, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  const search = (next: RecordingQuery) => {
    setParams(
      Object.fromEntries(Object.entries(next).filter(([, value]) => (value as string).trim() !== "")),
    );
    void refetch();
  };
  return (
    <div className={classes.page}>
      <TopBar title={t("recordings.title")}>
        <span className={classes.grow} />
        <LanguageSwitch />
      </TopBar>
      <main className={classes.main} id="content">
        <SearchForm key={key} initial={query} busy={isFetching} inputRef={first} onSearch={search} />
        {error !== null && <Problem error={error} onRetry={() => void refetch()} />}
        {isPending && <Loading />}
        {data !== undefined && (
          <p className={classes.count} role="status" data-testid="result-count">
            {items.length === 0
              ? t("recordings.search.none")
              : t(hasNextPage ? "recordings.search.found_more" : "recordings.search.found", {
                  count: items.length,
                })}
            {items.length === 0 && query.words !== "" && ` ${t("recordings.search.words_none")}`}
          </p>
        )}
        <ul className={classes.results}>
          {items.map((item) => (
            <ResultRow key={item.recording_id} item={item} words={query.words} />
          ))}
        </ul>
        {hasNextPage && (
          <Button
            variant="default"
            loading={isFetching}
            onClick={() => void fetchNextPage()}
            data-testid="more"
          >
            {t("common.more")}
          </Button>
        )}
      </main>
    </div>
  );
}

function readQuery(params: URLSearchParams): RecordingQuery {
  const [person = "", number = "", from = "", to = "", words = ""] = FIELDS.map(
    (field) => params.get(field) ?? "",
  );
  return { person, number, from, to, words };
}

interface FormProps {
  initial: RecordingQuery;
  busy: boolean;
  inputRef: React.RefObject<HTMLInputElement | null>;
  onSearch: (query: RecordingQuery) => void;
}

const EMPTY: RecordingQuery = { person: "", number: "", from: "", to: "", words: "" };

function SearchForm({ initial, busy, inputRef, onSearch }: FormProps) {
  const { t } = useTranslation();
  const [query, setQuery] = useState(initial);
  const types = { person: "text", number: "tel", from: "date", to: "date", words: "search" } as const;
  return (
    <form
      className={classes.form}
      data-testid="search-form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(query);
      }}
    >
      {FIELDS.map((field) => (
        <label key={field} className={classes.field} data-field={field}>
          {t(`recordings.search.${field}`)}
          <input
            ref={field === "person" ? inputRef : undefined}
            name={field}
            type={types[field]}
            maxLength={200}
            min={field === "to" ? query.from : undefined}
            autoComplete="off"
            value={query[field]}
            onChange={(event) => setQuery({ ...query, [field]: event.currentTarget.value })}
          />
        </label>
      ))}
      <Button type="submit" loading={busy} data-testid="search">
        {t("recordings.search.submit")}
      </Button>
      <Button variant="subtle" onClick={() => onSearch(EMPTY)}>
        {t("recordings.search.clear")}
      </Button>
    </form>
  );
}
