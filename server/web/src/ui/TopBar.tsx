import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import classes from "./TopBar.module.css";
import { UserMenu } from "./UserMenu";

interface Props {
  title: ReactNode;
  children?: ReactNode;
  /** Asked before signing out; true when something would be lost. */
  unsaved?: boolean;
}

export function TopBar({ title, children, unsaved = false }: Props) {
  const { t } = useTranslation();
  return (
    <header className={classes.bar}>
      <a className="k-skip" href="#content">
        {t("common.skip")}
      </a>
      <img src="/icon.svg" alt="" width={24} height={24} />
      <h1 className={classes.title}>{title}</h1>
      <div className={classes.middle}>{children}</div>
      <UserMenu unsaved={unsaved} />
    </header>
  );
}
