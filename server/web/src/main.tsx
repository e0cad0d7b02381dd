import "@mantine/core/styles.css";
import "./ui/global.css";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { startTranslations } from "./i18n";

await startTranslations();
const root = document.getElementById("root");
if (root === null) throw new Error("expected an element with id root");
createRoot(root).render(<App />);
